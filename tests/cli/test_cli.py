"""The command line: exit codes, messages without tracebacks, and help that answers at once."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pvbesscar import cli
from pvbesscar.commands.common import print_table
from pvbesscar.lineage.run_manifest import read_manifest
from pvbesscar.lineage.stage import ORDER
from pvbesscar.store.files import write_text
from pvbesscar.store.workspace import Workspace
from schemas.errors import InputError, QualityError, TrainingError
from schemas.progress import Progress

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "citylearn", "prefect", "pandas", "numpy", "stable_baselines3", "pydantic")


def _call(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, list(arguments))


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_help_teaches_with_examples_and_exit_codes() -> None:
    result = _call("--help")
    assert result.exit_code == 0
    for words in ("pvbesscar run", "config show", "pvbesscar train sac", "Exit codes: 0 done", "130 interrupted"):
        assert words in result.output
    assert "--set training.smoke.steps=200" in _call("run", "--help").output


def test_the_examples_of_the_help_are_whole_lines_of_80_columns() -> None:
    shown = CliRunner().invoke(cli.app, ["--help"], env={"COLUMNS": "80"}).output
    written = re.findall(r"(?m)^ {6}(pvbesscar .*)$", str(cli.app.info.help))
    assert len(written) == 10
    assert [line for line in written if line not in shown] == []


def test_commands_are_listed_in_the_order_of_work() -> None:
    listed = re.findall(r"^. ([a-z]+) {2,}[A-Z]", _call("--help").output, re.MULTILINE)
    for order in (["run", "plan", "rerun"], list(ORDER), ["up", "down"]):
        places = [listed.index(name) for name in order]
        assert places == sorted(places)


def test_the_name_of_a_run_is_whole_on_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "iquitos_oe2-reference-20260131T020304Z-a1b2"
    monkeypatch.setenv("COLUMNS", "80")
    print_table(("run", "outcome", "time", "best", "size"), [(name, "completed", "12 min 3 s", "b " * 40, "9 MB")])
    lines = capsys.readouterr().out.splitlines()
    assert name in lines[1]
    assert max(map(len, lines)) <= 80


def test_the_shell_completes_commands() -> None:
    asked = {"_PVBESSCAR_COMPLETE": "complete_bash", "COMP_WORDS": "pvbesscar re", "COMP_CWORD": "1"}
    command = [sys.executable, "-c", "import sys; sys.argv = ['pvbesscar']; from pvbesscar.cli import main; main()"]
    done = subprocess.run(command, env=os.environ | asked, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["rerun"]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom pvbesscar import cli\nsys.argv = ['pvbesscar', '--help']\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        f"sys.exit(','.join(name for name in {HEAVY} if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_version_is_that_of_the_package() -> None:
    assert _call("--version").output == "pvbesscar 0.1.0\n"


def test_config_show_prints_value_unit_and_origin() -> None:
    result = _call("config", "show", "--set", "bess.capacity_kwh=5000")
    assert result.exit_code == 0
    lines = {line.split()[0]: line.split() for line in result.stdout.splitlines()}
    assert lines["bess.capacity_kwh"][1:4] == ["5000.0", "kWh", "--set"]
    assert lines["bess.power_kw"][1:4] == ["2712.0", "kW", "default"]
    assert lines["name"][2].startswith("config/iquitos_mall.yaml:")


@pytest.mark.parametrize("command", [["config", "show"], ["ingest"], ["run"], ["train", "sac"]])
def test_a_bad_configuration_is_exit_2_with_a_hint(command: list[str]) -> None:
    result = _call(*command, "--set", "bess.capacity=3")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(
        "error: config/iquitos_mall.yaml: `bess.capacity` (--set) is no known key; the nearest is `bess.capacity_kwh`."
    )
    assert "Hint:" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["run", "--profile", "huge"], ["train", "dqn"], ["run", "--agent", "x"]]
)
def test_what_is_no_command_or_option_is_exit_2(arguments: list[str]) -> None:
    assert _call(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("stage", "error", "code"),
    [
        ("pvbesscar.oe2.ingest.ingest", InputError("pv.csv: gone.", hint="put it there."), 2),
        ("pvbesscar.oe2.ingest.ingest", QualityError("all hours are 0."), 2),
        ("pvbesscar.oe2.ingest.ingest", TrainingError("the loss is NaN."), 1),
    ],
)
def test_the_exit_code_is_that_of_the_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stage: str, error: Exception, code: int
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(stage, fail)
    result = _call("ingest", "--set", f"data.root={tmp_path}")
    assert result.exit_code == code
    assert result.stderr.endswith(f"\nerror: {error}\n")


def test_ctrl_c_is_exit_130_and_says_what_is_intact(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pvbesscar.oe2.ingest.ingest", interrupt)
    result = _call("ingest", "--set", f"data.root={tmp_path}")
    assert result.exit_code == 130
    assert "\ninterrupted: nothing is half written." in result.stderr


def test_a_stage_prints_where_its_results_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("pvbesscar.oe2.ingest.ingest", lambda *_: None)
    result = _call("ingest", "--set", f"data.root={tmp_path}")
    assert result.stdout == f"{tmp_path}/data/interim/canonical/iquitos_ev_mall\n"


@pytest.mark.parametrize("arguments", [["a2c", "sac"], ["--agent", "a2c", "--agent", "sac"]])
def test_train_trains_what_is_asked_for_and_shows_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str]
) -> None:
    asked = []

    def learn(agent: str, _settings: object, _workspace: object, profile: str, on_progress: object) -> None:
        asked.append((agent, profile))
        on_progress(Progress(1, 2, 1.0, "steps"))

    monkeypatch.setattr("pvbesscar.agents.train.train", learn)
    monkeypatch.setattr("pvbesscar.lineage.runner.require_same_scenario", lambda *_: None)  # there is no dataset
    result = _call("train", *arguments, "--profile", "full", "--set", f"data.root={tmp_path}")
    assert asked == [("a2c", "full"), ("sac", "full")]
    assert result.stdout.splitlines() == [
        f"{tmp_path}/checkpoints/{agent.upper()}/{agent}_final_model.zip" for agent in ("a2c", "sac")
    ]
    assert "train-sac: done after" in result.stderr


def test_a_stage_called_alone_leaves_the_record_of_a_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def stage(_settings: object, workspace: Workspace) -> None:
        write_text(workspace.canonical / "provenance.json", "{}")

    monkeypatch.setattr("pvbesscar.oe2.ingest.ingest", stage)
    assert _call("ingest", "--set", f"data.root={tmp_path}").exit_code == 0
    (folder,) = (tmp_path / "outputs/runs").iterdir()
    manifest = read_manifest(folder)
    assert manifest.run.startswith("iquitos_mall-ingest-")
    assert (manifest.outcome, manifest.stages["ingest"].condition) == ("completed", "made")
    assert [file.path for file in manifest.stages["ingest"].files] == [
        "data/interim/canonical/iquitos_ev_mall/provenance.json"
    ]
    assert _call("verify", "latest", "--set", f"data.root={tmp_path}").exit_code == 0


def test_a_stage_that_fails_alone_leaves_its_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise InputError("pv.csv: gone.", hint="put it there.")

    monkeypatch.setattr("pvbesscar.oe2.ingest.ingest", fail)
    assert _call("ingest", "--set", f"data.root={tmp_path}").exit_code == 2
    (folder,) = (tmp_path / "outputs/runs").iterdir()
    manifest = read_manifest(folder)
    assert (manifest.outcome, manifest.stages["ingest"].condition) == ("failed", "stopped")
    assert "pv.csv: gone." in str(manifest.error)


def test_make_and_the_command_line_have_one_default_profile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (of_make,) = re.findall(r"^PROFILE \?= (\w+)$", makefile, flags=re.MULTILINE)
    defaults = {
        parameter.default
        for command in cli.app.registered_commands
        for name, parameter in inspect.signature(command.callback).parameters.items()
        if name == "profile"
    }
    assert defaults == {of_make}
