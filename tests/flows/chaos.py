"""Every stage on a small site, in this process, and a way to die at a chosen moment.

A moment is an instant of a write (draft made, content there but not moved, moved, folder swapped, draft removed) or the
end of a stage. `moments` lists them; `run` ends with kill -9 at the one that it is given.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pvbesscar.agents import train as training
from pvbesscar.certify import plan
from pvbesscar.lineage.context import RunContext, StageOptions
from pvbesscar.lineage.runner import run_stage
from pvbesscar.lineage.stages import stages_of
from pvbesscar.store import files
from pvbesscar.store.drafts import PATTERN, sweep
from pvbesscar.store.files import read_json, sha256_file, sha256_json
from pvbesscar.store.locks import held
from pvbesscar.store.workspace import Workspace
from schemas.settings import AGENTS, Settings
from tests.builders import scenario
from tests.mini_site import SMOKE, TRAINING, WINDOWS

EV = {"chargers": 2, "moto_chargers": 1, "source": "synthetic", "dwell_hours": 3, "declared_kwh": 232_341.0 / 16}


def small_site(root: Path) -> Settings:
    """A synthetic year of two chargers that the quality gate accepts, and trainings of a second."""
    agents = {"simulator": "twin", "plants": 4, "smoke": SMOKE | {"steps": 96}}
    return scenario(root, training=TRAINING | agents, evaluation=WINDOWS, ev=EV)


def run(root: Path, at: Callable[[str], None]) -> None:
    """All stages, the way a run does them: alone, after sweeping up, each where it is stale, with its record; `at` is
    told of each moment.
    """
    settings = small_site(root)
    workspace = Workspace.of(settings)
    with pytest.MonkeyPatch.context() as patch, held(workspace.lock("run"), "chaos", when_busy="refuse"):
        patch.setattr(plan, "windows", lambda _data, _hours: ((0, 24),))
        patch.setattr(training, "STATE_EVERY_S", 0.0)
        patch.setattr(training, "STATE_SHARE", 0.0)
        _listen(patch, at)
        sweep(root)
        project = RunContext(settings, "smoke", options=StageOptions(workers=1))
        for stage in stages_of(settings):
            run_stage(stage.name, project)
            at(f"after {stage.name}")


def _listen(patch: pytest.MonkeyPatch, at: Callable[[str], None]) -> None:
    def around(owner: Any, name: str, before: str, after: str) -> None:
        real = getattr(owner, name)

        def told(*arguments: Any, **more: Any) -> Any:
            if before:
                at(before)
            result = real(*arguments, **more)
            if after:
                at(after)
            return result

        patch.setattr(owner, name, told)

    around(tempfile, "mkstemp", "", "draft of a file made")
    around(tempfile, "mkdtemp", "", "draft of a folder made")
    around(os, "fsync", "content written, not moved", "")
    around(Path, "replace", "", "file moved in")
    around(Path, "rename", "", "folder moved in")
    around(files, "_exchange", "folder about to be swapped", "folder swapped, the old one still there")
    around(shutil, "rmtree", "draft about to be removed", "")


def moments(root: Path) -> list[str]:
    """Every moment of an undisturbed run, in order."""
    seen: list[str] = []
    run(root, seen.append)
    return seen


def die_at(number: int) -> Callable[[str], None]:
    """Return a listener that ends this process with kill -9 at the moment of that number."""
    count = -1

    def at(_moment: str) -> None:
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


def digests(root: Path) -> dict[str, str]:
    """What a run leaves, without times: the same for every run of the same inputs."""
    workspace = Workspace.of(small_site(root))
    certificate = read_json(workspace.certificate)
    certificate.pop("seconds")
    found = {
        "canonical": sha256_json(read_json(workspace.canonical / "provenance.json")["files"]),
        "quality": sha256_json(read_json(workspace.quality / "quality_report.json")).replace(str(root), ""),
        "dataset": read_json(workspace.dataset / "manifest.json")["digest"],
        "certificate": sha256_json(certificate),
        "evaluation": sha256_json(read_json(workspace.evaluation / "evaluation_report.json")),
    }
    for agent in AGENTS:
        found[agent] = sha256_json({path.name: sha256_file(path) for path in workspace.checkpoints(agent).iterdir()})
    return found


def debris(root: Path) -> list[str]:
    """Drafts and states of unfinished trainings."""
    paths = [path for path in root.rglob("*") if PATTERN.fullmatch(path.name)]
    return sorted(str(path) for path in [*paths, *(root / "checkpoints/unfinished").glob("*")])
