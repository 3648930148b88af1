"""The shadow and the dispatch service together: what one tells is what the other understands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from pvbesscar.controllers import registry
from pvbesscar.plant.data import load_plant
from pvbesscar.serving.decide import decide
from pvbesscar.serving.service import DispatchService, unproven
from pvbesscar.shadow.loop import run_pass
from pvbesscar.store.workspace import Workspace
from schemas.dispatch import DispatchRequest, DispatchResponse, ModelDescription
from schemas.settings import Settings
from tests.serving.sites import decider, fitted
from tests.shadow.sites import book, example, with_shadow


@dataclass
class InProcess:
    """The service without its network."""

    service: DispatchService

    def describe(self) -> ModelDescription:
        return ModelDescription.model_validate_json(self.service.describe().model_dump_json())

    def ask(self, request: DispatchRequest) -> DispatchResponse:
        told = DispatchRequest.model_validate_json(request.model_dump_json())
        return DispatchResponse.model_validate_json(decide(self.service, told).model_dump_json())


def served(settings: Settings, name: str) -> InProcess:
    data = load_plant(Workspace.of(settings).dataset)
    learned = fitted(data) if registry.needs_fit(name) else None
    return InProcess(unproven(data, settings, decider(name, data, learned), name, 60_000.0))


def test_the_service_understands_what_the_shadow_tells(small: Settings, tmp_path: Path) -> None:
    told = example(small, tmp_path / "rule", days=2)
    done = run_pass(told, served(told, registry.RULE))
    assert (done.counted, done.days[0].replaced, done.days[0].models) == (24, 0, ("rule",))
    # The site of the example is driven by the rule: told what the hour brings, it is the site.
    assert done.days[0].courses["hindsight"].saved_pen == pytest.approx(0.0, abs=0.01)
    for row in book(told).hours("2025-01-02"):
        assert row.site is not None
        assert row.courses["hindsight"].soc == pytest.approx(row.site.soc, abs=1e-6)


@pytest.mark.slow
def test_the_rule_and_the_mpc_over_the_same_days(small: Settings, tmp_path: Path) -> None:
    told = example(small, tmp_path / "both", days=10)
    days = {}
    for name in (registry.RULE, registry.MPC):
        # A controller that plans ahead looks back at a week.
        own = with_shadow(told, name=f"both-{name}", begin="2025-01-08")
        days[name] = run_pass(own, served(own, name)).days
        assert [(day.counted, day.replaced, day.models) for day in days[name]] == [(24, 0, (name,))] * 3
        for day in days[name]:
            shadow, optimum = day.courses["shadow"], day.courses["optimum"]
            assert shadow.departures == shadow.departures_met == 8
            assert optimum.saved_pen >= max(shadow.saved_pen, 0.0) - 0.03
    assert days[registry.MPC] != days[registry.RULE]
