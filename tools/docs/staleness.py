"""docs/staleness.md, what counts and the mutation matrix: `python -m tools.docs.staleness` writes it.

Some two minutes; the slow tests compare the page with the matrix.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from pvbesscar.store.files import write_text
from tests.lineage.matrix import ALL, TRAINERS, Outcome, results
from tools.docs.pages import DOCS

PAGE = DOCS / "staleness.md"
GROUPS = {
    "site": "A value in a file of the site",
    "site, same values": "The same values, written otherwise",
    "setting": "A setting",
    "code": "The code",
    "package": "The version of a package",
    "output": "An output",
    "record": "A record",
    "nothing": "Nothing",
}
TEXT = """# What runs again, and why

A stage runs again when its result could differ from what is there. `pvbesscar plan` says beforehand which stages will
run and why; `pvbesscar run` decides by the same rules and shows the other stages as *Cached*.

```
.venv/bin/pvbesscar plan                      # before a run
.venv/bin/pvbesscar rerun ingest              # after a data fix: this stage, then what is stale behind it
.venv/bin/pvbesscar rerun train --agent sac --force --only
.venv/bin/pvbesscar run --force               # everything anew
```

| what counts | how it is told |
| --- | --- |
| files of the site | by the values that the readers give; how they are written does not count (below) |
| results of earlier stages | by content: a stage that rebuilds the same ends there, and the trainers stay cached |
| settings | only those that the stage asks for, in the scenario as it is |
| code | the syntax of each module of `pvbesscar` and `schemas` that the stage imports, however far; templates |
| packages | versions of those that its values depend on, and of Python |
| outputs | each file by its digest: missing or changed, the stage runs again |
| the record | `outputs/lineage/STAGE.json`, written last: without it, or with half of it, the stage runs again |

The order of columns, CSV or Parquet, separators, 32-bit numbers that hold the same values, the time zone of the same
instants and the frequency of an index do not count; comments, docstrings and formatting neither. A setting that no
stage asks for (`pv.tilt_deg` by `ingest`, where generation is a file) makes only the report again, which prints all.

`plan` says STALE for a stage that will run, and FRESH for one that will not, whatever the other stages give. DEPENDS
means that the stage has no reason of its own, and runs if a stage before it changes what it reads. Hours are named in
stretches of 24. Where the configuration has waivers, a new day makes `validate` stale, because a waiver ends on a day.

Two things do not count: the code of flows and tasks, which changes no result, and the versions of packages that only
other packages use.

## The mutation matrix

{edits} edits of a small site, each against every stage of a finished run: {decisions:,} decisions. No result was
served that could differ, and no stage ran for nothing; the plan said so beforehand each time, and a second run after it
ran nothing. `make test-slow` executes everything anew after each edit as well: what was kept comes out the same.
The column *Prefect* is what the policy `INPUTS + TASK_SOURCE` decides for the same tasks with the same arguments,
in the same test (without the time of the start, with which nothing would ever be cached): {hits} results that could
differ were served from its cache, and {runs} runs were for nothing. That policy sees the arguments and the text of the
task. It does not see the files, the modules behind the task, the packages, or what became of the outputs. Made by
{made}; `tests/lineage/test_matrix.py` is the test.

{tables}"""


def page(outcomes: Sequence[Outcome]) -> str:
    """Text of the page."""
    tables = [
        f"### {GROUPS[group]}\n\n{_table(list(own))}\n" for group, own in groupby(outcomes, lambda one: one.edit.group)
    ]
    return TEXT.format(
        edits=len(outcomes),
        decisions=len(outcomes) * len(ALL),
        hits=sum(len(one.false_hits) for one in outcomes),
        runs=sum(len(one.false_runs) for one in outcomes),
        made="`python -m tools.docs.staleness`",
        tables="\n".join(tables),
    )


def _table(outcomes: Sequence[Outcome]) -> str:
    rows = [f"| {one.edit.name} | {_stages(one.ran)} | {_why(one)} | {_prefect(one)} |" for one in outcomes]
    return "\n".join(["| edit | what runs | reason of the first | Prefect |", "| --- | --- | --- | --- |", *rows])


def _stages(names: Iterable[str]) -> str:
    found = tuple(names)
    if set(found) == set(ALL):
        return "all"
    short = [name for name in found if name not in TRAINERS] if set(TRAINERS) <= set(found) else list(found)
    if set(TRAINERS) <= set(found):
        short.insert(sum(name in {"ingest", "validate", "build", "certify"} for name in short), "train")
    return ", ".join(short) or "nothing"


def _why(outcome: Outcome) -> str:
    if not outcome.ran:
        return ""
    why = outcome.planned[outcome.ran[0]][1].split("; ")[0]
    name, _, rest = why.partition(" ")
    if rest.endswith("-> 0.0"):  # a version, which changes with the lock
        why = f"{name} installed -> 0.0"
    return why.replace(str(outcome.root), "PROJECT").replace("|", "\\|")


def _prefect(outcome: Outcome) -> str:
    parts = [
        f"{words}: {_stages(names)}"
        for words, names in (("served stale", outcome.false_hits), ("for nothing", outcome.false_runs))
        if names
    ]
    return "; ".join(parts) or "right"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        write_text(PAGE, page(list(results(Path(folder)))))
