"""The graph of the stages as an artifact: what was made from what, and what of it is fresh."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pvbesscar.display import duration
from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.plan import Decision
from pvbesscar.lineage.stages import STAGES, stages_of
from tasks import artifacts

Condition = Literal["FRESH", "STALE", "DEPENDS", "RAN", "CACHED", "FAILED", "ABSENT"]
COLOURS: dict[Condition, str] = {
    "FRESH": "fill:#d8f0dd,stroke:#2e7d4f,color:#12301f",
    "RAN": "fill:#d8e8f8,stroke:#2f6ea8,color:#12263a",
    "CACHED": "fill:#d8f0dd,stroke:#2e7d4f,color:#12301f",
    "DEPENDS": "fill:#fff7e0,stroke:#b7791f,color:#3d2a08,stroke-dasharray:4",
    "STALE": "fill:#fdebc8,stroke:#b7791f,color:#3d2a08",
    "FAILED": "fill:#f8d7d7,stroke:#b03030,color:#3d1010",
    "ABSENT": "fill:#eeeeee,stroke:#888888,color:#333333",
}
TITLES = {"plan": "What the run is going to do.", "lineage": "What was made from what."}


@dataclass(frozen=True, slots=True)
class Node:
    """A stage of the graph: its condition, and why in a few words."""

    condition: Condition
    why: str = ""


def before_run(decisions: Iterable[Decision]) -> dict[str, Node]:
    """Conditions of the stages before a run, as they were planned."""
    return {decision.stage: Node(decision.verdict, decision.why) for decision in decisions}


def after_run(run: RunContext, failed: str | None = None) -> dict[str, Node]:
    """Conditions of the stages at the end of a run, from what it did.

    Parameters
    ----------
    failed
        The stage that stopped the run, if one did.
    """
    nodes = {stage.name: Node("ABSENT", "not run") for stage in stages_of(run.settings)}
    for stage, seconds in run.seconds.items():
        words = f"{duration(seconds)}; {run.reasons[stage]}" if stage in run.reasons else duration(seconds)
        nodes[stage] = Node("FAILED" if stage == failed else "RAN", words)
    nodes |= {stage: Node("CACHED", run.reasons[stage]) for stage in run.kept}
    for agent, reason in run.failures.items():
        nodes[f"train-{agent}"] = Node("FAILED", reason.splitlines()[0])
    return {stage: node for stage, node in nodes.items() if stage in STAGES}


def show(run: RunContext, nodes: Mapping[str, Node], key: Literal["plan", "lineage"] = "lineage") -> None:
    """Show the graph, and below it the reason for each stage; `plan` before a run, `lineage` at its end."""
    reasons = "\n".join(f"| {stage} | {node.condition} | {_cell(node.why)} |" for stage, node in nodes.items())
    text = (
        f"```mermaid\n{mermaid(nodes)}\n```\n\n"
        f"| stage | condition | why |\n| --- | --- | --- |\n{reasons}\n\n"
        "Before a run: FRESH will be kept, STALE will run, DEPENDS runs if a stage before it changes what it reads. "
        "After it: CACHED was kept, RAN was made by this run, ABSENT it did not come to.\n"
    )
    artifacts.markdown(artifacts.key(run.settings.name, key), text, TITLES[key])


def mermaid(nodes: Mapping[str, Node]) -> str:
    """Mermaid source of the stages, coloured by condition."""
    lines = ["flowchart TD"]
    lines += [f'    {_id(stage)}["{stage}<br/>{node.condition}"]:::{node.condition}' for stage, node in nodes.items()]
    lines += [f"    {_id(before)} --> {_id(stage)}" for before, stage in edges(nodes)]
    lines += [f"    classDef {condition} {style}" for condition, style in COLOURS.items()]
    return "\n".join(lines)


def edges(stages: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Pairs of stages, the earlier one first, without those that a way over a third stage says already."""
    there = list(stages)
    for stage in there:
        before = [name for name in _before(stage) if name in there]
        yield from ((name, stage) for name in before if not any(name in _all_before(other) for other in before))


def _before(stage: str) -> tuple[str, ...]:
    return (*STAGES[stage].after, *STAGES[stage].gated_by)


def _all_before(stage: str) -> set[str]:
    return {name for one in _before(stage) for name in (one, *_all_before(one))}


def _id(stage: str) -> str:
    return stage.replace("-", "_")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
