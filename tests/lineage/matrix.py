"""Edits of everything that a result can depend on, each with the stages that must run after it, and what then runs.

`results` takes each edit through the same three questions: what does the plan say, which stages then run, and what
would Prefect's own cache (`INPUTS + TASK_SOURCE`) have done with the same tasks and the same arguments.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib.util
import linecache
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from prefect.cache_policies import INPUTS, TASK_SOURCE

from pvbesscar.dataset import build
from pvbesscar.lineage import stage as stage_module
from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.plan import plan
from pvbesscar.lineage.stages import stages_of
from pvbesscar.store.files import sha256_file
from pvbesscar.store.fingerprints import SOURCE
from schemas.settings import Settings
from tests.lineage.site import measured_site, run, write_files

TRAINERS = ("train-sac", "train-ppo", "train-a2c")
ALL = ("ingest", "validate", "build", "certify", *TRAINERS, "evaluate", "publish")
BEHIND_DATASET = ("certify", *TRAINERS, "evaluate", "publish")
ENDS_AT_REPORT = ("evaluate", "publish")
NOTHING: tuple[str, ...] = ()
PACKAGES = ("pvbesscar", "schemas", "tasks", "flows")
INSTALLED = stage_module.version


@dataclass
class World:
    """What an edit may change: a project folder with the files of the site, settings, sources, versions."""

    root: Path
    source: Path
    settings: Settings
    profile: str = "smoke"
    versions: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def place(self) -> RunContext:
        return dataclasses.replace(RunContext(self.settings, self.profile), source=self.source)

    def csv(self, name: str) -> pd.DataFrame:
        """A file of the site, stamps as they are written."""
        return pd.read_csv(self.root / "oe2" / f"{name}.csv")

    def set(self, key: str, value: Any) -> None:
        """Change a setting."""
        raw = self.settings.model_dump(mode="json")
        section = raw
        *above, last = key.split(".")
        for part in above:
            section = section[part]
        assert section[last] != value
        section[last] = value
        self.settings = Settings.model_validate(raw)


Change = Callable[[World], None]


@dataclass(frozen=True)
class Edit:
    """An edit and the stages that run after it."""

    name: str
    group: str
    change: Change
    runs: tuple[str, ...]


EDITS: list[Edit] = []


def edit(group: str, name: str, runs: tuple[str, ...]) -> Callable[[Change], Change]:
    """Register an edit."""

    def register(change: Change) -> Change:
        EDITS.append(Edit(name, group, change, runs))
        return change

    return register


# --- files of the site -----------------------------------------------------------------------------------------------


def _one_hour(name: str, column: str) -> Change:
    def change(world: World) -> None:
        frame = world.csv(name)
        frame.loc[4115, column] += 0.25
        frame.to_csv(world.root / "oe2" / f"{name}.csv", index=False)

    return change


# The dataset has no GHI, only what was generated; its manifest has the yearly sum.
EDITS.append(
    Edit("one hour of GHI", "site", _one_hour("weather", "ghi_w_m2"), ("ingest", "validate", "build", "publish"))
)
EDITS.append(Edit("one hour of DNI", "site", _one_hour("weather", "dni_w_m2"), ALL))
EDITS.append(Edit("one hour of PV generation", "site", _one_hour("pv", "pv_kwh"), ALL))
EDITS.append(Edit("one hour of the mall", "site", _one_hour("mall", "mall_kwh"), ALL))


def _rewritten(name: str, write: Callable[[pd.DataFrame, Path], None]) -> Change:
    def change(world: World) -> None:
        path = world.root / "oe2" / f"{name}.csv"
        before = path.read_bytes()
        write(world.csv(name), path)
        assert path.read_bytes() != before, "no edit"

    return change


def _stamped(frame: pd.DataFrame, zone: str = "America/Lima") -> pd.DataFrame:
    stamps = pd.to_datetime(frame["timestamp"]).dt.tz_localize("America/Lima").dt.tz_convert(zone)
    return frame.assign(timestamp=stamps)


SAME_VALUES: dict[str, tuple[str, Callable[[pd.DataFrame, Path], None]]] = {
    "columns in another order": ("weather", lambda f, p: f.iloc[:, ::-1].to_csv(p, index=False)),
    "CSV to Parquet": ("mall", lambda f, p: f.to_parquet(p, index=False)),
    "32-bit numbers, exact": (
        "mall", lambda f, p: f.assign(mall_kwh=f["mall_kwh"].astype("float32")).to_parquet(p, index=False)),
    "whole numbers as such": (
        "weather", lambda f, p: f.astype(str).replace("0.0", "0").to_csv(p, index=False)),
    "the same instants in UTC": ("weather", lambda f, p: _stamped(f, "UTC").to_csv(p, index=False)),
    "stamps with their offset": ("pv", lambda f, p: _stamped(f).to_csv(p, index=False)),
    "an index with a frequency": (
        "pv", lambda f, p: _stamped(f).set_index("timestamp").asfreq("h").to_parquet(p)),
    "an index without one": ("pv", lambda f, p: _stamped(f).set_index("timestamp").to_parquet(p)),
    "semicolons and decimal commas": ("mall", lambda f, p: f.to_csv(p, index=False, sep=";", decimal=",")),
    "line ends of Windows, byte order mark": (
        "mall", lambda f, p: f.to_csv(p, index=False, lineterminator="\r\n", encoding="utf-8-sig")),
    "a column that nobody reads": ("mall", lambda f, p: f.assign(remark="x").to_csv(p, index=False)),
    "more decimals of the same numbers": ("mall", lambda f, p: f.to_csv(p, index=False, float_format="%.6f")),
}  # fmt: skip
EDITS.extend(
    Edit(f"{name} ({series}.csv)", "site, same values", _rewritten(series, write), NOTHING)
    for name, (series, write) in SAME_VALUES.items()
)


@edit("site, same values", "touched", NOTHING)
def _touch(world: World) -> None:
    for path in (world.root / "oe2").iterdir():
        path.touch()


# Provenance and findings name the file, the report prints the settings; the dataset is the same.
@edit("site, same values", "a file with another name", ("ingest", "validate", "publish"))
def _rename(world: World) -> None:
    (world.root / "oe2/mall.csv").rename(world.root / "oe2/demand.csv")
    world.set("mall.file", "demand.csv")


@edit("site, same values", "another folder", ("ingest", "validate", "publish"))
def _move(world: World) -> None:
    (world.root / "oe2").rename(world.root / "files")
    world.set("data.oe2_dir", str(world.root / "files"))


# --- settings --------------------------------------------------------------------------------------------------------

SETTINGS: dict[str, tuple[Any, tuple[str, ...]]] = {
    # The report prints every setting.
    "weather.annual_ghi_kwh_m2": (1700.0, ("publish",)),
    "pv.system_losses": (0.2, ("publish",)),
    "description": ("another line", ("publish",)),
    "runs.when_busy": ("refuse", ("publish",)),
    "economics": ({"investment_pen": 9e6, "life_years": 15, "discount_rate": 0.08}, ("publish",)),
    "training.timeout_h": (9.0, ("publish",)),
    "training.sequential": (True, ("publish",)),
    "training.full.steps": (99, ("publish",)),
    "date": ("2026-05-04", ("publish",)),
    "mall.scale_to_declared": (True, ALL),
    "name": ("renamed", ("ingest", "validate", "build", "certify", "evaluate", "publish")),
    "seed": (43, ALL),
    # Agents, and the search of the tuned rule; dataset and certificate stay.
    "training.seed": (43, (*TRAINERS, *ENDS_AT_REPORT)),
    "site.building": ("Mall", ("build", *BEHIND_DATASET)),
    "ev.dwell_hours": (4, ALL),
    "ev.peak_hours": ([17, 22], ALL),
    "mall.open_hours": ([10, 23], ALL),
    "quality.energy_tolerance": (0.02, ("validate", "build", "publish")),
    "pv.tilt_deg": (12.0, ("validate", "build", "publish")),
    "bess.capacity_kwh": (5000.0, ("validate", "build", *BEHIND_DATASET)),
    "control.departure_guard": (False, ("build", *BEHIND_DATASET)),
    "weights": ({"co2": 0.4, "solar": 0.3, "cost": 0.15, "ev_service": 0.1, "grid_stability": 0.05},
                ("build", *BEHIND_DATASET)),
    "bess.wear_pen_per_kwh": (0.02, ("build", *BEHIND_DATASET)),
    "tariff.fee_pen_per_month": (9.0, ("validate", "build", *BEHIND_DATASET)),
    "grid.avoided_fuel_kg_per_kwh": (2.0, ("build", "evaluate", "publish")),
    "training.sac.learning_rate": (1e-4, ("train-sac", *ENDS_AT_REPORT)),
    "training.ppo.n_epochs": (3, ("train-ppo", *ENDS_AT_REPORT)),
    "training.plants": (8, (*TRAINERS, *ENDS_AT_REPORT)),
    "training.smoke.steps": (96, (*TRAINERS, *ENDS_AT_REPORT)),
    # Which checkpoints are kept changes no model, and so no judgement; the files beside it are new.
    "training.smoke.checkpoint_every": (24, (*TRAINERS, *ENDS_AT_REPORT)),
    "training.smoke.controllers": (["no-control", "rule"], ENDS_AT_REPORT),
    "evaluation.window_hours": (48, (*TRAINERS, *ENDS_AT_REPORT)),
    "training.agents": (["sac", "ppo"], ENDS_AT_REPORT),
}  # fmt: skip
EDITS.extend(
    Edit(f"`{key}`", "setting", lambda world, key=key, value=value: world.set(key, value), runs)
    for key, (value, runs) in SETTINGS.items()
)


@edit("setting", "profile `full`", (*TRAINERS, *ENDS_AT_REPORT))
def _profile(world: World) -> None:
    world.profile = "full"


# --- code ------------------------------------------------------------------------------------------------------------


def _text(path: str, change: Callable[[str], str]) -> Change:
    def edited(world: World) -> None:
        file = world.source / path
        before = file.read_text(encoding="utf-8")
        after = change(before)
        assert after != before
        file.write_text(after, encoding="utf-8")

    return edited


def _constant(text: str) -> str:
    return text + "\nADDED = 1\n"


def _statement(text: str) -> str:
    return text.replace("return ", "return +", 1)


def _docstring(text: str) -> str:
    return text.replace('"""', '"""Said otherwise: ', 1)


def _formatting(text: str) -> str:
    return text.replace("\n\n\n", "\n\n\n\n\n").replace(" = ", "  =  ")


def _imports(text: str) -> str:
    lines = text.split("\n")
    first = next(i for i, line in enumerate(lines) if line.startswith("import "))
    return "\n".join([*lines[:first], "import string", *lines[first:]])


CODE: dict[str, tuple[str, Callable[[str], str], tuple[str, ...]]] = {
    # What a stage that runs again leaves is the same here: the stages behind it stay.
    "helper of ingest": ("pvbesscar/oe2/readers.py", _constant, ("ingest",)),
    "helper of two stages": ("pvbesscar/oe2/sessions.py", _constant, ("ingest", "build")),
    "helper of a helper": ("pvbesscar/plant/battery.py", _statement, ("build", *BEHIND_DATASET)),
    "quality rule": ("pvbesscar/quality/year/rules/solar.py", _constant, ("validate", "build", *BEHIND_DATASET)),
    "module constant": ("pvbesscar/evaluation/score.py", lambda t: t.replace("1e-12", "1e-11", 1) + "\nX = 1\n",
                        ENDS_AT_REPORT),
    "entry module of training": ("pvbesscar/agents/train.py", _constant, TRAINERS),
    "certificate": ("pvbesscar/certify/compare.py", _constant, ("certify",)),
    "figure of the report": ("pvbesscar/report/figures.py", _constant, ("publish",)),
    "template of the report": ("pvbesscar/report/index.html.j2", lambda t: t + "<!-- x -->", ("publish",)),
    "style sheet of the report": ("pvbesscar/report/style.css", lambda t: t + "p { }", ("publish",)),
    "template of the quality report": ("pvbesscar/quality/report.html.j2", lambda t: t + "<!-- x -->",
                                       ("validate", "build", "publish")),
    "a new import": ("pvbesscar/oe2/cells.py", _imports, ("ingest", "build")),
    "default of a setting": ("schemas/settings/__init__.py",
                             lambda t: t.replace("seed: int = quantity(42,", "seed: int = quantity(41,"), ALL),
    "docstring of a helper": ("pvbesscar/plant/battery.py", _docstring, NOTHING),
    "docstring of a stage": ("pvbesscar/dataset/build.py", _docstring, NOTHING),
    "comment": ("pvbesscar/dataset/build.py", lambda t: "# Why.\n" + t, NOTHING),
    "formatting": ("pvbesscar/agents/factory.py", _formatting, NOTHING),
    "command line": ("pvbesscar/cli.py", _constant, NOTHING),
    "orchestration of a stage": ("tasks/stages.py", _constant, NOTHING),
    "docstring of a task": ("tasks/stages.py", _docstring, NOTHING),
    "flow": ("flows/pipeline.py", _constant, NOTHING),
}  # fmt: skip
EDITS.extend(Edit(f"{name} (`{path}`)", "code", _text(path, how), runs) for name, (path, how, runs) in CODE.items())


@edit("code", "a module that nobody imports", NOTHING)
def _unused(world: World) -> None:
    (world.source / "pvbesscar/oe2/unused.py").write_text("X = 1\n", encoding="utf-8")


@edit("code", "all sources touched", NOTHING)
def _touched(world: World) -> None:
    for path in world.source.rglob("*.py"):
        path.touch()


# --- packages --------------------------------------------------------------------------------------------------------

VERSIONS: dict[str, tuple[str, ...]] = {
    "numpy": ALL,
    "pvlib": ("ingest", "validate", "build"),
    "pandera": ("validate", "build"),
    "citylearn": ("build", *BEHIND_DATASET),
    "torch": (*TRAINERS, "evaluate"),
    "stable-baselines3": (*TRAINERS, "evaluate"),
    "highspy": (*TRAINERS, "evaluate"),
    "matplotlib": ("publish",),
    "rich": NOTHING,
    "prefect": NOTHING,
}
EDITS.extend(
    Edit(f"version of {name}", "package", lambda world, name=name: world.versions.update({name: "0.0"}), runs)
    for name, runs in VERSIONS.items()
)

# --- outputs ---------------------------------------------------------------------------------------------------------

LEFT = {
    "ingest": "data/interim/canonical/iquitos_ev_mall/pv.parquet",
    "validate": "outputs/quality/quality_report.json",
    "build": "data/processed/citylearn/iquitos_ev_mall/hourly.parquet",
    "certify": "outputs/certificate/certificate.json",
    "train-sac": "checkpoints/SAC/sac_final_model.zip",
    "train-ppo": "checkpoints/PPO/ppo_final_model.zip",
    "train-a2c": "outputs/a2c_training/a2c_training_metrics.json",
    "evaluate": "outputs/evaluation/evaluation_report.json",
    "publish": "outputs/report/index.html",
}


def _flipped(path: Path) -> None:
    """Change one byte in the middle; the size stays."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


