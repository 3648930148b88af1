"""Stages that take seconds, for tests of what runs around them. Only tests can put them in place."""

# No `from __future__ import annotations`, as in flows/training.py.

import base64
import os
import signal
import time
from pathlib import Path

import pytest
from prefect import flow

import flows.training
from flows.children import die_with_the_parent
from flows.run import ProfileName
from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.records import recorded
from pvbesscar.store.files import write_text
from pvbesscar.store.workspace import Workspace
from schemas.certificates import Certificate
from schemas.errors import QualityError, TrainingError
from schemas.progress import OnProgress, Progress
from schemas.results import (
    ControllerResult,
    DatasetManifest,
    EvaluationReport,
    Finding,
    HourRange,
    Provenance,
    QualityReport,
    ScenarioResult,
    ScoreTerms,
    YearFacts,
)
from schemas.settings import Agent, Settings

TERMS = ScoreTerms(co2_kg=1.0, solar_kwh=2.0, cost_pen=3.0, ev_short_kwh=0.0, ramping_kwh=4.0)
BEHAVIOUR = "FAKE_TRAINING"
"""Environment variable of the tests' own child flow: `agent=what,...` with what of `fail`, `die`, `wait`, `linger`, and
`gate`: until there is a file `go` in the project folder."""


def put_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the fakes where the tasks look for the stages."""
    monkeypatch.setattr("pvbesscar.oe2.ingest.ingest", ingest)
    monkeypatch.setattr("pvbesscar.quality.gate.validate", validate)
    monkeypatch.setattr("pvbesscar.dataset.build.build", build)
    monkeypatch.setattr("pvbesscar.certify.certificate.certify", certify)
    monkeypatch.setattr("pvbesscar.plant.certificate.require_certificate", require_certificate)
    monkeypatch.setattr("pvbesscar.evaluation.evaluate.evaluate", evaluate)
    monkeypatch.setattr("pvbesscar.report.publish.publish", publish)
    monkeypatch.setattr("pvbesscar.report.pictures.pictures", pictures)
    monkeypatch.setattr(flows.training, "train_agent", train_agent)


def ingest(settings: Settings, workspace: Workspace) -> Provenance:
    write_text(workspace.canonical / "provenance.json", "{}")
    return Provenance(scenario=settings.name, seed=settings.seed, series=(), files={"pv.parquet": "0" * 64})


def validate(settings: Settings, workspace: Workspace) -> QualityReport:
    bad = settings.description == "bad data"
    report = QualityReport(
        scenario=settings.name, canonical_digest="0" * 64, rules=("dark_year",), findings=(FINDING,) if bad else ()
    )
    write_text(workspace.quality / "quality_report.json", report.model_dump_json())
    if bad:
        raise QualityError("pv.csv: column `pv_kwh`: all 8760 hours are 0.", hint=f"{FINDING.fix}.")
    return report


def build(settings: Settings, workspace: Workspace) -> DatasetManifest:
    write_text(workspace.dataset / "manifest.json", "{}")
    facts = YearFacts(
        hours=8760, pv_kwh=1.0, pv_yield_kwh_per_kwp=1.0, mall_kwh=1.0, ev_kwh=1.0, ghi_kwh_m2=1.0, sessions=1,
        sessions_infeasible=0, first_stamp="2025-01-01 00:00", last_stamp="2025-12-31 23:00",
    )  # fmt: skip
    return DatasetManifest(
        scenario=settings.name, mode="dispatch", citylearn_version="3.0.2", settings_digest="1", canonical_digest="2",
        facts=facts, no_control=TERMS, files={"schema.json": "3"}, digest="4",
    )  # fmt: skip


def certify(settings: Settings, workspace: Workspace, *, full: bool, on_progress: OnProgress) -> None:
    assert not full
    on_progress(Progress(1, 1, 1.0, "hours compared"))
    write_text(workspace.certificate, settings.name)


def require_certificate(workspace: Workspace) -> Certificate:
    return Certificate(
        scenario=workspace.certificate.read_text(),
        scope="windows", verdict="equal", dataset_digest="4", plant_code_digest="5",
        versions={"citylearn": "3.0.2"}, platform="test", differences=(), runs=(), hours=1, branches={},
        branches_missed=(), seconds=0.1,
    )  # fmt: skip


@flow(name="trainer")
def train_agent(agent: Agent, profile: ProfileName, run_folder: Path) -> None:
    die_with_the_parent()
    run = RunContext.reopened(run_folder, profile)
    with recorded(f"train-{agent}", run):
        _train(agent, run)


def _train(agent: Agent, run: RunContext) -> None:
    behaviour = dict(item.split("=") for item in os.environ.get(BEHAVIOUR, "").split(",") if item)
    write_text(run.folder / f"pid-{agent}", str(os.getpid()))
    write_text(run.folder / f"threads-{agent}", os.environ.get("OMP_NUM_THREADS", ""))
    steps = {"wait": 200, "linger": 60}.get(behaviour.get(agent, ""), 6)
    for step in range(1, steps + 1):
        time.sleep(0.5)
        run.write_progress(f"train-{agent}", Progress(step, steps, 2.0, "steps"))
        while behaviour.get(agent) == "gate" and not (run.workspace.root / "go").is_file():
            time.sleep(0.1)
        if step == 4 and behaviour.get(agent) == "fail":
            raise TrainingError(f"{agent}: the loss is NaN at step 4.", hint="lower `training.ppo.learning_rate`.")
        if step == 4 and behaviour.get(agent) == "die":
            os.kill(os.getpid(), signal.SIGKILL)
    write_text(run.workspace.final_model(agent), f"model of {agent}")


def evaluate(
    settings: Settings, workspace: Workspace, profile: str, on_progress: OnProgress, *, request: None, workers: None
) -> EvaluationReport:
    on_progress(Progress(1, 2, 1.0, "controllers"))
    models = [agent for agent in ("sac", "ppo", "a2c") if workspace.final_model(agent).is_file()]
    write_text(workspace.evaluation / "evaluation_comparison.csv", f"{models}")
    nominal = ScenarioResult(
        scenario="nominal", simulator="citylearn", digest="4", judged_on=("wet",), reference=TERMS, optimum=None,
        ranking=tuple(_result(name) for name in models),
    )  # fmt: skip
    return EvaluationReport(
        scenario=settings.name, profile=profile, mode="dispatch", guard=True, forecast="causal", dataset_digest="4",
        scenarios=(nominal,), missing={},
    )  # fmt: skip


def publish(settings: Settings, workspace: Workspace, profile: str, failures: dict[str, str]) -> Path:
    page = workspace.report / "index.html"
    write_text(page, f"{settings.name} {profile} without {failures}")
    return page


def pictures(settings: Settings, workspace: Workspace, profile: str) -> dict[str, object]:
    from pvbesscar.report.pictures import Picture  # with matplotlib, which a run that is cached never loads

    svg = base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"></svg>').decode()
    return {name: Picture(f"data:image/svg+xml;base64,{svg}", name) for name in ("kpi-chart", "key-figure")}


FINDING = Finding(
    rule="dark_year", severity="error", source="pv.csv", column="pv_kwh", observed="0 kWh", limit="> 0 kWh",
    message="all hours are 0", cause="the export failed", n_hours=8760,
    fix="export the file again, then `pvbesscar ingest`",
    hours=(HourRange(first=0, last=8759, first_stamp="2025-01-01 00:00", last_stamp="2025-12-31 23:00"),),
)  # fmt: skip


def _result(name: str) -> ControllerResult:
    return ControllerResult(
        controller=name, kind="agent", hours=168, score=0.9, mean_reward=-1.0, reward_std=0.0, terms=TERMS,
        gap_closed=None, captured_share=0.5, kpis={}, ev_kwh=1.0,
        charge_kwh=1.0, discharge_kwh=1.0, departures=1, departures_met=1, infeasible=0, ledger_sha256="5",
    )  # fmt: skip
