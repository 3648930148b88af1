"""Result files of a small site, made by hand, and the published page as a reader sees it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd

from pvbesscar.agents.settings import training_digest
from pvbesscar.evaluation.aggregate import set_result
from pvbesscar.evaluation.courses import gap_parts
from pvbesscar.evaluation.kpis import ControllerRun
from pvbesscar.evaluation.ranking import controller_result, ranked
from pvbesscar.evaluation.specifications import ControllerSpec
from pvbesscar.plant.ledger import LEDGER_COLUMNS
from pvbesscar.report.publish import publish
from pvbesscar.simulation.rollout import Ledger
from pvbesscar.store.files import read_json, sha256_file, sha256_json, write_parquet, write_text
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
from schemas.settings import Agent, Settings

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


def ledger(name: str, co2_kg: float, solar_kwh: float, hours: int = 24) -> Ledger:
    frame = pd.DataFrame(np.zeros((hours, len(LEDGER_COLUMNS))), columns=list(LEDGER_COLUMNS))
    frame[["pv_kwh", "mall_kwh"]] = 100.0
    frame.loc[0, ["co2_kg", "solar_kwh", "departures", "departures_met"]] = [co2_kg, solar_kwh, 10.0, 9.0]
    frame.insert(
        0,
        "timestamp",
        pd.date_range("2025-03-10" if hours == 24 else "2025-01-01", periods=hours, freq="h", tz="America/Lima"),
    )
    frame.insert(0, "t", np.arange(hours))
    return Ledger(name, frame.assign(price=0.28, carbon=0.5, reward=-0.5, day_type=1, window="first"))


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


def write_evaluation(workspace: Workspace, settings: Settings, digest: str, hours: int = 24, **changes: Any) -> None:
    """Four controllers on some hours, and two test years that are the same; `changes` replace parts of the report."""
    ledgers = {
        "no-control": (ControllerSpec("no-control", "baseline"), ledger("no-control", 1000.0, 500.0, hours)),
        "rule": (ControllerSpec("rule", "baseline"), ledger("rule", 400.0, 100.0, hours)),
        "sac": (ControllerSpec("sac", "agent", "sac"), ledger("sac", 420.0, 10.0, hours)),
        "ppo": (ControllerSpec("ppo", "agent", "ppo"), ledger("ppo", 380.0, 90.0, hours)),
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
    judged_on = ("first",) if hours == 24 else ("year",)
    optimum = OptimumResult(mode="dispatch", bound=0.2, replay=0.2002, terms=plan, peak_kw=1234.5)
    nominal = ScenarioResult(
        scenario="nominal", simulator="citylearn", digest=digest, judged_on=judged_on, reference=REFERENCE,
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


def write_results(settings: Settings, workspace: Workspace, hours: int = 24) -> None:
    """Result files made by hand, all of one dataset; A2C was not trained."""
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
    write_evaluation(workspace, settings, manifest.digest, hours)


def page_of(settings: Settings, workspace: Workspace, **failures: str) -> str:
    return publish(settings, workspace, "smoke", failures).read_text(encoding="utf-8")


class Reader(HTMLParser):
    """Collects the visible text, the tags with their attributes, and what is left open."""

    VOID = frozenset({"meta", "path", "use", "rect", "br", "img", "image", "input"})

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
        if self.open and self.open[-1] not in {"style", "title", "script"} and data.strip():
            self.text.append(" ".join(data.split()))


def words(page: str) -> str:
    return " ".join(Reader(page).text)
