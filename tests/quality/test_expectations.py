"""The second reading: faults in files whose digests were recorded anew, each found by an expectation of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pvbesscar.config import load_settings
from pvbesscar.dataset.build import build
from pvbesscar.evaluation.evaluate import evaluate
from pvbesscar.oe2.ingest import ingest
from pvbesscar.quality.expectations.dataset import judge_dataset, require_dataset_files
from pvbesscar.quality.expectations.results import judge_results, require_result_files
from pvbesscar.quality.expectations.run import judge_suites
from pvbesscar.quality.expectations.suite import Suite
from pvbesscar.quality.gate import validate
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.judge import judge
from pvbesscar.store.dataset_manifest import file_digests, read_manifest
from pvbesscar.store.files import read_json, sha256_file, sha256_json, write_json, write_text
from pvbesscar.store.workspace import Workspace
from schemas.errors import QualityError
from schemas.expectations import ExpectationReport
from schemas.settings import Settings
from tests.builders import MINI_EV, scenario, session, two_prices, write_canonical
from tests.mini_site import mini_site

ROOT = Path(__file__).resolve().parents[2]
Change = Callable[[pd.DataFrame], pd.DataFrame]


MALL_KWH, EV_KWH = 3_613_500.0, 12_448.42
"""What the small site's days add up to: 14 h x 600 kWh and 10 h x 150 kWh, and what its sessions need."""


def second_site(root: Path) -> Settings:
    """Small site that is read a second time; it declares its own energies."""
    mall = {"source": "synthetic", "declared_kwh": MALL_KWH}
    return mini_site(root, quality={}, mall=mall, ev=MINI_EV | {"declared_kwh": EV_KWH})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Workspace]:
    """A small site, built and evaluated without agents; nobody may write to it."""
    settings = second_site(tmp_path_factory.mktemp("second"))
    workspace = Workspace.of(settings)
    evaluate(settings, workspace, "smoke", workers=1)
    return settings, workspace


@pytest.fixture
def dataset(made: tuple[Settings, Workspace], tmp_path: Path) -> Path:
    """A copy of the dataset, to be spoilt."""
    return Path(shutil.copytree(made[1].dataset, tmp_path / "dataset"))


@pytest.fixture
def results(made: tuple[Settings, Workspace], tmp_path: Path) -> Path:
    """A copy of the results, to be spoilt."""
    return Path(shutil.copytree(made[1].evaluation, tmp_path / "results"))


def table(name: str, change: Change) -> Callable[[Path], None]:
    """Change a CSV file of the dataset; ids stay text."""

    def spoil(folder: Path) -> None:
        path = folder / name
        read = pd.read_csv(path, dtype={"electric_vehicle_id": "str", "electric_vehicle_session_id": "str"})
        changed = change(read)
        assert not changed.equals(read)
        changed.to_csv(path, index=False)

    return spoil


def put(column: str, row: int, value: object) -> Change:
    return lambda frame: frame.astype({column: object}).assign(
        **{column: lambda own: own[column].where(own.index != row, value)}
    )


def schema(path: str, value: object) -> Callable[[Path], None]:
    """Change a value of the schema; the path's first key with a star is that of every object there."""

    def spoil(folder: Path) -> None:
        tree = read_json(folder / "schema.json")
        *above, last = path.split(".")
        place: Any = tree
        for key in above:
            place = place[next(iter(place)) if key == "*" else key]
        assert place[last] != value
        place[last] = value
        write_json(folder / "schema.json", tree)

    return spoil


