"""The gate on folders in CityLearn's format: our own have no finding, each planted fault has its rule's."""

from __future__ import annotations

import copy
import inspect
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import citylearn.internal.loading
import numpy as np
import pandas as pd
import pytest
from citylearn.data import CarbonIntensity, ChargerSimulation, EnergySimulation, Pricing, Weather
from citylearn.energy_model import Battery
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pvbesscar.cli import app
from pvbesscar.config import load_settings
from pvbesscar.dataset.build import build
from pvbesscar.quality.engine import JudgedFile
from pvbesscar.quality.folder.columns import KNOWN, NEEDED, Kind, soc_ratio
from pvbesscar.quality.folder.judge import grouped, judge_folder
from pvbesscar.quality.folder.rules import FOLDER_RULES
from pvbesscar.quality.folder.rules.physics import CURVES, DRAWN
from pvbesscar.quality.folder.series import ANYWHERE, AT_THE_SITE, NOT_ASKED, OF_THE_SCHEMA, not_asked
from pvbesscar.quality.gate import validate
from pvbesscar.quality.year.rules import YEAR_RULES
from pvbesscar.store.workspace import Workspace
from schemas.results import Finding, Severity
from schemas.settings import Settings
from tests.builders import MINI_EV
from tests.mini_site import mini_site
from tests.quality.folder_faults import BUILDING, CHARGER, FOLDER_FAULTS, STATE, FolderFault, edit_schema, put
from tests.quality.published_layouts import PUBLISHED, as_parquet, countdown_to_zero, wide
from tests.quality.spanish import check_spanish
from tests.quality.years import IQUITOS, clean_context, write_year

SHORT = 240
"""Rows of the short copy: ten days, enough for every rule that does not judge years."""

DRAWINGS = {"training": 0, "validation": 0, "test": 0}
EV = MINI_EV | {"dwell_hours": 4, "declared_kwh": 232_341 * 8 / 128}


@pytest.fixture(scope="module")
def scenario() -> Settings:
    """The default scenario: only its site, tariff and demand matter here."""
    return clean_context(IQUITOS, ev=EV).settings


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dataset of two chargers, built from a clean year that the gate accepted; nobody may write to it."""
    root = tmp_path_factory.mktemp("year")
    quality = {"second_reading": False}
    context = clean_context(IQUITOS, 1, data={"root": str(root)}, ev=EV, scenarios=DRAWINGS, quality=quality)
    workspace = write_year(context)
    assert validate(context.settings, workspace).findings == ()
    build(context.settings, workspace)
    return workspace.dataset


@pytest.fixture(scope="module")
def short(year: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its first ten days; nobody may write to it."""
    folder = tmp_path_factory.mktemp("short") / "dataset"
    folder.mkdir()
    shutil.copy(year / "schema.json", folder)
    for path in year.glob("*.csv"):
        pd.read_csv(path, nrows=SHORT, dtype=str).to_csv(folder / path.name, index=False)
    put("simulation_end_time_step", SHORT - 1)(folder)
    return folder


def rules_of(judged: JudgedFile) -> set[str]:
    return {finding.rule for finding in judged.findings}


def planted(fault: FolderFault, clean: Path, target: Path) -> Path:
    shutil.copytree(clean, target)
    fault.plant(target)
    return target


def test_a_dataset_of_ours_has_no_finding(year: Path, short: Path, scenario: Settings) -> None:
    assert judge_folder(year, scenario).findings == ()
    assert judge_folder(short, scenario).findings == ()


def test_the_default_dataset_of_128_sockets_has_no_finding(site_workspace: Workspace, site_settings: Settings) -> None:
    judged = judge_folder(site_workspace.dataset, site_settings)
    assert judged.findings == ()
    assert judged.steps[0] == "read 132 of 132 files that the schema names"


def test_a_year_made_to_be_counted_has_only_the_findings_of_a_made_up_year(tmp_path: Path, scenario: Settings) -> None:
    settings = mini_site(tmp_path)
    rules = rules_of(judge_folder(Workspace.of(settings).dataset, scenario))
    # Every day is the same, there is no irradiance, and sockets that differ in the class of vehicle share their hours.
    assert rules - {rule.id for rule in YEAR_RULES.all()} == {"charger.copied"}
    assert {"solar.repeated_day", "mall.repeated_day", "solar.all_zero"} <= rules


