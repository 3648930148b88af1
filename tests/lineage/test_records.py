"""Records of stages: written last, missed when they are gone, and what each reason says."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.plan import decide, expected, plan
from pvbesscar.lineage.records import record_file, recorded, why_stale
from pvbesscar.store.files import write_json
from schemas.errors import InputError, QualityError
from tests.flows.conftest import ROOT
from tests.lineage.site import execute, measured_site, run


def test_after_a_run_everything_is_fresh(place: RunContext) -> None:
    assert {one.verdict for one in plan(place)} == {"FRESH"}
    assert [name for name, one in run(place).items() if one.verdict == "STALE"] == []


def test_a_stage_that_raises_leaves_the_record_that_was_there(place: RunContext) -> None:
    before = record_file("build", place).read_bytes()
    with pytest.raises(RuntimeError, match="no"), recorded("build", place):
        raise RuntimeError("no")
    assert record_file("build", place).read_bytes() == before
    assert decide("build", place).verdict == "FRESH"


KILLED = """
import os, signal, sys
from pathlib import Path
from pvbesscar.lineage import records
from pvbesscar.lineage.context import RunContext
from tests.lineage.site import execute, measured_site
place = RunContext(measured_site(Path(sys.argv[1]), weights=dict(co2=0.6, solar=0.1, cost=0.15, ev_service=0.1, grid_stability=0.05)), "smoke")
records.write_text = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with records.recorded("build", place):
    execute("build", place)
"""  # noqa: E501


def test_kill_9_between_outputs_and_record_runs_the_stage_again(place: RunContext) -> None:
    root = place.workspace.root
    done = subprocess.run([sys.executable, "-c", KILLED, str(root)], cwd=ROOT, timeout=100, check=False)
    assert done.returncode == -signal.SIGKILL
    assert "is not what it left" in decide("build", place).why
    weights = {"co2": 0.6, "solar": 0.1, "cost": 0.15, "ev_service": 0.1, "grid_stability": 0.05}
    other = RunContext(measured_site(root, weights=weights), "smoke")
    assert decide("build", other).verdict == "STALE"
    made = run(other)
    assert made["build"].verdict == "STALE"
    assert {one.verdict for one in plan(other)} == {"FRESH"}


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"stage": "build"}', "null", "\x00"])
def test_a_record_that_is_none_is_a_reason(place: RunContext, content: str) -> None:
    record_file("ingest", place).write_text(content)
    assert decide("ingest", place).reasons == ("outputs/lineage/ingest.json can not be read",)


def test_the_record_of_another_stage_is_a_reason(place: RunContext) -> None:
    shutil.copy(record_file("build", place), record_file("certify", place))
    assert decide("certify", place).reasons == ("outputs/lineage/certify.json is of another stage",)


def test_a_record_says_what_went_in_and_what_came_out(place: RunContext) -> None:
    record = json.loads(record_file("ingest", place).read_text())
    assert {"mall.file", "pv.file", "weather.file"} <= set(record["inputs"])
    assert record["inputs"]["mall.file"]["table"]["columns"].keys() == {"mall_kwh", "timestamp"}
    assert "data/interim/canonical/iquitos_ev_mall/pv.parquet" in record["outputs"]
    assert record["settings"]["weather.file"] == "weather.csv"
    assert "pvbesscar.oe2.readers" in record["code"]
    assert not any(
        str(place.workspace.root) in text for text in (json.dumps(record["inputs"]), json.dumps(record["outputs"]))
    )


def test_a_missing_or_unreadable_file_of_the_site_is_a_reason_and_then_an_error(place: RunContext) -> None:
    path = place.workspace.root / "oe2/mall.csv"
    path.write_text("timestamp,mall_kwh\n2025-01-01,many\n")
    (reason,) = why_stale("ingest", place).inputs
    assert reason.startswith("mall.file: can not be read: ")
    path.unlink()
    assert why_stale("ingest", place).inputs == ("mall.file is missing",)
    with pytest.raises(InputError, match=r"mall\.csv"):
        run(place)


def test_refused_data_stay_refused_until_they_are_mended(place: RunContext) -> None:
    path = place.workspace.root / "oe2/pv.csv"
    good = path.read_text()
    path.write_text("\n".join(line.split(",")[0] + ",0.0" if k else line for k, line in enumerate(good.splitlines())))
    for _ in range(2):
        with pytest.raises(QualityError):
            run(place)
        assert decide("validate", place).verdict == "STALE"
    path.write_text(good)
    made = run(place)
    assert {name for name, one in made.items() if one.verdict == "STALE"} == {"ingest", "validate"}


def test_reasons_are_named_down_to_column_hours_setting_and_module(place: RunContext) -> None:
    path = place.workspace.root / "oe2/pv.csv"
    lines = path.read_text().splitlines()
    stamp, value = lines[4116].split(",")
    path.write_text("\n".join([*lines[:4116], f"{stamp},{float(value) + 0.25}", *lines[4117:]]) + "\n")
    settings = measured_site(place.workspace.root, name="renamed")
    made = {one.stage: one for one in plan(RunContext(settings, "smoke"))}
    assert made["ingest"].reasons == (
        "setting `name` 'measured' -> 'renamed'",
        "pv.file: column `pv_kwh`, hours 4,104 to 4,127",
    )
    assert made["train-sac"].verdict == "DEPENDS"
    assert made["train-sac"].reasons == ("runs if build changes what it reads",)
    assert decide("evaluate", replace(place, profile="full")).reasons == ("profile smoke -> full",)


def test_an_agent_that_failed_is_a_reason_to_publish(place: RunContext) -> None:
    failed = replace(place, failures={"ppo": "the loss is NaN"})
    assert decide("publish", failed).reasons == ("ppo is missing: not asked for -> 'the loss is NaN'",)


def test_a_scenario_on_citylearn_needs_no_certificate(place: RunContext) -> None:
    settings = measured_site(place.workspace.root, training={"simulator": "citylearn", "scenarios": "nominal"})
    decision = decide("certify", RunContext(settings, "smoke", forced=frozenset({"certify"})))
    assert decision.verdict == "FRESH"
    assert decision.reasons == ("not needed: agents train on CityLearn itself",)


def test_a_forced_stage_runs_and_says_so(place: RunContext) -> None:
    place = replace(place, forced=frozenset({"build"}))
    assert decide("build", place).reasons == ("forced",)
    made = {one.stage: one.verdict for one in plan(place, stages=["build", "publish"])}
    assert made == {"build": "STALE", "publish": "DEPENDS"}
    execute("build", place)
    assert decide("certify", place).verdict == "FRESH"


def test_the_expected_time_is_the_median_of_runs_of_the_profile(place: RunContext) -> None:
    runs = [
        ("smoke", "completed", 4.0),
        ("smoke", "partial", 1.0),
        ("smoke", "completed", 9.0),
        ("full", "completed", 50.0),
    ]
    for number, (profile, outcome, seconds) in enumerate([*runs, ("smoke", "failed", 99.0)]):
        content = {"profile": profile, "outcome": outcome, "stage_seconds": {"build": seconds}}
        write_json(place.workspace.runs / str(number) / "manifest.json", content)
    assert expected(place.workspace, "smoke") == {"build": 4.0}
    assert {one.stage: one.seconds for one in plan(place)}["build"] == 4.0
