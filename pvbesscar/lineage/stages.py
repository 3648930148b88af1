"""What each stage reads and writes: its code, the settings that it asks for, packages, inputs and outputs.

The one place that says it. `tests/lineage/test_stages.py` runs the stages and holds what they ask of the settings, and
what their modules import, to these lists.
"""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ValidationError

from pvbesscar.dataset.settings import DATASET_SETTINGS
from pvbesscar.oe2.series import provenance_file
from pvbesscar.store.dataset_manifest import MANIFEST_FILE
from pvbesscar.store.files import read_stored
from pvbesscar.store.fingerprints import SOURCE, code_of
from pvbesscar.store.workspace import Workspace
from schemas.errors import StaleError
from schemas.results import QualityReport
from schemas.settings import AGENTS, Agent, EvSettings, FileSettings, Settings

StageName = Literal["ingest", "validate", "build", "certify", "train", "evaluate", "publish"]
ORDER: tuple[StageName, ...] = get_args(StageName)
PYTHON = "python"
Include = dict[str, Any]
"""Part of the settings, as pydantic's `include` takes it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where and what a stage is decided for.

    Attributes
    ----------
    settings, workspace, profile
        The scenario, its folders, `smoke` or `full`.
    failures
        Reason for each agent that this run could not train; the report names them.
    source
        Folder that holds the project's packages.
    """

    settings: Settings
    workspace: Workspace
    profile: str
    failures: Mapping[str, str] = field(default_factory=dict)
    source: Path = SOURCE

    @classmethod
    def of(cls, settings: Settings, profile: str) -> Place:
        """Place of a scenario."""
        return cls(settings, Workspace.of(settings), profile)


@dataclass(frozen=True, slots=True)
class Raw:
    """A file of the site, which counts by the values that its reader gives.

    Attributes
    ----------
    key
        Configuration key that names it.
    kind
        Series that is read from it.
    path
        The file.
    """

    key: str
    kind: str
    path: Path