def connected_row(name: str, column: str, value: object) -> Callable[[Path], None]:
    """Change a cell of the first row with a vehicle."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        return put(column, int(frame.index[frame["electric_vehicle_charger_state"] == 1][0]), value)(frame)

    return table(name, change)


def sessions(change: Change) -> Callable[[Path], None]:
    """Change the sessions that the twin reads."""

    def spoil(folder: Path) -> None:
        path = folder / "sessions.parquet"
        change(pd.read_parquet(path)).to_parquet(path, index=False)

    return spoil


def tenfold(folder: Path) -> None:
    """Scale the demand, and the sum that the manifest names, so that the two agree."""
    table("building.csv", lambda f: f.assign(non_shiftable_load=f["non_shiftable_load"] * 10.0))(folder)
    manifest = read_json(folder / "manifest.json")
    manifest["facts"]["mall_kwh"] *= 10.0
    write_json(folder / "manifest.json", manifest)


CHARGER = "charger_01_A.csv"
LOAD, SOLAR, PRICE, STATE = "non_shiftable_load", "solar_generation", "electricity_pricing", "charger_state"
EV = "electric_vehicle"
SITE = "buildings.*"
DATASET_FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a negative price": (
        table("pricing.csv", put("electricity_pricing", 5, -0.28)),
        "pricing:electricity_pricing.above",
    ),
    "a tariff an hour late": (
        table("pricing.csv", lambda f: f.assign(electricity_pricing=f["electricity_pricing"].shift(1).bfill())),
        "pricing:electricity_pricing.equals.price_due",
    ),
    "no carbon": (table("carbon_intensity.csv", lambda f: f * 0.0), "carbon_intensity:carbon_intensity.above"),
    "carbon of another grid": (
        table("carbon_intensity.csv", lambda f: f * 1.1),
        "carbon_intensity:carbon_intensity.among",
    ),
    "a missing demand": (
        table("building.csv", put("non_shiftable_load", 7, None)),
        "building:non_shiftable_load.filled",
    ),
    "demand tenfold": (
        table("building.csv", lambda f: f.assign(non_shiftable_load=f["non_shiftable_load"] * 10.0)),
        "building:non_shiftable_load.total",
    ),
    "a dark year": (table("building.csv", lambda f: f.assign(solar_generation=0.0)), "building:solar_generation.light"),
    "generation above the inverters": (
        table("building.csv", put("solar_generation", 12, 900.0)),
        "building:solar_generation.between",
    ),
    "a ninth kind of day": (table("building.csv", put("day_type", 30, 9)), "building:day_type.among"),
    "two hours exchanged": (
        table("building.csv", lambda f: f.assign(hour=[2, 1, *f["hour"].iloc[2:]])),
        "building:hour.equals.calendar_hour",
    ),
    "8,760 rows": (table("building.csv", lambda f: f.iloc[:-1]), "building:rows"),
    "a column renamed": (
        table("building.csv", lambda f: f.rename(columns={"dhw_demand": "hot_water"})),
        "building:columns",
    ),
    "another closing row": (
        table("weather.csv", put("outdoor_dry_bulb_temperature", 8760, 3.0)),
        "closing_rows:last.equals.first",
    ),
    "humidity as a ratio of ten": (
        table("weather.csv", put("outdoor_relative_humidity", 3, 800.0)),
        "weather:outdoor_relative_humidity.between",
    ),
    "a fourth state": (
        table(CHARGER, put("electric_vehicle_charger_state", 9, 4)),
        f"chargers:{EV}_charger_state.among",
    ),
    "SOC in percent": (
        connected_row(CHARGER, "electric_vehicle_required_soc_departure", 90.0),
        f"chargers:{EV}_required_soc_departure.between",
    ),
    "a vehicle that is not defined": (
        connected_row(CHARGER, "electric_vehicle_id", "moto_of_a_guest"),
        f"chargers:{EV}_id.among",
    ),
    "a vehicle of another socket": (
        connected_row(CHARGER, "electric_vehicle_id", "moto_charger_01_B"),
        f"chargers:{EV}_id.equals.vehicle_due",
    ),
    "a vehicle without an arrival SOC": (
        connected_row(CHARGER, "electric_vehicle_estimated_soc_arrival", None),
        f"connected:{EV}_estimated_soc_arrival.filled",
    ),
    "a countdown that is too long": (
        connected_row(CHARGER, "electric_vehicle_departure_time", 40),
        "sessions:countdown.equals.hours",
    ),
    "a vehicle that never leaves": (
        table(CHARGER, put("electric_vehicle_charger_state", 8760, 1)),
        "charger_files:closing.among",
    ),
    "charger files without sessions": (
        lambda folder: [
            pd.read_csv(path).drop(columns=f"{EV}_session_id").to_csv(path, index=False)
            for path in folder.glob("charger_*.csv")
        ],
        "charger_files:header.among",
    ),
    "a charger file with a column more": (table(CHARGER, lambda f: f.assign(note=1)), "charger_files:header.among"),
    "an arrival that nothing announces": (
        table(CHARGER, put(f"{EV}_charger_state", 8, 3)),
        "sessions:before.among",
    ),
    "a required SOC that changes": (
        connected_row(CHARGER, f"{EV}_required_soc_departure", 0.7),
        "sessions:required_least.equals.required_most",
    ),
    "a session that the twin does not know": (sessions(lambda f: f.iloc[1:]), "sessions:arrival.filled"),
    "a session that CityLearn does not know": (
        sessions(lambda f: pd.concat([f, f.iloc[[0]].assign(session_id="guest")])),
        "sessions:first.filled",
    ),
    "a session at another socket": (sessions(lambda f: f.assign(socket=f["socket"] ^ 1)), "sessions:file.equals"),
    "arrival SOC of another session": (
        sessions(lambda f: f.assign(arrival_soc=f["arrival_soc"] + 0.1)),
        "sessions:arrival_soc_off.between",
    ),
    "demand tenfold, and the manifest with it": (tenfold, "building:non_shiftable_load.declared"),
    "a charger file that is gone": (lambda folder: (folder / CHARGER).unlink(), "files:file.exactly"),
    "a file that nobody names": (
        lambda folder: write_text(folder / "charger_99_A.csv", "electric_vehicle_charger_state\n3\n"),
        "files:file.exactly",
    ),
    "another battery": (schema(f"{SITE}.electrical_storage.attributes.capacity", 5000.0), "schema:"),
    "a charger without efficiency": (
        schema(f"{SITE}.chargers.*.attributes.efficiency", 1.0),
        "schema_chargers:attributes.efficiency.among",
    ),
    "two sockets with one file": (
        schema(f"{SITE}.chargers.charger_01_A.charger_simulation", "charger_01_B.csv"),
        "schema_chargers:charger_simulation.unique",
    ),
    "a vehicle of another class": (
        schema("electric_vehicles_def.*.battery.attributes.capacity", 60.0),
        "schema_vehicles:capacity.equals.capacity_due",
    ),
}


def record_anew(folder: Path) -> None:
    """Give every file its digest, as whoever plants a fault and knows lineage would."""
    manifest = read_json(folder / "manifest.json")
    manifest["files"] = file_digests(folder)
    manifest["digest"] = sha256_json(manifest["files"])
    write_json(folder / "manifest.json", manifest)
    read_manifest(folder)  # lineage sees nothing


def test_a_sound_dataset_meets_every_expectation_and_its_pages_ask_nobody(
    made: tuple[Settings, Workspace],
) -> None:
    settings, workspace = made
    report = judge_dataset(workspace.dataset, settings)
    assert report.faults == ()
    assert report.met == report.expectations > 100
    assert {"chargers", "sessions", "building", "schema"} <= {suite.name for suite in report.suites}
    docs = workspace.data_docs("dataset")
    assert {f"{suite.name}.html" for suite in report.suites} <= {path.name for path in docs.iterdir()}
    for page in docs.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "Content-Security-Policy" in text
        assert "<script" not in text
        assert "http://" not in text.replace("http://www.w3.org", "")


@pytest.mark.parametrize("fault", DATASET_FAULTS)
def test_a_fault_behind_new_digests_is_found(
    made: tuple[Settings, Workspace], dataset: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil, expectation = DATASET_FAULTS[fault]

    def judged(subject: Any, digest: str, suites: Sequence[Suite], docs: Path | None) -> ExpectationReport:
        """The suite that must find it: the library takes its time for each, and all are judged by other tests."""
        return judge_suites(subject, digest, [one for one in suites if one.name == expectation.partition(":")[0]], docs)

    monkeypatch.setattr("pvbesscar.quality.expectations.dataset.judge_suites", judged)
    spoil(dataset)
    record_anew(dataset)
    report = judge_dataset(dataset, made[0])
    found = [f"{one.suite}:{one.expectation}" for one in report.faults]
    assert any(name.startswith(expectation) for name in found), found
    assert all(one.cause and one.fix and one.file for one in report.faults)


LEGAL: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], dict[str, Any]]] = {
    "each session with a required SOC of its own": (
        lambda s: s | {"required_soc": 0.8 if s["socket"] % 2 else 0.9},
        {},
    ),
    "stays that no power can serve": (lambda s: s | {"departure": s["arrival"] + 1}, {}),
    "a vehicle that arrives full": (lambda s: s | {"arrival_soc": 0.95 if s["arrival"] == 9 else s["arrival_soc"]}, {}),
    "a vehicle that is there in the first hour": (
        lambda s: s | ({"arrival": 0} if s["arrival"] == 9 else {}),
        {},
    ),
    "a grid without emissions": (dict, {"grid": {"carbon_kg_per_kwh": 0.0}}),
    "a grid of oil shale": (dict, {"grid": {"carbon_kg_per_kwh": 2.5}}),
    "a grid on diesel": (dict, {"grid": {"fuel": "diesel"}, "carbon": {"source": "fuel"}}),
    "energy for nothing at night": (dict, {"tariff": two_prices(base=0.0)}),
}


@pytest.mark.parametrize("case", LEGAL)
def test_what_is_legal_is_not_refused(tmp_path: Path, case: str) -> None:
    change, sections = LEGAL[case]
    plan = [session(k, 24 * day + 9, 24 * day + 12, 0.3) for day in range(0, 365, 7) for k in range(8)]
    changed = [change(own) for own in plan]
    need = sum((own["required_soc"] - own["arrival_soc"]) * own["battery_kwh"] / 0.95 for own in changed)
    declared = {"mall": {"source": "synthetic", "declared_kwh": 876_000.0}, "ev": MINI_EV | {"declared_kwh": need}}
    settings = scenario(tmp_path, **declared, **sections)
    write_canonical(settings, changed, pv_kwh=50.0)
    build(settings, Workspace.of(settings))
    assert judge_dataset(Workspace.of(settings).dataset, settings).faults == ()


@pytest.mark.parametrize(
    ("zone", "has_leap_day"),
    [
        ("America/Lima", False),
        pytest.param("Europe/Madrid", False, marks=pytest.mark.slow),
        pytest.param("Europe/Madrid", True, marks=pytest.mark.slow),
    ],
)
def test_both_readings_agree_on_a_leap_year(tmp_path: Path, zone: str, has_leap_day: bool) -> None:
    stamps = pd.date_range("2028-01-01", periods=8784, freq="h", tz=zone)
    stamps = stamps[:8760] if has_leap_day else stamps[(stamps.month != 2) | (stamps.day != 29)]
    plan = [session(k, 24 * day + 9, 24 * day + 12, 0.3) for day in range(0, 365, 7) for k in range(8)]
    need = sum((own["required_soc"] - own["arrival_soc"]) * own["battery_kwh"] / 0.95 for own in plan)
    declared = {"mall": {"source": "synthetic", "declared_kwh": 876_000.0}, "ev": MINI_EV | {"declared_kwh": need}}
    place = {"year": 2028, "timezone": zone, "holidays": ["07-28"]}
    settings = scenario(tmp_path, site=place, **declared)
    write_canonical(settings, plan, pv_kwh=50.0, stamps=stamps)
    demand = pd.read_parquet(Workspace.of(settings).canonical / "mall.parquet")
    first = {one.rule for one in judge(QualityContext(settings, {"mall": demand})) if one.rule.startswith("time.")}
    assert first == ({"time.calendar"} if has_leap_day else set())
    build(settings, Workspace.of(settings))
    folder = Workspace.of(settings).dataset
    assert judge_dataset(folder, settings).faults == ()
    # A day late from then on, as the calendar of the other year has it.
    table(
        "building.csv", lambda f: f.assign(day_type=f["day_type"].shift(24 if has_leap_day else -24).ffill().bfill())
    )(folder)
    record_anew(folder)
    assert "day_type.equals.calendar_day_type" in {one.expectation for one in judge_dataset(folder, settings).faults}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["iquitos_oe2", "iquitos_metered"])
def test_the_measured_scenarios_meet_every_expectation(tmp_path: Path, oe2_dir: Path, name: str) -> None:
    none_drawn = [f"scenarios.{which}=0" for which in ("training", "validation", "test")]
    sets = [f"data.root={tmp_path}", f"data.oe2_dir={oe2_dir}", *none_drawn]
    settings = load_settings(ROOT / "config" / f"{name}.yaml", sets).settings
    workspace = Workspace.of(settings)
    ingest(settings, workspace)
    validate(settings, workspace)
    build(settings, workspace)
    assert judge_dataset(workspace.dataset, settings).faults == ()


def test_a_declared_energy_that_the_site_waives_is_not_asked_for_again(made: tuple[Settings, Workspace]) -> None:
    settings = made[0].model_copy(update={"mall": made[0].mall.model_copy(update={"declared_kwh": 1e6})})
    faults = judge_dataset(made[1].dataset, settings).faults
    assert [(one.column, one.expectation) for one in faults] == [(LOAD, f"{LOAD}.declared")]
    assert "mall.declared_kwh" in faults[0].fix
    assert judge_dataset(made[1].dataset, settings, waived={"energy.mall_declared"}).faults == ()


def test_a_dataset_that_fails_is_refused_in_words_and_the_pages_say_where(
    made: tuple[Settings, Workspace], dataset: Path, tmp_path: Path
) -> None:
    DATASET_FAULTS["a negative price"][0](dataset)
    record_anew(dataset)
    docs = tmp_path / "docs"
    with pytest.raises(QualityError) as refused:
        require_dataset_files(dataset, made[0], docs)
    for words in ("pricing.csv, column `electricity_pricing`", "row 5 (-0.28)", "Likely cause:", "What to do:"):
        assert words in refused.value.message
    assert not docs.exists()
    assert "electricity_pricing" in (tmp_path / "docs_refused/index.html").read_text(encoding="utf-8")


def test_build_refuses_and_leaves_the_dataset_that_was_there(
    made: tuple[Settings, Workspace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = second_site(tmp_path)
    workspace = Workspace.of(settings)
    before = read_manifest(workspace.dataset).digest
    monkeypatch.setattr(
        "pvbesscar.dataset.build.charger_frame",
        lambda *arguments: _charger_frame(*arguments).assign(electric_vehicle_required_soc_departure=90.0),
    )
    monkeypatch.setattr("pvbesscar.dataset.build.check_charger_frame", lambda *_: None)
    with pytest.raises(QualityError, match="required_soc_departure"):
        build(settings, workspace)
    assert read_manifest(workspace.dataset).digest == before


def _charger_frame(*arguments: Any) -> pd.DataFrame:
    from pvbesscar.dataset.charger_files import charger_frame

    return charger_frame(*arguments)


# Results


def first_ledger(folder: Path) -> Path:
    return folder / "ledgers" / "nominal" / "rule.parquet"


def ledger(change: Change) -> Callable[[Path], None]:
    return lambda folder: change(pd.read_parquet(first_ledger(folder))).to_parquet(first_ledger(folder))


def cell(column: str, value: object) -> Callable[[Path], None]:
    """Change a cell of the rule's row of the table."""

    def spoil(folder: Path) -> None:
        path = folder / "evaluation_comparison.csv"
        read = pd.read_csv(path).astype({column: object})
        read.loc[read["controller"] == "rule", column] = value
        read.to_csv(path, index=False)

    return spoil


