"""The stages of the pipeline, each declared once.

Tasks, flows, `plan`, `rerun`, `verify --recompute`, the single commands and the deployments are made from this table;
`pvbesscar.lineage.runner.run_stage` is the only way in which a stage is run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.stage import ORDER, PYTHON, JsonEntries, Stage, StageName
from pvbesscar.lineage.stage_settings import (
    build_settings,
    evaluation_settings,
    everything,
    ingest_settings,
    rule_settings,
    site_files,
    training_settings,
)
from pvbesscar.oe2.series import provenance_file
from pvbesscar.store.dataset_manifest import MANIFEST_FILE
from pvbesscar.store.files import read_stored
from schemas.errors import StaleError
from schemas.results import QualityReport
from schemas.settings import AGENTS, Agent, Settings

if TYPE_CHECKING:
    from schemas.certificates import Certificate
    from schemas.results import DatasetManifest, EvaluationReport, Provenance, TrainingMetrics


# What each stage does; its libraries are loaded when it runs. ---------------------------------------------------------


def _ingest(run: RunContext) -> Provenance:
    from pvbesscar.oe2.ingest import ingest

    return ingest(run.settings, run.workspace)


def _validate(run: RunContext) -> QualityReport:
    from pvbesscar.quality.gate import validate

    return validate(run.settings, run.workspace)


def _build(run: RunContext) -> DatasetManifest:
    from pvbesscar.dataset.build import build

    return build(run.settings, run.workspace)


def _certify(run: RunContext) -> Certificate:
    from pvbesscar.certify.certificate import certify
    from pvbesscar.plant.certificate import require_certificate

    full = run.options.full_certificate
    certify(run.settings, run.workspace, full=full, on_progress=run.progress_of("certify"))
    return require_certificate(run.workspace)


def _trained(agent: Agent) -> Callable[[RunContext], TrainingMetrics]:
    def function(run: RunContext) -> TrainingMetrics:
        from pvbesscar.agents.train import train

        return train(agent, run.settings, run.workspace, run.profile, run.progress_of(f"train-{agent}"))

    return function


def _evaluate(run: RunContext) -> EvaluationReport:
    from pvbesscar.evaluation.evaluate import evaluate

    own = run.options
    progress = run.progress_of("evaluate")
    return evaluate(run.settings, run.workspace, run.profile, progress, request=own.request, workers=own.workers)


def _publish(run: RunContext) -> Path:
    from pvbesscar.report.publish import publish

    return publish(run.settings, run.workspace, run.profile, run.failures)


# What each stage reads beside its settings. ---------------------------------------------------------------------------


def _weather_origin(run: RunContext) -> tuple[Path, ...]:
    """What lies beside a weather file that was fetched: who gave it, and when."""
    settings = run.settings
    if settings.weather.source != "file" or settings.weather.file is None:
        return ()
    return (provenance_file(settings.data.oe2_dir / settings.weather.file),)


def _day_of_the_waivers(run: RunContext) -> dict[str, Any]:
    """Day that waivers are held against; without waivers no verdict depends on it."""
    if not run.settings.quality.waivers:
        return {}
    from pvbesscar.quality.waivers import day_of

    return {"day for the waivers": day_of(run.settings).isoformat()}


def _verdict_of_the_gate(run: RunContext) -> dict[str, Any]:
    """What `build` takes from the gate: whether it is open, and the rules that the year keeps."""
    try:
        report = QualityReport.model_validate_json(read_stored(run.workspace.quality / "quality_report.json"))
    except (FileNotFoundError, ValidationError, StaleError):
        return {"quality report": None}
    kept = sorted(set(report.rules) - {finding.rule for finding in report.findings})
    return {"errors that are not waived": len(report.errors), "rules": list(report.rules), "rules kept": kept}


def _canonical(run: RunContext) -> tuple[Path, ...]:
    return (run.workspace.canonical,)


def _year(run: RunContext) -> tuple[Path, ...]:
    """Canonical series; where they come from changes no dataset."""
    return tuple(sorted(run.workspace.canonical.glob("*.parquet")))


def _dataset(run: RunContext) -> tuple[Path, ...]:
    """Files of the dataset but its manifest, which says of them what they say themselves."""
    folder = run.workspace.dataset
    return tuple(sorted(path for path in folder.glob("[!.]*") if path.name != MANIFEST_FILE))


def _models(run: RunContext) -> tuple[Path, ...]:
    return (*_dataset(run), *(run.workspace.final_model(agent) for agent in run.settings.training.agents))


def _metrics(run: RunContext) -> tuple[JsonEntries, ...]:
    """What `evaluate` proves a model by; how long its training took is no part of it."""
    names = ("agent", "profile", "dataset_digest", "settings_digest", "model_sha256", "steps", "seed")
    return tuple(JsonEntries(run.workspace.training_metrics(agent), names) for agent in run.settings.training.agents)


def _evidence(run: RunContext) -> tuple[Path, ...]:
    ws, agents = run.workspace, run.settings.training.agents
    own = [path for agent in agents for path in (ws.checkpoints(agent), ws.training(agent))]
    read = (ws.data_docs("dataset"), ws.data_docs("results"))
    return (ws.canonical, ws.quality, ws.dataset, ws.evaluation, *read, *own)


# The table. -----------------------------------------------------------------------------------------------------------


def _train(agent: Agent) -> Stage:
    return Stage(
        f"train-{agent}",
        does=f"Train {agent.upper()} on the dataset, from where an interrupted training was left.",
        entry="pvbesscar.agents.train",
        function=_trained(agent),
        after=("build",),
        gated_by=("certify",),
        settings=training_settings(agent),
        packages=(
            PYTHON,
            "stable-baselines3",
            "torch",
            "gymnasium",
            "numpy",
            "numba",
            "citylearn",
            "pandas",
            "pyarrow",
            "scipy",
            "highspy",
        ),
        outputs=lambda ws: (ws.checkpoints(agent), ws.training(agent)),
        files=_dataset,
        profiled=True,
        # The certificate lets a training begin and changes nothing of what is learnt.
        no_code=frozenset({"certificate"}),
    )


TRAININGS = tuple(f"train-{agent}" for agent in AGENTS)
STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            "ingest",
            does="Read the configured OE2 files, or make the synthetic year, into canonical hourly Parquet.",
            entry="pvbesscar.oe2.ingest",
            function=_ingest,
            after=(),
            settings=ingest_settings,
            packages=(PYTHON, "numpy", "numba", "pandas", "pvlib", "pyarrow", "openpyxl", "defusedxml"),
            outputs=lambda ws: (ws.canonical,),
            raw=site_files,
            files=_weather_origin,
            reproducible=True,
            many_files=True,
        ),
        Stage(
            "validate",
            does="Judge the canonical year by the quality rules; a finding of error severity stops the run.",
            entry="pvbesscar.quality.gate",
            function=_validate,
            after=("ingest",),
            settings=lambda run: rule_settings(run) | {"report": {"language"}},
            packages=(PYTHON, "numpy", "pandas", "pvlib", "pandera", "jinja2", "pyarrow"),
            outputs=lambda ws: (ws.quality,),
            files=_canonical,
            facts=_day_of_the_waivers,
        ),
        Stage(
            "build",
            does="Make the CityLearn dataset and the years drawn from it, from a canonical year that was accepted.",
            entry="pvbesscar.dataset.build",
            function=_build,
            after=("ingest", "validate"),
            settings=build_settings,
            packages=(PYTHON, "numpy", "pandas", "pvlib", "pandera", "pyarrow", "numba", "citylearn"),
            outputs=lambda ws: (ws.dataset,),
            files=_year,
            facts=_verdict_of_the_gate,
            whole=True,
            reproducible=True,
            many_files=True,
        ),
        Stage(
            "certify",
            does="Prove the twin equal to CityLearn on the dataset; no agent trains on the twin without it.",
            entry="pvbesscar.certify.certificate",
            function=_certify,
            after=("build",),
            settings=lambda _run: {"name": True, "seed": True, "training": {"simulator"}},
            packages=(PYTHON, "citylearn", "numpy", "numba", "gymnasium", "pandas", "pyarrow"),
            outputs=lambda ws: (ws.certificate,),
            files=_dataset,
            needed=lambda settings: settings.training.simulator == "twin",
        ),
        *(_train(agent) for agent in AGENTS),
        Stage(
            "evaluate",
            does="Judge agents, rules and the model predictive controller against the optimum.",
            entry="pvbesscar.evaluation.evaluate",
            function=_evaluate,
            after=("build", *TRAININGS),
            settings=evaluation_settings,
            packages=(
                PYTHON, "citylearn", "numpy", "numba", "pandas", "pyarrow", "scipy", "highspy", "torch",
                "stable-baselines3", "gymnasium",
            ),
            outputs=lambda ws: (ws.evaluation, ws.fitted),
            files=_models,
            parts=_metrics,
            profiled=True,
        ),
        Stage(
            "publish",
            does="Write the HTML report of what there is, and say what is missing.",
            entry="pvbesscar.report.publish",
            function=_publish,
            after=("ingest", "validate", "build", *TRAININGS, "evaluate"),
            settings=everything,
            packages=(
                PYTHON, "jinja2", "markupsafe", "matplotlib", "numpy", "pandas", "plotly", "pyarrow", "scipy",
            ),
            outputs=lambda ws: (ws.report,),
            files=_evidence,
            profiled=True,
            by_column=False,
            facts=lambda run: {f"{agent} is missing": reason for agent, reason in run.failures.items()},
            many_files=True,
        ),
    )
}  # fmt: skip


def stages_of(settings: Settings) -> tuple[Stage, ...]:
    """Stages of a scenario, in their order."""
    left_out = {f"train-{agent}" for agent in AGENTS if agent not in settings.training.agents}
    return tuple(stage for stage in STAGES.values() if stage.name not in left_out)


def names_of(stage: StageName, agents: Sequence[Agent]) -> tuple[str, ...]:
    """Stages that a person means by a name: `train` is one stage for each agent."""
    return tuple(f"train-{agent}" for agent in agents) if stage == "train" else (stage,)


def from_stage(stage: StageName, *, downstream: bool) -> tuple[StageName, ...]:
    """A stage, and those that come after it if they are asked for."""
    return ORDER[ORDER.index(stage) :] if downstream else (stage,)