for _stage, _file in LEFT.items():
    EDITS += [
        Edit(
            f"output of {_stage} deleted", "output", lambda world, file=_file: (world.root / file).unlink(), (_stage,)
        ),
        Edit(
            f"output of {_stage} corrupted", "output", lambda world, file=_file: _flipped(world.root / file), (_stage,)
        ),
    ]


@edit("output", "outputs touched", NOTHING)
def _outputs_touched(world: World) -> None:
    for file in LEFT.values():
        (world.root / file).touch()


# A dataset with a file too many is refused by those who read it.
@edit("output", "a stray file in the dataset", ("build",))
def _stray(world: World) -> None:
    (world.root / "data/processed/citylearn/iquitos_ev_mall/notes.txt").write_text("x", encoding="utf-8")


@edit("record", "record of build deleted", ("build",))
def _no_record(world: World) -> None:
    (world.place.workspace.lineage / "build.json").unlink()


@edit("record", "record of train-sac cut short", ("train-sac",))
def _half_record(world: World) -> None:
    path = world.place.workspace.lineage / "train-sac.json"
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")


@edit("nothing", "nothing at all", NOTHING)
def _nothing(_world: World) -> None:
    pass


# --- what happens ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What an edit did.

    Attributes
    ----------
    root
        The project folder of the matrix.
    planned
        Verdict of the plan on each stage, with the reason.
    ran
        Stages that then ran.
    again
        Stages that ran once more after that: none should.
    raw
        Stages that Prefect's cache would have run.
    differ
        Files that are others after everything was then executed anew: results that were kept and should not have been.
    """

    edit: Edit
    root: Path
    planned: dict[str, tuple[str, str]]
    ran: tuple[str, ...]
    again: tuple[str, ...]
    raw: tuple[str, ...]
    differ: tuple[str, ...] = ()

    @property
    def false_hits(self) -> tuple[str, ...]:
        """Stages that should have run and that Prefect's cache would have served from before."""
        return tuple(name for name in self.edit.runs if name not in self.raw)

    @property
    def false_runs(self) -> tuple[str, ...]:
        """Stages that Prefect's cache would have run for nothing."""
        return tuple(name for name in self.raw if name not in self.edit.runs)


