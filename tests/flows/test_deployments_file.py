"""`prefect.yaml` is made from the declared stages."""

from __future__ import annotations

import yaml

from flows import stages as stage_flows
from flows.pipeline import pipeline
from flows.shadow import shadow
from pvbesscar.lineage.stages import STAGES
from tools.deployments import FILE, text


def test_the_file_is_the_one_that_the_declarations_make() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run `python -m tools.deployments`"


def test_each_stage_has_a_deployment_whose_parameters_its_flow_takes() -> None:
    deployments = {one["name"]: one for one in yaml.safe_load(text())["deployments"]}
    beside = deployments.pop("shadow")
    assert beside["entrypoint"] == "flows/shadow.py:shadow"
    assert beside["parameters"].keys() == shadow.parameters.properties.keys()
    assert list(deployments) == ["pipeline", *STAGES]
    for name, deployment in deployments.items():
        path, _, attribute = deployment["entrypoint"].partition(":")
        flow = pipeline if name == "pipeline" else getattr(stage_flows, attribute)
        assert path == ("flows/pipeline.py" if name == "pipeline" else "flows/stages.py")
        assert flow.name == (name if name == "pipeline" else STAGES[name].group)
        assert deployment["parameters"].keys() <= flow.parameters.properties.keys()
        assert deployment["parameters"].get("agent") == (STAGES[name].agent if name in STAGES else None)
