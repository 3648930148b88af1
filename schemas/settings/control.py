"""Settings of control: actions, the weights of reward and score, evaluation, scenarios."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from schemas.settings.fields import Frozen, quantity

Mode = Literal["dispatch", "bidirectional"]


class WeightSettings(Frozen):
    """Weights of the reward and of the score J."""

    co2: float = quantity(0.50, "1", "CO2 of the import", "docs/design.md, Reward and score", ge=0.0, le=1.0)
    solar: float = quantity(0.20, "1", "PV neither used nor stored", "docs/design.md, Reward and score", ge=0.0, le=1.0)
    cost: float = quantity(0.15, "1", "cost of energy", "docs/design.md, Reward and score", ge=0.0, le=1.0)
    ev_service: float = quantity(
        0.10, "1", "energy short of the required SOC at departure", "docs/design.md, Reward and score", ge=0.0, le=1.0
    )
    grid_stability: float = quantity(
        0.05, "1", "change of the import from hour to hour", "docs/design.md, Reward and score", ge=0.0, le=1.0
    )

    @model_validator(mode="after")
    def _check(self) -> WeightSettings:
        total = self.co2 + self.solar + self.cost + self.ev_service + self.grid_stability
        if abs(total - 1.0) > 1e-9:
            raise ValueError(f"the five weights add up to {total:.6g}, not to 1")
        return self


class ControlSettings(Frozen):
    """How an action becomes setpoints, and what the observation may know."""

    mode: Mode = quantity("dispatch", "", "what the battery's action means", "docs/design.md, Actions")
    departure_guard: bool = quantity(
        True, "", "raise sockets to what the departure still needs", "docs/design.md, Actions"
    )
    forecast: Literal["causal", "perfect"] = quantity(
        "causal", "", "perfect is for ablation only and named in the report", "docs/design.md, Observation"
    )


class EvaluationSettings(Frozen):
    """What controllers are judged on."""

    window_hours: int = quantity(
        168,
        "h",
        "hours that are judged of each validation window, from the first of its week",
        "whole weeks of the validation pool, docs/scenarios.md",
        ge=24,
        le=168,
    )


class ScenarioSettings(Frozen):
    """Plausible years drawn from the validated one, week by week; see docs/scenarios.md."""

    training: int = quantity(20, "years", "years that agents train and rules are fitted on", "docs/scenarios.md", ge=0)
    validation: int = quantity(5, "years", "years to choose settings by", "docs/scenarios.md", ge=0, le=99)
    test: int = quantity(
        10, "years", "years to judge on; none of their weeks is in training", "docs/scenarios.md", ge=0
    )
    split_seed: int = quantity(
        20261126,
        "",
        "seed of the split of the weeks among training, validation and test",
        "the day on which the split was drawn, once: docs/scenarios.md",
        ge=0,
        lt=2**31,
    )
    wet_months: tuple[int, ...] = quantity(
        (11, 12, 1, 2, 3, 4, 5), "", "months of the wet season; the others are dry", "SENAMHI, climate of Iquitos"
    )
    load_noise: float = quantity(
        0.03, "1", "standard deviation of a day's factor on the mall's demand", "an assumption", ge=0.0, le=0.3
    )
    load_memory: float = quantity(
        0.7, "1", "correlation of that factor from one day to the next", "an assumption", ge=0.0, lt=1.0
    )
    forecast_error: float = quantity(
        0.2, "1", "`forecast-error`: standard deviation of the factor on each forecast", "an assumption", ge=0.0, le=1.0
    )
    chargers_out: float = quantity(
        0.1, "1", "`chargers-out`: share of the chargers that are out of order", "docs/scenarios.md", ge=0.0, lt=1.0
    )
    arrivals_change: float = quantity(
        0.2, "1", "`arrivals-plus`, `arrivals-minus`: share of the sessions", "docs/scenarios.md", ge=0.0, lt=1.0
    )
    cloudy_month: int = quantity(
        8, "", "`cloudy-month`: the month whose days are the cloudiest week's", "the sunniest season", ge=1, le=12
    )

    @model_validator(mode="after")
    def _check(self) -> ScenarioSettings:
        if not set(self.wet_months) <= set(range(1, 13)):
            raise ValueError(f"`scenarios.wet_months` = {list(self.wet_months)} are no months 1 to 12")
        return self