@pytest.mark.parametrize("fault", FOLDER_FAULTS, ids=lambda fault: fault.kind)
def test_each_fault_is_found_by_its_rule(
    fault: FolderFault, year: Path, short: Path, scenario: Settings, tmp_path: Path
) -> None:
    folder = planted(fault, year if fault.year else short, tmp_path / "dataset")
    judged = judge_folder(folder, scenario)
    finding = next((one for one in judged.findings if one.rule == fault.rule), None)
    assert finding is not None, sorted(rules_of(judged))
    assert all((finding.source, finding.observed, finding.limit, finding.message, finding.cause, finding.fix))
    for one in judged.findings:
        check_spanish(one)


def test_every_folder_rule_has_a_fault_that_it_must_find() -> None:
    kinds = [fault.kind for fault in FOLDER_FAULTS]
    assert len(set(kinds)) == len(kinds) >= 25
    alone = {"files.count"}
    assert {rule.id for rule in FOLDER_RULES.all()} - {fault.rule for fault in FOLDER_FAULTS} == alone


def test_a_schema_of_thousands_of_files_is_refused(short: Path, scenario: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    shutil.copytree(short, folder)
    chargers = {f"c{i}": {"charger_simulation": f"c{i}.csv"} for i in range(5001)}
    edit_schema(lambda schema: schema["buildings"][BUILDING].update(chargers=chargers))(folder)
    assert "files.count" in rules_of(judge_folder(folder, scenario))


def test_every_canonical_rule_is_asked_or_the_reason_is_said(year: Path, scenario: Settings) -> None:
    asked = {*ANYWHERE, *AT_THE_SITE, *OF_THE_SCHEMA}
    assert asked <= {rule.id for rule in YEAR_RULES.all()}
    reasons = {rule.id: not_asked(rule, at_site=True) for rule in YEAR_RULES.all()}
    assert {rule for rule, reason in reasons.items() if reason is None} == asked
    said = "\n".join(judge_folder(year, scenario).steps)
    assert all(rule in said for rule, reason in reasons.items() if reason is not None)
    assert not set(NOT_ASKED) - {rule.topic for rule in YEAR_RULES.all()}


def test_at_another_place_rules_about_the_sun_are_not_asked(year: Path, scenario: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    shutil.copytree(year, folder)
    edit_schema(lambda schema: schema["buildings"].update(House=schema["buildings"].pop(BUILDING)))(folder)
    judged = judge_folder(folder, scenario)
    assert judged.findings == ()
    (step,) = (step for step in judged.steps if "solar.night" in step)
    assert "`site.building`" in step
    cases = (("solar_generation", 0.0, "solar.all_zero"), ("solar_generation", 4.162, "pv.above_rating"))
    clean = pd.read_csv(folder / "building.csv")
    for column, factor, rule in cases:
        clean.assign(**{column: clean[column] * factor}).to_csv(folder / "building.csv", index=False)
        assert rule in rules_of(judge_folder(folder, scenario))


def test_findings_name_their_hours(short: Path, scenario: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    shutil.copytree(short, folder)
    frame = pd.read_csv(folder / "building.csv")
    frame.loc[30:32, "non_shiftable_load"] = np.nan
    frame.to_csv(folder / "building.csv", index=False)
    (finding,) = judge_folder(folder, scenario).findings
    assert (finding.rule, finding.source, finding.column) == ("series.finite", "building.csv", "non_shiftable_load")
    (hours,) = finding.hours
    assert (hours.first, hours.last, hours.first_stamp) == (30, 32, "2025-01-02 06:00")


def test_the_command_ends_with_zero_or_two_and_writes_nothing(short: Path, tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    shutil.copytree(short, folder)
    before = sorted(tmp_path.rglob("*"))
    answer = CliRunner().invoke(app, ["validate", str(folder)])
    assert answer.exit_code == 0, answer.output
    assert f"{folder}: citylearn; 0 errors, 0 other findings" in answer.stdout
    assert "not asked: " in answer.stdout
    put("random_seed", None)(folder)  # a warning only
    assert CliRunner().invoke(app, ["validate", str(folder)]).exit_code == 0
    (folder / f"{CHARGER}.csv").unlink()
    answer = CliRunner().invoke(app, ["validate", str(folder), "--json"])
    (judged,) = json.loads(answer.stdout)
    assert answer.exit_code == 2
    assert judged["kinds"] == ["citylearn"]
    assert judged["findings"][0]["rule"] == "files.missing"
    table = CliRunner().invoke(app, ["validate", str(folder)])
    assert table.exit_code == 2
    assert "files.missing" in table.stdout
    assert [path for path in sorted(tmp_path.rglob("*")) if path not in before] == []


def test_a_folder_without_schema_ends_with_two(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["validate", str(tmp_path)])
    assert answer.exit_code == 2
    assert "schema.readable" in answer.stdout


def test_nothing_outside_the_folder_is_read(short: Path, scenario: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    shutil.copytree(short, folder)
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\nhush,1\n", encoding="utf-8")
    (folder / "link.csv").symlink_to(secret)
    for name in ("../secret.csv", str(secret), "link.csv", "x/../../secret.csv"):
        put(f"buildings.{BUILDING}.pricing", name)(folder)
        judged = judge_folder(folder, scenario)
        assert "files.inside" in rules_of(judged)
        assert "hush" not in judged.model_dump_json()


def test_names_move_no_cursor(short: Path, scenario: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    shutil.copytree(short, folder)
    evil = "\x1b[2J\x1b]0;x\x07\u202e\ud800"
    edit_schema(
        lambda schema: schema["buildings"].update({evil: {"energy_simulation": f"{evil}.csv", "weather": evil}})
    )(folder)
    (folder / "\x1b[31m.csv").write_text("no table, =1+1", encoding="utf-8")
    put(f"buildings.{BUILDING}.pricing", "\x1b[31m.csv")(folder)
    judged = judge_folder(folder, scenario)
    assert {"files.inside", "files.readable"} <= rules_of(judged)
    assert "".join(one.message + one.observed + one.column for one in judged.findings).isprintable()
    assert JudgedFile.model_validate_json(judged.model_dump_json()) == judged


# What CityLearn's own authors publish is a warning at most, and once.


def copy_of(clean: Path, target: Path) -> Path:
    return Path(shutil.copytree(clean, target))


@pytest.mark.parametrize("name", PUBLISHED)
def test_no_published_layout_is_accused(name: str, short: Path, scenario: Settings, tmp_path: Path) -> None:
    plant, said = PUBLISHED[name]
    folder = copy_of(short, tmp_path / "dataset")
    plant(folder)
    judged = judge_folder(folder, scenario)
    assert [one for one in judged.findings if one.severity == "error"] == []
    assert rules_of(judged) >= said
    assert (rules_of(judged) == set()) == (not said)


def test_a_countdown_to_zero_is_said_once_and_named(short: Path, scenario: Settings, tmp_path: Path) -> None:
    folder = copy_of(short, tmp_path / "dataset")
    path = folder / f"{CHARGER}.csv"
    frame = pd.read_csv(path)
    connected = int((frame[STATE] == 1).sum())
    countdown_to_zero(frame).to_csv(path, index=False)
    (finding,) = judge_folder(folder, scenario).findings
    assert (finding.rule, finding.severity) == ("charger.countdown_to_zero", "warning")
    assert f"down to 0 where 1 is expected, in all {connected} connected rows" in finding.message


def test_a_folder_of_128_chargers_is_a_page(short: Path, scenario: Settings, tmp_path: Path) -> None:
    folder = copy_of(short, tmp_path / "dataset")
    wide(folder, 128)
    judged = judge_folder(folder, scenario)
    found = {one.rule: one for one in judged.findings}
    assert len(judged.findings) == len(found) < 10
    assert found["charger.countdown_to_zero"].source == "128 files: c0.csv, c1.csv, c2.csv and 125 more"
    assert found["charger.countdown_to_zero"].message.endswith("(the first of 128)")


def test_the_worst_of_many_findings_stands_for_them() -> None:
    def one(source: str, hours: int, column: str = "x", severity: Severity = "error") -> Finding:
        return Finding(
            rule="a.b", severity=severity, source=source, column=column, observed="", limit="", message="bad",
            cause="", fix="", n_hours=hours,
        )  # fmt: skip

    (both,) = grouped([one("a.csv", 3), one("b.csv", 7)])
    assert (both.source, both.n_hours, both.message) == ("2 files: b.csv, a.csv", 7, "bad (the worst of 2)")
    apart = [one("a.csv", 3, "x"), one("a.csv", 4, "y"), one("a.csv", 5, "z")]
    assert grouped(apart) == apart
    (places,) = grouped([one("schema.json", 0, f"k{i}") for i in range(9)])
    assert (places.source, places.column) == ("schema.json", "9 places: k0, k1, k2 and 6 more")
    assert len(grouped([one("a.csv", 3), one("b.csv", 7, severity="warning")])) == 2


def test_rows_of_another_length_behind_the_last_step_are_an_error(
    short: Path, scenario: Settings, tmp_path: Path
) -> None:
    folder = copy_of(short, tmp_path / "dataset")
    path = folder / f"{CHARGER}.csv"
    frame = pd.read_csv(path, dtype=str)
    frame.loc[frame.index.repeat(4)].to_csv(path, index=False)
    errors = {one.rule for one in judge_folder(folder, scenario).findings if one.severity == "error"}
    assert "files.length" in errors


def test_citylearn_takes_a_countdown_of_one_for_the_last_row() -> None:
    source = inspect.getsource(citylearn.internal.loading)
    assert "A vehicle whose countdown reaches one leaves at the boundary" in source


# A folder costs no more than one file.


def test_a_folder_of_files_too_large_is_refused_by_their_footers(
    short: Path, scenario: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_of(short, tmp_path / "dataset")
    as_parquet(folder)
    names = ("building", "weather", "pricing", "carbon_intensity")
    for name in names:
        frame = pd.read_parquet(folder / f"{name}.parquet")
        frame.loc[np.zeros(700_000, dtype=int)].to_parquet(folder / f"{name}.parquet", index=False)
    monkeypatch.setattr("pvbesscar.oe2.parquet.pq.read_schema", lambda *_: pytest.fail("a page was read"))
    judged = judge_folder(folder, scenario)
    (finding,) = (one for one in judged.findings if one.rule == "files.readable")
    assert finding.source == "building.parquet"
    assert "Parquet file of 700,000 rows; an input file has at most 600,000" in finding.observed
    assert "the others were not tried: `building.parquet` is too large" in judged.steps[0]


def test_a_pipe_in_a_folder_is_one_finding_and_the_others_are_read(
    short: Path, scenario: Settings, tmp_path: Path
) -> None:
    folder = copy_of(short, tmp_path / "dataset")
    (folder / "pricing.csv").unlink()
    os.mkfifo(folder / "pricing.csv")
    judged = judge_folder(folder, scenario)
    (finding,) = (one for one in judged.findings if one.rule == "files.readable")
    assert (finding.source, "a pipe" in finding.observed) == ("pricing.csv", True)
    assert judged.steps[0].startswith(f"read {len(list(folder.glob('*.csv'))) - 1} of")


def test_files_that_are_too_much_together_are_refused(
    short: Path, scenario: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pvbesscar.quality.folder.dataset_folder.MAX_FOLDER_CELLS", 3 * SHORT)
    judged = judge_folder(short, scenario)
    (finding,) = (one for one in judged.findings if one.rule == "files.readable")
    assert "a dataset has at most 720" in finding.observed


@pytest.mark.parametrize(
    "data", [b"[" * 10_000_000, b'{"a":[' + b"{}," * 1_000_000, b'{"a":' * 300_000, b"{" + b'"a":1,' * 500_000]
)
def test_a_schema_of_endless_parts_is_refused_at_once(data: bytes, scenario: Settings, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_bytes(data)
    began = time.process_time()
    judged = judge_folder(tmp_path, scenario)
    assert time.process_time() - began < 2.0
    assert "schema.readable" in rules_of(judged)


# What the rules say of CityLearn, held against the CityLearn that is installed.


@pytest.mark.parametrize(
    ("kind", "constructor"),
    [
        ("energy_simulation", EnergySimulation),
        ("weather", Weather),
        ("pricing", Pricing),
        ("carbon_intensity", CarbonIntensity),
        ("charger_simulation", ChargerSimulation),
    ],
)
def test_columns_are_those_of_citylearn(kind: Kind, constructor: type) -> None:
    made = {"self", "noise_std", "start_time_step", "end_time_step", "seconds_per_time_step", "time_step_ratios"}
    parameters = {name: p for name, p in inspect.signature(constructor).parameters.items() if name not in made}
    needed = {name for name, p in parameters.items() if p.default is inspect.Parameter.empty}
    assert set(NEEDED[kind]) == needed
    assert set(KNOWN[kind]) == parameters.keys() - needed


def test_attributes_that_are_drawn_differ_from_seed_to_seed() -> None:
    one, two = (Battery(capacity=10.0, nominal_power=5.0, random_seed=seed) for seed in (1, 2))
    for name in DRAWN["Battery"]:
        assert not np.array_equal(getattr(one, name), getattr(two, name)), name
    flat = [[0.0, 1.0], [1.0, 1.0]]
    numbers = {name: 0.001 for name in DRAWN["Battery"] if name not in CURVES} | {"efficiency": 0.9}
    fixed = numbers | dict.fromkeys(CURVES, flat)
    one, two = (Battery(capacity=10.0, nominal_power=5.0, random_seed=seed, **fixed) for seed in (1, 2))
    for name in DRAWN["Battery"]:
        assert np.array_equal(getattr(one, name), getattr(two, name)), name


def test_one_empty_state_leaves_citylearn_without_any(short: Path) -> None:
    frame = pd.read_csv(short / f"{CHARGER}.csv")
    columns = [frame[name].to_numpy() for name in NEEDED["charger_simulation"]]
    assert set(ChargerSimulation(*columns, noise_std=0.0).electric_vehicle_charger_state) == {1.0, 2.0, 3.0}
    columns[0] = frame[STATE].astype(float).where(frame.index != 7).to_numpy()
    assert np.isnan(ChargerSimulation(*columns, noise_std=0.0).electric_vehicle_charger_state).all()


def test_soc_is_read_as_citylearn_reads_it() -> None:
    raw = np.array([0.0, 0.8, 1.0, 1.5, 35.0, 100.0, 150.0, np.nan, -0.1, -5.0])
    read = ChargerSimulation.normalize_soc_series(raw)
    assert np.allclose(np.where(read < 0.0, np.nan, read), soc_ratio(raw), equal_nan=True)


# Never a traceback.

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=12),
    st.sampled_from(["../x", "/etc/passwd", "building.csv", "weather.csv", "", "\0", "schema.json", "1e999"]),
    st.sampled_from(["\x1b[2J", "\ud800", 10**400, -(10**400)]),
    st.just([]), st.just({}), st.just([[0, 1], [1, "a"]]), st.just({"attributes": None}), st.just({"include": 3}),
)  # fmt: skip
CELLS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["", "nan", "inf", "-1", "1e308", "1e15", "0.5", "99", "1.0", "=A1", "1,5", '"', "3", "\n"]),
)


def paths(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a parsed JSON."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [above, *(path for key, part in parts for path in paths(part, (*above, key)))][0 if above else 1 :]


SchemaEdits = list[tuple[int, bool, Any]]
CellEdits = list[tuple[int, int, str]]
NUMBER = st.integers(0, 10**6)
"""Of a place, counted round and round: what is drawn does not hang on what is there."""
FOLDERS = st.tuples(
    st.lists(st.tuples(NUMBER, st.booleans(), SCALARS), max_size=4),
    st.sampled_from(["building.csv", "weather.csv", "pricing.csv", f"{CHARGER}.csv", "schema.json"]),
    st.lists(st.tuples(NUMBER, NUMBER, CELLS), max_size=3),
)
"""Changes of the schema, a file, and changes of its cells."""


def mutate(schema: Any, edits: SchemaEdits) -> None:
    """Change or delete places of a schema."""
    for number, is_deleted, value in edits:
        places = paths(schema)
        if not places:
            return
        *path, last = places[number % len(places)]
        part = schema
        for key in path:
            part = part[key]
        if isinstance(part, dict) and is_deleted:
            del part[last]
        else:
            # A list or an object that was drawn is the strategy's own: changed in place, it would be drawn so again.
            part[last] = copy.deepcopy(value)


def never_a_traceback(drawn: tuple[SchemaEdits, str, CellEdits], short: Path, scenario: Settings) -> None:
    in_schema, name, in_cells = drawn
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room) / "dataset"
        shutil.copytree(short, folder)
        if in_schema:
            schema = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
            mutate(schema, in_schema)
            (folder / "schema.json").write_text(json.dumps(schema), encoding="utf-8")
        lines = (folder / name).read_text(encoding="utf-8").split("\n")
        for row, column, cell in in_cells:
            cells = lines[row % len(lines)].split(",")
            cells[column % len(cells)] = cell
            lines[row % len(lines)] = ",".join(cells)
        (folder / name).write_text("\n".join(lines), encoding="utf-8", errors="replace")
        before = sorted(Path(room).rglob("*"))
        judged = judge_folder(folder, scenario)
        assert JudgedFile.model_validate_json(judged.model_dump_json()) == judged
        assert sorted(Path(room).rglob("*")) == before


LOOSE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=40, deadline=None, suppress_health_check=LOOSE)
@given(drawn=FOLDERS)
def test_no_folder_ends_in_a_traceback(
    drawn: tuple[SchemaEdits, str, CellEdits], short: Path, scenario: Settings
) -> None:
    never_a_traceback(drawn, short, scenario)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None, suppress_health_check=LOOSE)
@given(drawn=FOLDERS)
def test_no_folder_of_many_ends_in_a_traceback(
    drawn: tuple[SchemaEdits, str, CellEdits], short: Path, scenario: Settings
) -> None:
    never_a_traceback(drawn, short, scenario)


def test_the_rules_are_judged_with_the_default_configuration_too(short: Path, repo_root: Path) -> None:
    default = load_settings(repo_root / "config" / "iquitos_mall.yaml", []).settings
    assert judge_folder(short, default).findings == ()