class Matrix:
    """A finished run in `folder`, which edits are made to, one after another.

    Parameters
    ----------
    prove
        Execute everything anew after each, and compare: what was kept must come out as it is.
    """

    def __init__(self, folder: Path, *, prove: bool = False) -> None:
        self._root, self._source, self._kept = folder / "project", folder / "source", folder / "kept"
        self._prove = prove
        write_files(self._root)
        _copy_source(self._source)
        run(self._world().place)
        shutil.copytree(self._root, self._kept / "project")
        shutil.copytree(self._source, self._kept / "source")

    def outcome(self, one: Edit) -> Outcome:
        """Take an edit through plan and run, from the finished run."""
        return _outcome(one, self._world(), self._kept, prove=self._prove)

    def _world(self) -> World:
        return World(self._root, self._source, measured_site(self._root))


def results(folder: Path, *, prove: bool = False) -> Iterator[Outcome]:
    """Take every edit through a matrix."""
    matrix = Matrix(folder, prove=prove)
    yield from map(matrix.outcome, EDITS)


def _copy_source(source: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(SOURCE / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))


def _outcome(one: Edit, world: World, kept: Path, *, prove: bool) -> Outcome:
    keys = _raw_keys(world)
    with pytest.MonkeyPatch.context() as patch:
        for module in (stage_module, build):
            patch.setattr(module, "version", lambda name: world.versions.get(name) or INSTALLED(name))
        one.change(world)
        planned = {d.stage: (d.verdict, d.why) for d in plan(world.place)}
        raw = _raw_keys(world)
        ran = _run(world)
        again = _run(world) if ran else ()
        differ = _anew(world) if prove else ()
    _restore(kept / "project", world.root)
    _restore(kept / "source", world.source)
    return Outcome(
        one, world.root, planned, ran, again, tuple(name for name in raw if raw[name] != keys.get(name)), differ
    )


