"""docs/architecture.md: where everything is. Files, layers and places are read from the code, so that none is stale."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("schemas", "tasks", "flows", "tools")

PAGE = """# Architecture

How the code is arranged, and where to find what. What the plant is and how controllers are scored is in
[design.md](design.md); how to add a rule, a controller, a reader or a stage is in
[CONTRIBUTING.md](../CONTRIBUTING.md). This page is made by `tools/docs/architecture.py` (`make docs`): the layers come
from `pyproject.toml`, the files and their first lines from the code.

## Where is ...?

Files without a folder of the first level are in `pvbesscar/`.

{places}
## The tree

| folder | what is in it |
| --- | --- |
| `flows/` | what runs when, under Prefect; [`pipeline.py`](../flows/pipeline.py) names the seven stages in order |
| `tasks/` | the stages as Prefect tasks, and what the Prefect UI shows of them |
| `pvbesscar/` | the domain: everything that is computed. It imports no Prefect and runs without it |
| `schemas/` | what data looks like: settings, results, frames, errors. It imports nothing of the project |
| `config/` | the scenarios, one YAML file each |
| `data/`, `checkpoints/`, `outputs/` | what runs read and write ([files.md](files.md)); not in git |
| `tests/` | the tests of a room are in the folder of its name |
| `tools/` | commands for those who work on the project: they write pages, pictures and `prefect.yaml` |
| `benchmarks/` | what `make bench` runs |
| `docs/` | these pages |

## Layers

Imports point downwards only: `flows` -> `tasks` -> `pvbesscar` -> `schemas`. Inside `pvbesscar` the order is, from the
top (rooms with a comma between them do not import each other):

{layers}
`lint-imports` checks both orders, and that `pvbesscar` imports no Prefect. The command line is the one exception: it
starts flows, and imports them when it does.

## One declaration of a stage

A stage is declared once, as a `Stage` in [`lineage/stages.py`](../pvbesscar/lineage/stages.py): its name, its function,
the stages before it, everything that its result depends on (settings, files, code, packages), and the files that it
leaves. What is made from this declaration:

| made from it | where |
| --- | --- |
| the Prefect task, and the steps of `flows/pipeline.py` | {stage_task} |
| the flow of a single stage, and its deployment | {stage_flow} |
| the decision whether it must run | {decide} |
| the record of what it read and left, `outputs/lineage/STAGE.json` | {recorded} |
| the refusal of files that were made for another scenario | {require_same_scenario} |
| `pvbesscar plan`, `rerun`, `verify --recompute` and the commands of single stages | `pvbesscar/commands/` |

## How a run goes

1. `pvbesscar run` finds a Prefect server or starts one, and calls the flow:
   {cli_run}, {pipeline}.
2. The flow loads the scenario and opens the context of the run: settings, folders, profile. It takes the lock of the
   project folder and writes the settings down for the run, so that a later edit changes nothing:
   {context}, {recorded_run}.
3. Each stage is a task. There is one way to run a stage: it refuses what another scenario has left, decides by content
   whether the stage must run, calls the function of the stage, and writes its record. A stage that need not run is
   shown as *Cached*:
   {run_stage}, {decide}.
4. `train` starts one child flow run for each agent, each in a process of its own:
   {train}.
5. `publish` writes the report. When the run ends, however it ends, its record is written:
   {write_manifest}.

`pvbesscar build` and the other commands of single stages do the same without Prefect, from step 2 on.

Stages hand on files, not objects. Every path is a property of {workspace}.

## Every file

{files}"""

PLACES = {
    "the departure guard": "{plant:guard_kw}; {controllers:check_setpoint_limits} refuses setpoints below it",
    "the battery's action": "{plant:bess_power}; the battery itself is {plant.battery:charge}",
    "the reward": "{plant:reward}; the score J is {evaluation:score}, its scale {dataset:no_control_terms}",
    "the observation": "{plant:observe}, its names {plant:observation_names}",
    "PV on its way into the observation": "energy: {oe2:ac_energy_kwh}, or {oe2:read_pv}; forecast: "
    "{dataset:forecast_columns}; dataset: {dataset:hourly_frame}; arrays: {plant:load_plant}; entries 124 to 126: "
    "{plant:observe}",
    "CityLearn": "{plant:CityLearnSim}; its compiled copy, {plant:Twin}; the proof that both are equal, "
    "{certify:certify}",
    "what makes `train` stale": "its declaration, {lineage:_train}; the settings it depends on, "
    "{lineage:training_settings}; the comparison, {lineage:why_stale}; in words [staleness.md](staleness.md)",
    "a stage": "{lineage:STAGES}; the order in {flows:pipeline}",
    "a quality rule": "{quality:QualityRule}; the rules are in `pvbesscar/quality/year/rules/` and "
    "`pvbesscar/quality/folder/rules/`, and all of them in [quality.md](quality.md); how to add one is in "
    "[CONTRIBUTING.md](../CONTRIBUTING.md#a-quality-rule)",
    "a reader of an input file": "{oe2:read_weather}, {oe2:read_pv}, {oe2:read_mall}, {oe2:read_profile}, "
    "{oe2:read_sessions}; the source of each series is chosen in {oe2:collect}",
    "a controller, and where it is registered": "{controllers:make}",
    "the optimum J*": "{controllers:solve}; the program in [design.md](design.md#the-optimum)",
    "the training of an agent": "{agents:train}; its networks {agents:make_agent}; going on after an interruption "
    "{agents:read_state}",
    "what `build` writes, and who checks it": "{dataset:build} writes the files of [files.md](files.md). "
    "Who reads the dataset checks the digests of its files first, {store:read_manifest}. {certify:certify} checks that "
    "twin and CityLearn are equal on it. `pvbesscar validate FOLDER` judges its files by rules of their own",
    "how a killed run is closed": "{flows:reconcile}, called by the next run and by the service of `pvbesscar up`",
    "the figures of the report": "{report:read_inputs} reads the result files, which {evaluation:kpi_values} and "
    "{evaluation:ranked} have made; the page is {report:publish}",
    "a setting and its default": "{schemas:Settings}; all of them in [configuration.md](configuration.md)",
    "the path of a file": "{store:Workspace}",
    "the record of a run": "{lineage:write_manifest}; {lineage:verify} proves it",
    "the text of an error": "where it is raised; the classes are in [`schemas/errors.py`](../schemas/errors.py)",
}


@cache
def modules() -> dict[str, ast.Module]:
    """Syntax of each module of the project's packages, by its path from the root."""
    folders = [ROOT / "pvbesscar", *(ROOT / name for name in PACKAGES)]
    files = sorted(path for folder in folders for path in folder.rglob("*.py"))
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in files}


