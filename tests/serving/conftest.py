"""One site whose rule was certified and evaluated, for all tests of the service."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from pvbesscar import plant
from pvbesscar.evaluation.evaluate import EvaluationRequest, evaluate
from pvbesscar.plant.certificate import package_versions
from pvbesscar.store.dataset_manifest import read_manifest
from pvbesscar.store.files import write_text
from pvbesscar.store.workspace import Workspace
from schemas.certificates import Certificate
from schemas.settings import Settings
from tests.mini_site import mini_site


def certificate(settings: Settings, workspace: Workspace) -> Certificate:
    """A certificate of this dataset and code; tests of `certify` see that it is true."""
    return Certificate(
        scenario=settings.name, scope="windows", verdict="equal",
        dataset_digest=read_manifest(workspace.dataset).digest,
        plant_code_digest=plant.code_digest(), versions=package_versions(), platform="a test", differences=(), runs=(),
        hours=0, branches={}, branches_missed=(), seconds=0.0,
    )  # fmt: skip


@pytest.fixture(scope="package")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the site; its folder is for reading."""
    settings = mini_site(tmp_path_factory.mktemp("serving"))
    workspace = Workspace.of(settings)
    write_text(workspace.certificate, certificate(settings, workspace).model_dump_json())
    evaluate(settings, workspace, "smoke", request=EvaluationRequest("smoke", ("rule", "constant-1")), workers=1)
    return settings


@pytest.fixture
def project(evaluated: Settings, tmp_path: Path) -> Settings:
    """A copy of the site that a test may change."""
    root = tmp_path / "project"
    shutil.copytree(evaluated.data.root, root)
    raw = evaluated.model_dump(mode="json")
    raw["data"]["root"] = str(root)
    settings = Settings.model_validate(raw)
    write_text(root / "config" / "iquitos_mall.yaml", yaml.safe_dump(raw | {"data": raw["data"] | {"root": "."}}))
    return settings
