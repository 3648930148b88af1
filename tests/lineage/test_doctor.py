"""Broken installations, environments and projects: each is named with its cure, and the cure works."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pvbesscar.cli import app
from pvbesscar.lineage import doctor
from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.doctor import Finding, examine_installation, examine_project
from pvbesscar.store.locks import held
from pvbesscar.store.processes import ProcessMark
from schemas.certificates import Certificate
from schemas.errors import ConfigError
from tests.flows.conftest import ROOT
from tests.lineage.site import measured_site, run

STAND_IN = "certificate"
"""The small site's certificate is a stand-in, which the doctor rightly calls unreadable."""


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_API_URL", "HTTP_PROXY", "http_proxy", "ATEN_CPU_CAPABILITY", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.delenv(name, raising=False)


def faults(findings: Iterator[Finding]) -> dict[str, Finding]:
    return {one.subject: one for one in findings if one.state == "wrong" and one.subject != STAND_IN}


def test_nothing_is_wrong_with_a_healthy_checkout(place: RunContext) -> None:
    began = time.monotonic()
    assert faults(examine_installation(ROOT)) == {}
    assert faults(examine_project(place)) == {}
    assert time.monotonic() - began < 5.0
    states = {one.subject: one.state for one in examine_project(place)}
    assert {states[f"stage {name}"] for name in ("ingest", "validate", "build", "train-sac", "evaluate")} == {"ok"}
    assert states["OE2 files"] == states["quality gate"] == "ok"


# The installation: cures are the user's to type ---------------------------------------------------------------------


def locked(tmp_path: Path, line: str) -> Path:
    (tmp_path / "requirements.lock").write_text(f"# made by a tool\n{line}\n    # via pandas\n", encoding="utf-8")
    return tmp_path


def test_a_package_of_another_version_is_named(tmp_path: Path) -> None:
    found = faults(examine_installation(locked(tmp_path, "numpy==1.0.1")))["packages"]
    assert found.seen == f"numpy {metadata.version('numpy')}, locked 1.0.1"
    assert "make install" in found.cure
    assert faults(examine_installation(locked(tmp_path, f"numpy=={metadata.version('numpy')}"))) == {}


def test_a_package_that_is_missing_is_named(tmp_path: Path) -> None:
    assert faults(examine_installation(locked(tmp_path, "no-such-package==2.0")))["packages"].seen == (
        "no-such-package missing, locked 2.0"
    )


def test_packages_without_a_lock_are_no_fault_but_said(tmp_path: Path) -> None:
    states = {one.subject: one.state for one in examine_installation(tmp_path)}
    assert states["packages"] == "note"