def _run(world: World) -> tuple[str, ...]:
    """Stages that a run executes."""
    return tuple(name for name, decision in run(world.place).items() if decision.verdict == "STALE")


def _anew(world: World) -> tuple[str, ...]:
    """Files that executing every stage changes. Provenance tells how a file was written, which is no value of it."""
    before = _left(world)
    run(dataclasses.replace(world.place, forced=frozenset(ALL)))
    after = _left(world)
    return tuple(sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)))


def _left(world: World) -> dict[str, str]:
    ws = world.place.workspace
    folders = [ws.canonical, ws.dataset, ws.certificate.parent, ws.root / "checkpoints", ws.evaluation]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {path.name: sha256_file(path) for path in files if path.name != "provenance.json"}


def _restore(kept: Path, here: Path) -> None:
    """Bring a folder back to what was kept of it; what is as it was is not touched, and not read again."""
    names, found = ({p.relative_to(folder) for p in folder.rglob("*") if p.is_file()} for folder in (kept, here))
    for name in found - names:
        (here / name).unlink()
    for name in names:
        if name not in found or _stamp(here / name) != _stamp(kept / name):
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(kept / name, here / name)


def _stamp(path: Path) -> tuple[int, int]:
    return path.stat().st_size, path.stat().st_mtime_ns


def _raw_keys(world: World) -> dict[str, str | None]:
    """Keys of Prefect's cache for the tasks of the stages, with the arguments that a run gives them, all begun at once:
    with the time of its start among the arguments that cache would serve nothing at all.
    """
    began = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    job = RunContext(world.settings, world.profile, Path("config.yaml"), "run", started=began)
    return {stage.name: _raw_key(stage.name, job, world.source) for stage in stages_of(world.settings)}


def _raw_key(stage: str, job: RunContext, source: Path) -> str | None:
    work = _loaded(source / "tasks" / "stages.py").stage_task(stage)
    inputs: dict[str, Any] = {"run": job}
    context: Any = SimpleNamespace(task=work)
    return (INPUTS + TASK_SOURCE).compute_key(context, inputs, {})


def _loaded(path: Path) -> ModuleType:
    """Module of a file as it is now, under a name of its own."""
    linecache.checkcache(str(path))
    spec = importlib.util.spec_from_file_location(f"edited_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