def twice(folder: Path) -> None:
    path = folder / "evaluation_comparison.csv"
    read = pd.read_csv(path)
    pd.concat([read, read.iloc[[0]]]).to_csv(path, index=False)


def left_out(folder: Path) -> None:
    path = folder / "evaluation_comparison.csv"
    pd.read_csv(path).iloc[1:].to_csv(path, index=False)


RESULT_FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a score that is no weighted sum": (cell("j", 0.5), "scores:off.between"),
    "a score below the bound": (cell("j", 0.0), "scores:above_bound.between"),
    "a share above one": (cell("captured_share", 1.2), "scores:captured_share.between"),
    "a share that divides otherwise": (cell("captured_share", 0.5), "scores:share_off.between"),
    "a gap that divides otherwise": (cell("gap_closed", -3.0), "scores:gap_off.between"),
    "more closed than is open": (cell("gap_closed", 1.2), "scores:gap_closed.between"),
    "a cost from another run": (cell("cost_pen", 1.0), "ledgers:cost_pen_off.between"),
    "negative CO2": (cell("co2_kg", -5.0), "table:co2_kg.between"),
    "a controller twice": (twice, "table:scenario.controller.unique"),
    "a controller left out": (left_out, "table:row.exactly"),
    "an unknown kind": (cell("kind", "oracle"), "table:kind.among"),
    "more departures met than there were": (cell("departures_met", 1e6), "ledgers:met_off.between"),
    "energy from nothing": (
        ledger(lambda f: f.assign(pv_kwh=f["pv_kwh"] + (f.index == 5) * 3.0)),
        "ledgers:balance_gap_kwh.between",
    ),
    "a price of another tariff": (ledger(lambda f: f.assign(price=f["price"] * 1.2)), "ledgers:price_off.between"),
    "hours left out": (ledger(lambda f: f.iloc[3:]), "ledgers:hours_off.among"),
    "a store that is over full": (ledger(lambda f: f.assign(bess_soc=1.1)), "ledgers:most_soc.between"),
}