def _names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name


def place(room: str, symbol: str) -> str:
    """Link to the module of a room that defines a symbol.

    Parameters
    ----------
    room
        Folder or module below `pvbesscar`, or one of the other packages; dots for slashes.

    Raises
    ------
    LookupError
        No module of the room defines the symbol, or several do.
    """
    path = room.replace(".", "/")
    folder = path if path.partition("/")[0] in PACKAGES else f"pvbesscar/{path}"
    found = [
        module for module, tree in modules().items()
        if module.startswith((f"{folder}/", f"{folder}.py")) and symbol in _names(tree)
    ]  # fmt: skip
    if len(found) != 1:
        msg = f"`{symbol}` is defined {len(found)} times in {folder}: {found}"
        raise LookupError(msg)
    return f"`{symbol}` in [`{found[0].removeprefix('pvbesscar/')}`](../{found[0]})"


def filled(text: str) -> str:
    """Text with each `{room:symbol}` replaced by a link."""
    return re.sub(r"\{([a-z0-9_.]+):(\w+)\}", lambda match: place(match[1], match[2]), text)


def first_line(tree: ast.Module) -> str:
    """First sentence of a module's docstring."""
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def layers() -> str:
    """Layers of `pvbesscar` as its import contract declares them, each room with the first line of its docstring."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    declared = next(one["layers"] for one in contracts if one.get("containers") == ["pvbesscar"])
    rows = ["| room | what is in it |", "| --- | --- |"]
    for layer in declared:
        # In the contract `|` stands between rooms that may not import each other, `:` between those that may.
        rooms = re.split(r"\s*[|:]\s*", layer)
        names = (" and " if ":" in layer else ", ").join(f"`{room}`" for room in rooms)
        rows.append(f"| {names} | {' '.join(map(_of_room, rooms))} |")
    return "\n".join(rows) + "\n"


def _of_room(room: str) -> str:
    trees = modules()
    found = trees.get(f"pvbesscar/{room}/__init__.py") or trees[f"pvbesscar/{room}.py"]
    return first_line(found)


def files() -> str:
    """Every module with the first line of its docstring, by folder."""
    folders: dict[str, list[str]] = {}
    for path, tree in modules().items():
        folder, _, name = path.rpartition("/")
        own = folders.setdefault(folder, [])
        if name != "__init__.py":
            own.append(f"| [`{name}`](../{path}) | {first_line(tree).replace('|', chr(92) + '|')} |\n")
    return "\n".join(
        f"### {folder}/\n\n| file | what is in it |\n| --- | --- |\n{''.join(rows)}"
        for folder, rows in folders.items() if rows
    )  # fmt: skip


def architecture_page() -> str:
    """Text of the page."""
    rows = "".join(f"| {what} | {filled(where)} |\n" for what, where in PLACES.items())
    return PAGE.format(
        places="| what | where |\n| --- | --- |\n" + rows,
        layers=layers(),
        files=files(),
        stage_task=place("tasks", "stage_task"),
        stage_flow=place("flows", "stage_flow"),
        decide=place("lineage", "decide"),
        recorded=place("lineage", "recorded"),
        require_same_scenario=place("lineage", "require_same_scenario"),
        cli_run=place("cli", "run"),
        pipeline=place("flows", "pipeline"),
        context=place("lineage", "RunContext"),
        recorded_run=place("lineage", "recorded_run"),
        run_stage=place("lineage", "run_stage"),
        train=place("flows.training", "train"),
        write_manifest=place("lineage", "write_manifest"),
        workspace=place("store", "Workspace"),
    )
