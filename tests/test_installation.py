"""The installed set is the locked set, and the known conflicts are solved the known way (docs/installation.md)."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import runpy
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

# What builds the environment, and the project itself: everything else comes from a lock.
NOT_LOCKED = {"pip", "uv", "pvbesscar"}


def requirements(path: Path) -> list[Requirement]:
    lines = (line.split(" #")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def locked(path: Path) -> dict[str, str]:
    """Version by name; a lock holds nothing but exact versions."""
    pins: dict[str, str] = {}
    for requirement in requirements(path):
        (pin,) = requirement.specifier
        assert pin.operator == "==", f"{path.name}: {requirement} is no exact version"
        pins[canonicalize_name(requirement.name)] = str(Version(pin.version))
    return pins


@cache
def installed() -> dict[str, str]:
    """Version by name, without the local part: torch 2.13.0+cpu is a build of the locked 2.13.0."""
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = canonicalize_name(distribution.metadata["Name"])
        # The first on the path is the one that is imported.
        found.setdefault(name, Version(distribution.version).public)
    return found


def is_cuda_build() -> bool:
    spec = importlib.util.find_spec("torch")
    assert spec is not None
    assert spec.origin is not None
    return runpy.run_path(str(Path(spec.origin).with_name("version.py")))["cuda"] is not None


def test_installed_set_is_the_locked_set(repo_root: Path) -> None:
    expected = locked(repo_root / "requirements.lock")
    if is_cuda_build():
        expected |= locked(repo_root / "requirements-cuda.lock")
    present = {name: version for name, version in installed().items() if name not in NOT_LOCKED}

    missing = sorted(expected.keys() - present.keys())
    extra = sorted(present.keys() - expected.keys())
    other = {n: (present[n], expected[n]) for n in expected.keys() & present.keys() if present[n] != expected[n]}
    assert (missing, extra, other) == ([], [], {}), "missing, not in the lock, (installed, locked). Hint: make install"


def test_locks_split_the_cuda_packages_off(repo_root: Path) -> None:
    cuda = locked(repo_root / "requirements-cuda.lock")
    assert {"triton", "cuda-toolkit"} <= cuda.keys()
    assert all(name == "triton" or name.startswith(("nvidia-", "cuda-")) for name in cuda)
    assert not cuda.keys() & locked(repo_root / "requirements.lock").keys()


def test_lock_answers_what_the_project_asks_for(repo_root: Path) -> None:
    pins = locked(repo_root / "requirements.lock")
    stale = [
        str(asked)
        for asked in requirements(repo_root / "requirements.in")
        if not asked.specifier.contains(pins.get(canonicalize_name(asked.name), "0.dev0"))
    ]
    assert not stale, f"requirements.lock does not answer {stale}. Hint: make lock"


def test_only_the_overridden_requirements_are_unmet(repo_root: Path) -> None:
    overridden = {canonicalize_name(r.name) for r in requirements(repo_root / "overrides.txt")}
    unmet = set()
    for distribution in importlib.metadata.distributions():
        for requirement in map(Requirement, distribution.requires or []):
            if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
                continue
            version = installed().get(canonicalize_name(requirement.name))
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                unmet.add((canonicalize_name(distribution.metadata["Name"]), canonicalize_name(requirement.name)))
    cuda = set() if is_cuda_build() else locked(repo_root / "requirements-cuda.lock").keys()
    assert {needed for _, needed in unmet} - cuda <= overridden, unmet
    assert {by for by, needed in unmet if needed in overridden} <= {"citylearn"}, unmet


def test_citylearn_did_not_fall_back() -> None:
    # A resolve without overrides.txt takes 2.2b0, the last version that pins nothing, without a word.
    assert Version(importlib.metadata.version("citylearn")) >= Version("3.0.2")


@pytest.mark.parametrize("module", ["openstudio", "torchvision", "doe_xstock"])
def test_building_stock_packages_stay_out(module: str) -> None:
    # CityLearn asks for them to import building stocks, which this project does not do: some 400 MB.
    assert importlib.util.find_spec(module) is None


@pytest.mark.parametrize(
    ("name", "bounds", "reason"),
    [
        ("prefect", "==3.8.8", "3.9 does not resolve with these packages (certifi)"),
        (
            "fastapi",
            ">=0.139,<0.151",
            "0.151 to 0.154 answer client calls with 422; from 0.155 no server starts",
        ),
        ("sqlalchemy", ">=2.0,<2.1", "with 2.1 the server runs and never creates the runs of a schedule"),
        ("gymnasium", ">=1.0", "Stable-Baselines3 is written for 1.x; CityLearn asks for 0.28"),
        ("numpy", ">=2.0", "parity with CityLearn is bit for bit under the promotion rules of NumPy 2"),
    ],
)
def test_bounds_that_have_a_reason(name: str, bounds: str, reason: str) -> None:
    assert SpecifierSet(bounds).contains(importlib.metadata.version(name)), reason


def test_prefect_server_imports(tmp_path: Path) -> None:
    # In a process of its own: the server's import reads settings and must not touch this user's Prefect.
    code = "from prefect.server.api.server import create_app; assert create_app(ephemeral=True).routes"
    environment = os.environ | {"PREFECT_HOME": str(tmp_path), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
