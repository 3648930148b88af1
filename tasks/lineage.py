"""The graph of the stages as the UI draws it: what was made from what, and what of it is fresh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from pvbesscar.display import duration
from pvbesscar.lineage.plan import Decision
from pvbesscar.lineage.runs import Job
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
BEFORE = ("ingest", "validate", "build", "certify")
AFTER = ("evaluate", "publish")


@dataclass(frozen=True, slots=True)
class Node:
    """A stage of the graph: its condition, and why in a few words."""

    condition: Condition
    why: str = ""


def before_run(decisions: Iterable[Decision]) -> dict[str, Node]:
    """Conditions of the stages before a run, as they were planned."""
    return {decision.stage: Node(decision.verdict, decision.why) for decision in decisions}


def after_run(job: Job, failed: str | None = None) -> dict[str, Node]:
    """Conditions of the stages at the end of a run, from what it did.

    Parameters
    ----------
    failed
        The stage that stopped the run, if one did.
    """
    agents = [f"train-{agent}" for agent in job.settings.training.agents]
    nodes = dict.fromkeys((*BEFORE, *agents, *AFTER), Node("ABSENT", "not run"))
    for stage, seconds in job.seconds.items():
        words = f"{duration(seconds)}; {job.reasons[stage]}" if stage in job.reasons else duration(seconds)
        nodes[stage] = Node("FAILED" if stage == failed else "RAN", words)
    nodes |= {stage: Node("CACHED", job.reasons[stage]) for stage in job.kept}
    for agent, reason in job.failures.items():
        nodes[f"train-{agent}"] = Node("FAILED", reason.splitlines()[0])
    return {stage: node for stage, node in nodes.items() if stage != "train"}


def show(job: Job, nodes: Mapping[str, Node], key: Literal["plan", "lineage"] = "lineage") -> None:
    """Show the graph, and below it the reason for each stage; `plan` before a run, `lineage` at its end."""
    reasons = "\n".join(f"| {stage} | {node.condition} | {_cell(node.why)} |" for stage, node in nodes.items())
    text = (
        f"```mermaid\n{mermaid(nodes)}\n```\n\n"
        f"| stage | condition | why |\n| --- | --- | --- |\n{reasons}\n\n"
        "Before a run: FRESH will be kept, STALE will run, DEPENDS runs if a stage before it changes what it reads. "
        "After it: CACHED was kept, RAN was made by this run, ABSENT it did not come to.\n"
    )
    artifacts.markdown(artifacts.key(job.settings.name, key), text, TITLES[key])


def mermaid(nodes: Mapping[str, Node]) -> str:
    """Mermaid source of the stages, coloured by condition."""
    agents = [stage for stage in nodes if stage.startswith("train-")]
    lines = ["flowchart TD"]
    lines += [f'    {_id(stage)}["{stage}<br/>{node.condition}"]:::{node.condition}' for stage, node in nodes.items()]
    lines += [f"    {a} --> {b}" for a, b in pairwise(BEFORE)]
    lines += [f"    certify --> {_id(agent)} --> evaluate" for agent in agents]
    lines += ["    evaluate --> publish"]
    lines += [f"    classDef {condition} {style}" for condition, style in COLOURS.items()]
    return "\n".join(lines)


def _id(stage: str) -> str:
    return stage.replace("-", "_")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