@dataclass(frozen=True, slots=True)
class Part:
    """Some entries of a JSON file, which counts by them alone."""

    path: Path
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage.

    Attributes
    ----------
    name
        `build`, `train-sac`, ...
    entry
        Module that holds it.
    after
        Stages whose results its own depends on.
    settings
        Settings that its result depends on.
    packages
        Distributions whose versions its result depends on, as they are imported by its modules.
    files
        Files and folders of earlier stages that it reads.
    outputs
        Files and folders that it leaves.
    raw, parts, facts
        Further inputs: files of the site, entries of JSON files, values.
    needed
        Whether a scenario needs it.
    profiled
        Whether its result depends on the profile.
    by_column
        Whether it is worth saying which column of an input differs, and where.
    whole
        Whether a file too many in its folder makes its result unusable.
    no_code
        Parts of the domain whose code it imports and its result does not depend on.
    """

    name: str
    entry: str
    after: tuple[str, ...]
    settings: Callable[[Place], Include]
    packages: tuple[str, ...]
    outputs: Callable[[Workspace], tuple[Path, ...]]
    files: Callable[[Place], tuple[Path, ...]] = lambda _: ()
    raw: Callable[[Settings], tuple[Raw, ...]] = lambda _: ()
    parts: Callable[[Place], tuple[Part, ...]] = lambda _: ()
    facts: Callable[[Place], dict[str, Any]] = lambda _: {}
    needed: Callable[[Settings], bool] = lambda _: True
    profiled: bool = False
    by_column: bool = True
    whole: bool = False
    no_code: frozenset[str] = frozenset()

    def code(self, source: Path) -> dict[str, str]:
        """Digest of each module and data file that its result depends on, by name."""
        code = code_of(self.entry, source)
        return {
            name: digest for name, digest in code.items() if not set(name.replace("/", ".").split(".")) & self.no_code
        }

    def versions(self) -> dict[str, str]:
        """Versions of Python and of the packages that its result depends on."""
        return {name: _version(name) for name in self.packages}


version = cache(metadata.version)
"""Of a distribution; a process goes on with the packages that it has loaded."""
LAYOUT = frozenset(FileSettings.model_fields)
"""How a file is written; asked for where there is one."""


def _version(name: str) -> str:
    try:
        return platform.python_version() if name == PYTHON else version(name)
    except PackageNotFoundError:
        return "none"


def values(settings: Settings, include: Include) -> dict[str, Any]:
    """Values of a part of the settings by dotted key."""
    return dict(_flat(settings.model_dump(mode="json", include=include), ""))


def _flat(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _ingest_settings(place: Place) -> Include:
    settings = place.settings
    sources = (settings.weather.source, settings.mall.source, settings.ev.source)
    site = {"latitude", "longitude", "altitude_m", "timezone", "year"}
    if "synthetic" in sources[1:]:
        site |= {"holidays"}
    own: Include = {"name": True, "seed": True, "site": site}
    own["weather"] = {"source", *({"annual_ghi_kwh_m2"} if settings.weather.source == "synthetic" else
                                  {"file", "unit", "columns", "decomposition"} | LAYOUT)}  # fmt: skip
    own["pv"] = {"source", *({"file", "column", "unit"} | LAYOUT if settings.pv.source == "file" else {
        "dc_kwp", "ac_kw", "tilt_deg", "azimuth_deg", "temperature_coefficient_per_k", "system_losses",
        "inverter_efficiency",
    })}  # fmt: skip
    mall = {"source"}
    if "synthetic" in (settings.mall.source, settings.ev.source):
        mall |= {"open_hours"}
    if settings.mall.source == "synthetic":
        mall |= {"declared_kwh"}
    else:
        mall |= {"file", "column", "unit", "scale_to_declared"} | LAYOUT
        mall |= {"declared_kwh"} if settings.mall.scale_to_declared else set()
    own["mall"] = mall
    ev = set(EvSettings.model_fields) - {"socket_min_kw"}
    if settings.ev.source == "synthetic":
        ev -= {"file", "unit"} | LAYOUT
    else:
        ev -= {"declared_kwh", "peak_hours"}
    own["ev"] = ev - {"dwell_hours"} if settings.ev.source == "sessions" else ev
    if _files_of(settings):
        own["data"] = {"oe2_dir"}
    return own


def _files_of(settings: Settings) -> tuple[Raw, ...]:
    folder = settings.data.oe2_dir
    named = (
        ("weather.file", "weather", settings.weather.file if settings.weather.source == "file" else None),
        ("pv.file", "pv", settings.pv.file if settings.pv.source == "file" else None),
        ("mall.file", "mall", settings.mall.file if settings.mall.source == "file" else None),
        ("ev.file", settings.ev.source, settings.ev.file if settings.ev.source != "synthetic" else None),
    )
    return tuple(Raw(key, kind, folder / file) for key, kind, file in named if file is not None)


def _origins(place: Place) -> tuple[Path, ...]:
    """What lies beside a weather file that was fetched: who gave it, and when."""
    settings = place.settings
    if settings.weather.source != "file" or settings.weather.file is None:
        return ()
    return (provenance_file(settings.data.oe2_dir / settings.weather.file),)


def _rule_settings(_place: Place) -> Include:
    """Settings that the quality rules ask for."""
    return {
        "name": True,
        "site": {"latitude", "longitude", "altitude_m", "timezone", "year"},
        "weather": {"source"},
        "pv": {"dc_kwp", "ac_kw", "source", "tilt_deg", "azimuth_deg"},
        "mall": {"source", "declared_kwh", "open_hours"},
        "ev": {
            "source", "chargers", "sockets_per_charger", "moto_chargers", "socket_kw", "charger_efficiency",
            "moto_battery_kwh", "mototaxi_battery_kwh", "declared_kwh",
        },
        "bess": {"capacity_kwh", "power_kw", "efficiency"},
        "grid": {"base_price", "peak_price", "feed_in_price", "carbon_kg_per_kwh"},
        "quality": {"energy_tolerance", "waivers", "data_docs"},
    }  # fmt: skip


def _day(place: Place) -> dict[str, Any]:
    """Day that waivers are held against; without waivers no verdict depends on it."""
    settings = place.settings
    day = settings.date or dt.datetime.now().astimezone().date()
    return {"day for the waivers": day.isoformat()} if settings.quality.waivers else {}


def _verdict(place: Place) -> dict[str, Any]:
    """What `build` takes from the gate: whether it is open, and the rules that the year keeps."""
    try:
        report = QualityReport.model_validate_json(read_stored(place.workspace.quality / "quality_report.json"))
    except (FileNotFoundError, ValidationError, StaleError):
        return {"quality report": None}
    kept = sorted(set(report.rules) - {finding.rule for finding in report.findings})
    return {"errors that are not waived": len(report.errors), "rules": list(report.rules), "rules kept": kept}


def _build_settings(_place: Place) -> Include:
    return DATASET_SETTINGS | {
        "name": True,
        "mall": {"declared_kwh", "open_hours"},
        "quality": {"energy_tolerance"},
    }


def _training_settings(agent: Agent) -> Callable[[Place], Include]:
    def settings(place: Place) -> Include:
        training: Include = {"simulator": True, "scenarios": True, agent: True}
        training[place.profile] = {"steps", "episode_hours", "checkpoint_every"}
        if place.settings.training.simulator == "twin":
            training["plants"] = True
        return {"seed": True, "training": training, "evaluation": {"windows"}}

    return settings


def _evaluation_settings(place: Place) -> Include:
    training: Include = dict.fromkeys(("agents", "simulator", "scenarios", "plants"), True)
    training |= dict.fromkeys(place.settings.training.agents, True)
    training[place.profile] = {"steps", "episode_hours", "evaluate_on", "scenarios", "nominal_on", "controllers"}
    return {
        "name": True,
        "seed": True,
        "training": training,
        "evaluation": {"windows"},
        "weights": True,
        "grid": {"avoided_fuel_kg_per_kwh"},
    }


def _everything(_place: Place) -> Include:
    """The report prints them all."""
    return dict.fromkeys(Settings.model_fields, True)


def _canonical(place: Place) -> tuple[Path, ...]:
    return (place.workspace.canonical,)


def _year(place: Place) -> tuple[Path, ...]:
    """Canonical series; where they come from changes no dataset."""
    return tuple(sorted(place.workspace.canonical.glob("*.parquet")))


def _dataset(place: Place) -> tuple[Path, ...]:
    """Files of the dataset but its manifest, which says of them what they say themselves."""
    folder = place.workspace.dataset
    return tuple(sorted(path for path in folder.glob("[!.]*") if path.name != MANIFEST_FILE))


def _models(place: Place) -> tuple[Path, ...]:
    return (*_dataset(place), *(place.workspace.final_model(agent) for agent in place.settings.training.agents))


def _metrics(place: Place) -> tuple[Part, ...]:
    """What `evaluate` proves a model by; how long its training took is no part of it."""
    names = ("agent", "profile", "dataset_digest", "settings_digest", "model_sha256", "steps", "seed")
    return tuple(Part(place.workspace.training_metrics(agent), names) for agent in place.settings.training.agents)


def _evidence(place: Place) -> tuple[Path, ...]:
    ws, agents = place.workspace, place.settings.training.agents
    own = [path for agent in agents for path in (ws.checkpoints(agent), ws.training(agent))]
    return (ws.canonical, ws.quality, ws.dataset, ws.evaluation, *own)


def _train(agent: Agent) -> Stage:
    return Stage(
        f"train-{agent}",
        "pvbesscar.agents.train",
        ("build",),
        _training_settings(agent),
        (PYTHON, "stable-baselines3", "torch", "gymnasium", "numpy", "numba", "citylearn", "pandas", "pyarrow"),
        lambda ws: (ws.checkpoints(agent), ws.training(agent)),
        files=_dataset,
        profiled=True,
        # It refuses to train without a certificate, and changes nothing of what is learnt.
        no_code=frozenset({"certificate"}),
    )


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            "ingest",
            "pvbesscar.oe2.ingest",
            (),
            _ingest_settings,
            (PYTHON, "numpy", "pandas", "pvlib", "pyarrow"),
            lambda ws: (ws.canonical,),
            raw=_files_of,
            files=_origins,
        ),
        Stage(
            "validate",
            "pvbesscar.quality.gate",
            ("ingest",),
            _rule_settings,
            (PYTHON, "numpy", "pandas", "pvlib", "pandera", "jinja2", "great-expectations", "pyarrow"),
            lambda ws: (ws.quality,),
            files=_canonical,
            facts=_day,
        ),
        Stage(
            "build",
            "pvbesscar.dataset.build",
            ("ingest", "validate"),
            _build_settings,
            (PYTHON, "numpy", "pandas", "pvlib", "pandera", "pyarrow", "numba", "citylearn"),
            lambda ws: (ws.dataset,),
            files=_year,
            facts=_verdict,
            whole=True,
        ),
        Stage(
            "certify",
            "pvbesscar.certify.certificate",
            ("build",),
            lambda _place: {"name": True, "seed": True, "training": {"simulator"}},
            (PYTHON, "citylearn", "numpy", "numba", "gymnasium", "pandas", "pyarrow"),
            lambda ws: (ws.certificate,),
            files=_dataset,
            needed=lambda settings: settings.training.simulator == "twin",
        ),
        *(_train(agent) for agent in AGENTS),
        Stage(
            "evaluate",
            "pvbesscar.evaluation.evaluate",
            ("build", *(f"train-{agent}" for agent in AGENTS)),
            _evaluation_settings,
            (
                PYTHON, "citylearn", "numpy", "numba", "pandas", "pyarrow", "scipy", "highspy", "torch",
                "stable-baselines3", "gymnasium",
            ),
            lambda ws: (ws.evaluation, ws.fitted),
            files=_models,
            parts=_metrics,
            profiled=True,
        ),
        Stage(
            "publish",
            "pvbesscar.report.publish",
            ("ingest", "validate", "build", *(f"train-{agent}" for agent in AGENTS), "evaluate"),
            _everything,
            (PYTHON, "jinja2", "markupsafe", "matplotlib", "numpy", "pandas", "pyarrow", "scipy"),
            lambda ws: (ws.report,),
            files=_evidence,
            profiled=True,
            by_column=False,
            facts=lambda place: {f"{agent} is missing": reason for agent, reason in place.failures.items()},
        ),
    )
}  # fmt: skip


def stages_of(settings: Settings) -> tuple[Stage, ...]:
    """Stages of a scenario, in their order."""
    left_out = {f"train-{agent}" for agent in AGENTS if agent not in settings.training.agents}
    return tuple(stage for stage in STAGES.values() if stage.name not in left_out)


def names_of(stage: StageName, agents: Sequence[Agent]) -> tuple[str, ...]:
    """Return the stages that a person means by a name: `train` is one stage for each agent."""
    return tuple(f"train-{agent}" for agent in agents) if stage == "train" else (stage,)


def from_stage(stage: StageName, *, downstream: bool) -> tuple[StageName, ...]:
    """Return a stage, and those that come after it if they are asked for."""
    return ORDER[ORDER.index(stage) :] if downstream else (stage,)
