"""Which server a run uses, and what it reads of the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.server import _free_port, prepare
from tests.flows.conftest import ROOT, bare_environment


def test_a_dead_address_is_a_clear_error_and_nothing_runs(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{_free_port()}/api"
    done = subprocess.run(
        [sys.executable, "-m", "pvbesscar.cli", "run", "--set", f"data.root={tmp_path}"],
        cwd=ROOT, env={**bare_environment(), "PREFECT_API_URL": url}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: PREFECT_API_URL is {url}, and no server answers there")
    assert "Hint: start it with `.venv/bin/prefect server start`" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "outputs").exists()


def test_the_database_is_in_the_project_and_a_configured_address_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for key in [key for key in os.environ if key.startswith("PREFECT_")]:
        monkeypatch.delenv(key)
    profiles = tmp_path / "home/.prefect/profiles.toml"
    profiles.parent.mkdir(parents=True)
    profiles.write_text("")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", dict(os.environ) | {"PREFECT_CLIENT_MAX_RETRIES": "3"})
        prepare(tmp_path / "project", quiet=True)
        seen = dict(os.environ)
    assert seen["PREFECT_HOME"] == str(tmp_path / "project/.prefect")
    assert seen["PREFECT_PROFILES_PATH"] == str(profiles)
    assert seen["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert seen["PREFECT_CLIENT_MAX_RETRIES"] == "3"
    assert seen["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] == "CRITICAL"


def test_the_command_line_module_of_prefect_is_not_needed_to_prepare() -> None:
    code = "import sys; import flows.server; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