def test_the_code_of_another_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "pvbesscar").mkdir()
    (tmp_path / "pvbesscar" / "__init__.py").touch()
    assert str(ROOT) in faults(examine_installation(tmp_path))["code"].seen


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("NUMBA_DISABLE_JIT", "1", "`unset NUMBA_DISABLE_JIT`"),
        ("PYTHONOPTIMIZE", "2", "`unset PYTHONOPTIMIZE`"),
        ("HTTP_PROXY", "http://proxy.invalid:3128", "`export NO_PROXY=127.0.0.1,localhost`"),
        ("PREFECT_API_URL", "http://127.0.0.1:9/api", "`unset PREFECT_API_URL`"),
        ("PREFECT_API_URL", "nonsense", "`unset PREFECT_API_URL`"),
    ],
)
def test_a_switch_of_the_environment_is_named_and_its_cure_works(
    name: str, value: str, cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv(name, value)
    (found,) = faults(examine_installation(ROOT)).values()
    assert found.cure == cure
    cured = subprocess.run(
        ["bash", "-c", f"{cure.strip('`')}; exec {sys.executable} -m pvbesscar.cli doctor --json"],
        cwd=ROOT, env=dict(os.environ) | {"PYTHONPATH": ""}, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    told = json.loads(cured.stdout)
    assert "packages" in {one["subject"] for one in told}
    assert [one for one in told if (one["subject"], one["state"]) == (found.subject, "wrong")] == []


# The project: cures are commands ------------------------------------------------------------------------------------


def spoil_canonical(place: RunContext) -> None:
    (place.workspace.canonical / "pv.parquet").write_bytes(b"no table")


def lose_a_charger(place: RunContext) -> None:
    min(place.workspace.dataset.glob("charger_*.csv")).unlink()


def edit_the_schema(place: RunContext) -> None:
    schema = place.workspace.dataset / "schema.json"
    schema.write_text(schema.read_text(encoding="utf-8").replace("0.9", "0.95"), encoding="utf-8")


def lose_a_model(place: RunContext) -> None:
    place.workspace.final_model("ppo").unlink()


def cut_a_record(place: RunContext) -> None:
    record = place.workspace.lineage / "evaluate.json"
    record.write_text(record.read_text(encoding="utf-8")[:40], encoding="utf-8")


def lose_the_report(place: RunContext) -> None:
    shutil.rmtree(place.workspace.report)


@pytest.mark.parametrize(
    ("harm", "subject", "cure"),
    [
        (spoil_canonical, "stage ingest", "`pvbesscar rerun ingest`"),
        (lose_a_charger, "stage build", "`pvbesscar rerun build`"),
        (edit_the_schema, "stage build", "`pvbesscar rerun build`"),
        (lose_a_model, "stage train-ppo", "`pvbesscar rerun train`"),
        (cut_a_record, "stage evaluate", "`pvbesscar rerun evaluate`"),
        (lose_the_report, "stage publish", "`pvbesscar rerun publish`"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_result_that_is_not_what_its_stage_left_is_named_and_made_again(
    harm: Callable[[RunContext], None], subject: str, cure: str, place: RunContext
) -> None:
    harm(place)
    assert [(one.subject, one.cure) for one in faults(examine_project(place)).values()] == [(subject, cure)]
    run(place)  # decides and executes as the command does
    assert faults(examine_project(place)) == {}


def test_a_quality_report_that_can_not_be_read_is_named_and_made_again(place: RunContext) -> None:
    (place.workspace.quality / "quality_report.json").write_text("{", encoding="utf-8")
    found = faults(examine_project(place))
    assert set(found) == {"stage validate", "quality gate"}
    assert {one.cure for one in found.values()} == {"`pvbesscar rerun validate`"}
    run(place)
    assert faults(examine_project(place)) == {}


def test_a_missing_file_of_the_site_is_named_with_its_key(place: RunContext) -> None:
    file = place.workspace.root / "oe2" / "mall.csv"
    file.rename(file.with_suffix(".away"))
    found = faults(examine_project(place))["OE2 files"]
    assert str(file) in found.seen
    assert "`mall.file`" in found.cure
    file.with_suffix(".away").rename(file)
    assert faults(examine_project(place)) == {}


def test_a_refusal_of_the_gate_is_named_with_its_report(place: RunContext) -> None:
    path = place.workspace.quality / "quality_report.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    words = dict.fromkeys(("source", "column", "observed", "limit", "message", "cause", "fix"), "PV")
    report["findings"] = [{"rule": "solar.all_zero", "severity": "error"} | words]
    path.write_text(json.dumps(report), encoding="utf-8")
    found = {one.subject: one for one in examine_project(place)}["quality gate"]
    assert found.state == "wrong"
    assert "quality_report.html" in found.cure


def test_a_full_disk_is_named(place: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(place.workspace.root)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage._replace(free=10 * 2**20))
    assert "0.0 GiB free" in faults(examine_project(place))["disk"].seen


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "outputs").touch()
    place = RunContext(measured_site(tmp_path), "smoke")
    found = faults(examine_project(place))["folder"]
    assert ("outputs is no folder" in found.seen, found.cure.startswith("make it a folder")) == (True, True)
    (tmp_path / "outputs").unlink()
    (tmp_path / "outputs").mkdir()
    assert "folder" not in faults(examine_project(place))


def test_a_link_out_of_the_project_is_a_fault_of_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "outputs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=r"outside `data\.root`"):
        RunContext(measured_site(tmp_path / "root"), "smoke")


def test_what_a_killed_service_left_running_is_named(place: RunContext) -> None:
    home = place.workspace.root / ".prefect"
    home.mkdir(exist_ok=True)
    # A leader of a group of its own, as `pvbesscar up` starts it.
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as worker:
        mark = ProcessMark.of(worker.pid)
        assert mark is not None
        told = {"processes": {"worker": {"pid": mark.pid, "started": mark.started, "boot": mark.boot}}}
        (home / "service.json").write_text(json.dumps(told), encoding="utf-8")
        found = faults(examine_project(place))["service"]
        assert "left its worker running" in found.seen
        assert found.cure == "`pvbesscar down`"
        place_options = ["--set", f"data.root={place.workspace.root}"]
        ended = CliRunner().invoke(app, ["down", *place_options])
        assert (ended.exit_code, worker.wait(10)) == (0, -signal.SIGTERM)
    assert faults(examine_project(place)) == {}
    shutil.rmtree(home)


def test_a_run_at_work_is_said_and_no_fault(place: RunContext) -> None:
    with held(place.workspace.lock("run"), "run-of-monday"):
        busy = {one.subject: one for one in examine_project(place)}["runs"]
    assert (busy.state, "run-of-monday" in busy.seen) == ("note", True)


def test_a_certificate_that_does_not_hold_is_named(place: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Certificate, "model_validate_json", lambda _: Certificate.model_construct(verdict="different"))
    found = {one.subject: one for one in examine_project(place)}["certificate"]
    assert found.state == "wrong"
    assert "not equal to CityLearn" in found.seen
