"""The page: it says what the result files say, whatever is missing, and loads nothing from anywhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvbesscar.agents.settings import training_digest
from pvbesscar.evaluation.aggregate import set_result
from pvbesscar.evaluation.courses import gap_parts
from pvbesscar.evaluation.kpis import ControllerRun
from pvbesscar.evaluation.ranking import controller_result, ranked
from pvbesscar.evaluation.specifications import ControllerSpec
from pvbesscar.plant.ledger import LEDGER_COLUMNS
from pvbesscar.report.pictures import pictures
from pvbesscar.report.publish import publish
from pvbesscar.simulation.rollout import Ledger
from pvbesscar.store.files import read_json, sha256_file, sha256_json, write_json, write_parquet, write_text
from pvbesscar.store.workspace import Workspace
from schemas.results import (
    DatasetManifest,
    EvaluationReport,
    Finding,
    OptimumResult,
    Provenance,
    QualityReport,
    ScenarioResult,
    ScoreTerms,
    SeriesProvenance,
    TrainingMetrics,
    TrainingVerdict,
)
from schemas.settings import AGENTS, Agent, Settings
from tests.mini_site import mini_site, with_training

HOSTILE = "<script>alert('x')</script>"
REFERENCE = ScoreTerms(co2_kg=1000.0, solar_kwh=500.0, cost_pen=600.0, ev_short_kwh=100.0, ramping_kwh=300.0)
SYNTHETIC = SeriesProvenance(
    series="weather", source="synthetic", reader="synthetic_weather", file=None, sha256=None, transformations=("drawn",)
)
EXPANDED = SeriesProvenance(
    series="sessions",
    source="file",
    reader="profile",
    file="chargers.csv",
    sha256="ab" * 32,
    transformations=("sessions derived from hourly energies: each stays `ev.dwell_hours` = 3 h",),
    notes=("32 charger columns were spread over 128 sockets, 4 a charger.",),
)


def ledger(name: str, co2_kg: float, solar_kwh: float) -> Ledger:
    frame = pd.DataFrame(np.zeros((24, len(LEDGER_COLUMNS))), columns=list(LEDGER_COLUMNS))
    frame[["pv_kwh", "mall_kwh"]] = 100.0
    frame.loc[0, ["co2_kg", "solar_kwh", "departures", "departures_met"]] = [co2_kg, solar_kwh, 10.0, 9.0]
    frame.insert(0, "timestamp", pd.date_range("2025-03-10", periods=24, freq="h", tz="America/Lima"))
    frame.insert(0, "t", np.arange(24))
    return Ledger(name, frame.assign(price=0.28, carbon=0.5, reward=-0.5, window="first"))


def write_training(workspace: Workspace, settings: Settings, agent: Agent, dataset_digest: str) -> None:
    metrics = TrainingMetrics(
        agent=agent, profile="smoke", simulator="citylearn", seed=settings.seed, dataset_digest=dataset_digest,
        settings_digest=training_digest(agent, settings, "smoke"), steps=5008, episodes=29, duration_s=100.0,
        steps_per_s=50.08, validation_windows=("first", "second"), validation_rewards=(-0.4, -0.5),
        validation_mean=-0.45, validation_std=0.07, untrained_validation_rewards=(-0.5, -0.6), checkpoints={},
        model_file=f"{agent}_final_model.zip", model_sha256="0" * 64, model_bytes=12_345, parameters=678,
        versions={"torch": "2.13.0"},
    )  # fmt: skip
    write_text(workspace.training_metrics(agent), metrics.model_dump_json())
    curve = pd.DataFrame({"steps": [168, 336], "mean_reward": [-0.6, -0.5]})
    write_text(workspace.training(agent) / f"{agent}_training_curve.csv", curve.to_csv(index=False))


def write_evaluation(workspace: Workspace, settings: Settings, digest: str, **changes: Any) -> None:
    ledgers = {
        "no-control": (ControllerSpec("no-control", "baseline"), ledger("no-control", 1000.0, 500.0)),
        "rule": (ControllerSpec("rule", "baseline"), ledger("rule", 400.0, 100.0)),
        "sac": (ControllerSpec("sac", "agent", "sac"), ledger("sac", 420.0, 10.0)),
        "ppo": (ControllerSpec("ppo", "agent", "ppo"), ledger("ppo", 380.0, 90.0)),
    }
    files = {}
    for name, (_, own) in ledgers.items():
        path = workspace.evaluation / "ledgers" / "nominal" / f"{name}.parquet"
        write_parquet(path, own.frame)
        files[f"ledgers/nominal/{name}.parquet"] = sha256_file(path)
    judged = {
        c.name: ControllerRun([own], REFERENCE, settings.weights, 4520.0, 2.146, 0.7, 0.2, 0.24, 0.2002)
        for c, own in ledgers.values()
    }
    results = [controller_result(c, judged[c.name], "0" * 64) for c, _ in ledgers.values()]
    verdict = TrainingVerdict(
        agent="sac", outcome="training added nothing", difference=0.01, interval=(-0.1, 0.12), beats_rule=False,
        co2_difference_kg=5.0,
        sentence="training added nothing: J changed by +0.0100.",
    )  # fmt: skip
    plan = ScoreTerms(co2_kg=396.4, solar_kwh=5.0, cost_pen=0.0, ev_short_kwh=0.0, ramping_kwh=0.0)
    optimum = OptimumResult(mode="dispatch", bound=0.2, replay=0.2002, terms=plan)
    nominal = ScenarioResult(
        scenario="nominal", simulator="citylearn", digest=digest, judged_on=("first",), reference=REFERENCE,
        optimum=optimum, gap_parts=gap_parts(results[1].terms, plan, REFERENCE, settings.weights),
        ranking=ranked(results),
    )  # fmt: skip
    years = [nominal.model_copy(update={"scenario": f"test-{k:02d}", "simulator": "twin"}) for k in (1, 2)]
    report = EvaluationReport(
        scenario="test", profile="smoke", mode="dispatch", guard=True, forecast="causal", dataset_digest=digest,
        scenarios=(nominal, *years), sets=(set_result("test", years),),
        missing={"a2c": "checkpoints/A2C/a2c_final_model.zip is missing."}, verdicts=(verdict,), files=files,
        nearness={"mall_kwh": {"median": 0.007, "tenth": 0.006}, "pv_kwh": {"median": 0.036, "tenth": 0.02}},
    )  # fmt: skip
    write_text(workspace.evaluation / "evaluation_report.json", report.model_copy(update=changes).model_dump_json())


def report_of(workspace: Workspace) -> dict[str, Any]:
    report: dict[str, Any] = read_json(workspace.evaluation / "evaluation_report.json")
    return report


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return mini_site(tmp_path).model_copy(update={"description": HOSTILE})


@pytest.fixture
def workspace(settings: Settings) -> Workspace:
    """Result files made by hand, all of one dataset; A2C was not trained."""
    workspace = Workspace.of(settings)
    old = Provenance.model_validate(read_json(workspace.canonical / "provenance.json"))
    series = (SYNTHETIC, EXPANDED)
    write_text(workspace.canonical / "provenance.json", old.model_copy(update={"series": series}).model_dump_json())
    manifest = DatasetManifest.model_validate(read_json(workspace.dataset / "manifest.json"))
    finding = Finding(
        rule="night", severity="warning", source="weather.csv", column=HOSTILE, observed="3", limit="0",
        message="light at night.", cause="shifted clock.", fix="set the time zone.", n_hours=3,
    )  # fmt: skip
    quality = QualityReport(
        scenario="test", canonical_digest=sha256_json(old.files), rules=("night", "length"), findings=(finding,)
    )
    write_text(workspace.quality / "quality_report.json", quality.model_dump_json())
    for agent in ("sac", "ppo"):
        write_training(workspace, settings, agent, manifest.digest)
    write_evaluation(workspace, settings, manifest.digest)
    return workspace


def page_of(settings: Settings, workspace: Workspace, **failures: str) -> str:
    return publish(settings, workspace, "smoke", failures).read_text(encoding="utf-8")


class Reader(HTMLParser):
    """Collects the visible text, the tags with their attributes, and what is left open."""

    VOID = frozenset({"meta", "path", "use", "rect", "br", "img"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "title"} and data.strip():
            self.text.append(" ".join(data.split()))


def words(page: str) -> str:
    return " ".join(Reader(page).text)


def test_the_first_line_says_what_is_synthetic(settings: Settings, workspace: Workspace) -> None:
    first = Reader(page_of(settings, workspace)).text[0]
    # The settings call generation and demand synthetic too; provenance knows nothing of it.
    assert first == "SYNTHETIC DATA: weather is generated, not measured."


def test_the_words_on_the_data_are_those_of_provenance_not_of_the_settings(
    settings: Settings, workspace: Workspace
) -> None:
    path = workspace.canonical / "provenance.json"
    made = Provenance.model_validate(read_json(path))
    step = "scaled by 0.5 from 6,000.00 kWh to the declared 3,000 kWh (`mall.scale_to_declared`)"
    mall = EXPANDED.model_copy(update={"series": "mall", "transformations": (step,)})
    write_text(path, made.model_copy(update={"series": (mall,)}).model_dump_json())
    text = words(page_of(settings, workspace))
    assert Reader(page_of(settings, workspace)).text[0] == "No synthetic data: all inputs are read from files."
    assert step in text
    assert "ev.dwell_hours not used" in text  # nothing says that stays were assumed
    path.unlink()
    text = words(page_of(settings, workspace))
    assert text.startswith("ORIGIN UNKNOWN")
    assert "ev.dwell_hours unknown" in text


def test_the_first_screen_says_what_the_year_is(settings: Settings, workspace: Workspace) -> None:
    text = words(page_of(settings, workspace))
    manifest = DatasetManifest.model_validate(read_json(workspace.dataset / "manifest.json"))
    facts = manifest.facts
    assert "hours 8,760" in text
    assert f"EV demand at the charger {facts.ev_kwh:,.0f} kWh" in text
    assert f"mall demand {facts.mall_kwh:,.0f} kWh" in text
    assert f"PV yield {facts.pv_yield_kwh_per_kwp:,.1f} kWh/kWp" in text
    assert "ev.dwell_hours 3 h" in text
    assert "departure guard on" in text
    assert "forecast causal" in text
    assert "battery mode dispatch" in text
    assert "quality warnings 1 of 2 rules applied" in text
    assert "32 charger columns were spread over 128 sockets" in text
    assert f"{facts.ev_kwh * 2.146:,.0f} kg by the vehicles; reported apart" in text


def test_waived_findings_are_on_the_first_screen(settings: Settings, workspace: Workspace) -> None:
    assert "WAIVED" not in words(page_of(settings, workspace))
    path = workspace.quality / "quality_report.json"
    raw = read_json(path)
    raw["findings"][0]["waiver"] = {"reason": "seen by the engineer in charge", "until": "2026-12-31"}
    write_json(path, raw)
    text = words(page_of(settings, workspace))
    banner = text[text.index("WAIVED: 1 finding is accepted") : text.index("hours 8,760")]
    assert "Until 2026-12-31: seen by the engineer in charge" in banner


def test_what_is_missing_is_named_on_the_first_screen(settings: Settings, workspace: Workspace) -> None:
    text = words(page_of(settings, workspace, ppo="killed by signal 9"))
    banner = text[text.index("PARTIAL") : text.index("hours 8,760")]
    assert "2 parts are missing" in banner
    assert "a2c : checkpoints/A2C/a2c_final_model.zip is missing." in banner
    assert "ppo : killed by signal 9" in banner
    assert "PPO failed in this run; its rows below are of an earlier training" in banner


def test_a_whole_run_has_no_banner(settings: Settings, workspace: Workspace) -> None:
    manifest = DatasetManifest.model_validate(read_json(workspace.dataset / "manifest.json"))
    write_training(workspace, settings, "a2c", manifest.digest)
    write_evaluation(workspace, settings, manifest.digest, missing={})
    assert "PARTIAL" not in page_of(settings, workspace)


def test_the_ranking_has_all_terms_and_the_verdict(settings: Settings, workspace: Workspace) -> None:
    text = words(page_of(settings, workspace))
    # 0.5 * 420 / 1000 + 0.2 * 10 / 500 and 0.5 * 380 / 1000 + 0.2 * 90 / 500.
    # From the rule to J* 0.24 - 0.2 is open.
    assert "1 sac trained agent 65.0 % 0.21400 420.0 10.0 0.0 0.0 0.0 97.20 % -0.5000 one stretch" in text
    assert "2 ppo trained agent 35.0 % 0.22600 380.0 90.0" in text
    assert "3 rule baseline 0.0 % 0.24000 400.0" in text
    assert "4 no-control baseline -1150.0 % 0.70000 1,000.0" in text
    assert "a2c not judged: checkpoints/A2C/a2c_final_model.zip is missing." in text
    assert "training added nothing: J changed by +0.0100." in text


def test_no_sentence_calls_a_controller_better_and_hides_what_is_worse(
    settings: Settings, workspace: Workspace
) -> None:
    said = Reader(page_of(settings, workspace)).text
    assert (
        "sac is better than rule by J (-0.0260); worse: CO2 +20.0 kg in 24 h (+5.0 %); it closes 65.0 % of the gap "
        "from rule to J*."
    ) in said
    assert (
        "ppo is better than rule by J (-0.0140); worse in no term; it closes 35.0 % of the gap from rule to J*." in said
    )
    # Both against the rule, on these hours; over the years there is no interval, so nobody is better.
    assert sum("is better than" in sentence for sentence in said) == 2
    assert not any("captured" in sentence for sentence in said if sentence.endswith("."))


def test_the_bound_and_what_is_open_are_said(settings: Settings, workspace: Workspace) -> None:
    text = words(page_of(settings, workspace))
    assert "can score below J* = 0.20000 on these hours" in text
    assert "run through the simulator, scores 0.20020, 0.100 % above the bound." in text
    assert "The gap: from the rule (J 0.24000) to J* 0.04000 is open, 16.7 % of the J of the rule." in text
    assert "optimum, replayed perfect foresight bound J* 0.20000 0.20020" in text
    # 0.2 * 95 / 500 of unused PV, 0.5 * 3.6 / 1000 of CO2, and 0.0002 from the plan to the bound.
    assert "Where it comes from, by the replayed plan: unused PV +0.0380, CO2 +0.0018, and +0.0002 from that" in text
    assert "CO2, kg 400 396 -4 +0.00180 solar, kWh 100 5 -95 +0.03800" in text
    assert "plan replayed to bound J* +0.00020 J(rule) - J* +0.04000" in text


def test_nothing_open_stands_where_the_rule_is_as_good_as_the_optimum(settings: Settings, workspace: Workspace) -> None:
    report = report_of(workspace)
    for scenario in report["scenarios"]:
        scenario["optimum"] |= {"bound": 0.2399, "replay": 0.2401}
    write_json(workspace.evaluation / "evaluation_report.json", report)
    text = words(page_of(settings, workspace))
    assert "1 sac trained agent nothing open 0.21400" in text
    assert "Nothing open: the rule scores 0.24000, which can not be told from J*" in text
    assert "Where it comes from" not in text


def test_years_of_a_set_are_named_for_what_they_are(settings: Settings, workspace: Workspace) -> None:
    text = words(page_of(settings, workspace))
    # Agents of this site learn on the validated year, which holds the test weeks.
    assert "the agents were trained on the validated year, which holds these weeks" in text
    assert "at the median this share of its energy in other hours: mall demand 0.70%, PV 3.60%." in text
    assert "a test proves little of what a controller does with mall demand that it has not seen" in text
    assert "There are no intervals: these years are no sample of weeks." in text
    assert "sac trained agent 65.0 % 0.21400 -0.02600 420.0 10.0 0.0 0.0 0.0 97.20 %" in text
    assert (
        "On 2 test years sac can not be told from the rule by mean J (-0.0260, no interval); worse: CO2 +20.0" in text
    )
    report = report_of(workspace)
    report["sets"][0]["source_weeks"] = 13
    for entry in report["sets"][0]["entries"]:
        entry |= {"against_rule_interval": (-0.03, -0.02), "gap_interval": (0.6, 0.701), "score_interval": (0.2, 0.3)}
    write_json(workspace.evaluation / "evaluation_report.json", report)
    trained_apart = with_training(settings, simulator="twin", scenarios="training")
    text = words(page_of(trained_apart, workspace))
    assert "of resampled weeks, drawn from 13 source weeks, none of whose weeks is in training, on CityLearn's" in text
    assert "peaks, demand charges" in text
    assert "sac trained agent 65.0 % 60.0 to 70.1 % 0.21400 0.20000 to 0.30000 -0.02600 -0.03000 to -0.02000" in text
    assert (
        "On 2 test years of resampled weeks sac is better than the rule by mean J (-0.0260, 95 % interval -0.0300 to "
        "-0.0200); worse: CO2 +20.0 kg a year (+5.0 %); it closes 65.0 % (95 % interval 60.0 to 70.1 %) of the gap "
        "from rule to J*."
    ) in text


@pytest.mark.parametrize(("name", "other"), [("index.html", "money.html"), ("money.html", "index.html")])
def test_nothing_is_loaded_and_no_script_runs(settings: Settings, workspace: Workspace, name: str, other: str) -> None:
    page_of(settings, workspace)
    page = (workspace.report / name).read_text(encoding="utf-8")
    reader = Reader(page)
    # The settings are shown in full; the address of this machine's own service is one of them.
    told = page.replace(settings.shadow.api, "")
    assert "http://" not in told
    assert "https://" not in told
    tags = {tag for tag, _ in reader.tags}
    assert not tags & {"script", "link", "iframe", "object", "img", "image"}
    for _, attributes in reader.tags:
        for place in ("src", "href", "xlink:href"):
            address = attributes.get(place) or "#"
            assert address.startswith("#") or address == other
    assert other in page
    assert reader.open == []


def test_hostile_names_are_text(settings: Settings, workspace: Workspace) -> None:
    page = page_of(settings, workspace, **{HOSTILE: f"died of {HOSTILE}"})
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 4


def test_the_page_can_be_read_aloud_and_on_a_phone(settings: Settings, workspace: Workspace) -> None:
    reader = Reader(page_of(settings, workspace))
    drawings = [attributes for tag, attributes in reader.tags if tag == "svg"]
    assert len(drawings) == 4
    assert all(a["role"] == "img" and len(a["aria-label"] or "") > 20 for a in drawings)
    heads = [attributes for tag, attributes in reader.tags if tag == "th"]
    assert all(a.get("scope") in {"col", "row"} for a in heads)
    assert ("html", {"lang": "en"}) in reader.tags
    assert any(a.get("name") == "viewport" for tag, a in reader.tags if tag == "meta")
    ids = [a["id"] for _, a in reader.tags if a.get("id")]
    assert len(ids) == len(set(ids))


def test_pictures_are_the_ranking_and_a_week_of_the_best_controller(settings: Settings, workspace: Workspace) -> None:
    found = pictures(settings, workspace, "smoke")
    assert {name: picture.words for name, picture in found.items()} == {
        "key-figure": "A week of sac (first)",
        "kpi-chart": "Ranking by J and its terms",
    }
    assert all(picture.address.startswith("data:image/svg+xml;base64,") for picture in found.values())


def test_the_same_results_give_the_same_page(settings: Settings, workspace: Workspace) -> None:
    assert page_of(settings, workspace) == page_of(settings, workspace)


def test_a_page_is_made_of_nothing_too(settings: Settings, tmp_path: Path) -> None:
    text = words(page_of(settings, Workspace(tmp_path / "empty", "none"), ingest="no file"))
    for what in ("ingest : no file", "dataset :", "provenance :", "quality report :", "evaluation :", "sac :", "a2c :"):
        assert what in text
    assert "There are no results to draw." in text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"dataset_digest": "f" * 64}, "judged another dataset"), ({"profile": "full"}, "is of profile full")],
)
def test_an_evaluation_of_something_else_is_not_shown(
    changes: dict[str, str], reason: str, settings: Settings, workspace: Workspace
) -> None:
    digest = read_json(workspace.dataset / "manifest.json")["digest"]
    write_evaluation(workspace, settings, digest, **changes)
    text = words(page_of(settings, workspace)).replace("`", "")
    assert reason in text
    assert "trained agent" not in text


def test_results_of_another_dataset_are_not_shown(settings: Settings, workspace: Workspace) -> None:
    for agent in AGENTS:
        write_training(workspace, settings, agent, "f" * 64)
    text = words(page_of(settings, workspace))
    assert "sac : the training that is there used another dataset (ffffffffffff)." in text
    assert "There are no training results of this dataset." in text


def test_a_ledger_that_is_not_the_judged_one_is_not_drawn(settings: Settings, workspace: Workspace) -> None:
    write_parquet(workspace.evaluation / "ledgers" / "nominal" / "sac.parquet", ledger("sac", 1.0, 1.0).frame)
    assert "A week of sac" not in words(page_of(settings, workspace))


def test_a_broken_result_file_is_named(settings: Settings, workspace: Workspace) -> None:
    write_json(workspace.quality / "quality_report.json", {"rules": 3})
    assert "quality report : outputs/quality/quality_report.json can not be read" in words(page_of(settings, workspace))


def test_files_stand_with_their_digests(settings: Settings, workspace: Workspace) -> None:
    text = words(page_of(settings, workspace))
    path = workspace.evaluation / "evaluation_report.json"
    assert f"outputs/evaluation/evaluation_report.json {path.stat().st_size:,} {sha256_file(path)}" in text
    assert "outputs/report" not in text