def test_sound_results_meet_every_expectation(made: tuple[Settings, Workspace]) -> None:
    report = judge_results(made[1].evaluation, made[0])
    assert report.faults == ()
    assert report.met == report.expectations > 40
    assert report.digest == sha256_file(made[1].evaluation / "evaluation_report.json")


@pytest.mark.parametrize("fault", RESULT_FAULTS)
def test_a_fault_in_published_results_is_found(made: tuple[Settings, Workspace], results: Path, fault: str) -> None:
    spoil, expectation = RESULT_FAULTS[fault]
    spoil(results)
    found = [f"{one.suite}:{one.expectation}" for one in judge_results(results, made[0]).faults]
    assert expectation in found, found


def test_results_that_can_not_be_read_are_refused(made: tuple[Settings, Workspace], results: Path) -> None:
    first_ledger(results).unlink()
    with pytest.raises(QualityError, match="can not be read"):
        require_result_files(results, made[0], results.parent / "docs")


def test_the_library_is_loaded_only_where_files_are_judged() -> None:
    code = (
        "import sys\nimport pvbesscar.dataset.build, pvbesscar.evaluation.evaluate, pvbesscar.lineage.plan\n"
        "sys.exit('great_expectations' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_equal_files_give_equal_pages(made: tuple[Settings, Workspace], tmp_path: Path) -> None:
    settings, workspace = made
    judge_dataset(workspace.dataset, settings, tmp_path / "again")
    first, again = (
        {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
        for folder in (workspace.data_docs("dataset"), tmp_path / "again")
    )
    assert again == first
    assert json.loads(again["expectations.json"])["digest"] == read_manifest(workspace.dataset).digest


@pytest.fixture(autouse=True)
def _quiet(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """The library prints nothing."""
    yield
    assert "Calculating Metrics" not in capsys.readouterr().err
