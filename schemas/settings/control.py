"""Settings of control: actions, the weights of reward and score, training, evaluation, scenarios."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from schemas.settings.fields import HOURS_PER_YEAR, Frozen, quantity

Agent = Literal["sac", "ppo", "a2c"]
AGENTS: tuple[Agent, ...] = ("sac", "ppo", "a2c")
Mode = Literal["dispatch", "bidirectional"]
NominalOn = Literal["citylearn", "twin", "both"]


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


class Profile(Frozen):
    """How long agents train and on what they are judged."""

    steps: int = quantity(..., "steps", "environment steps of each agent", "a choice", ge=1)
    episode_hours: int = quantity(..., "h", "length of an episode", "a week", ge=24, le=HOURS_PER_YEAR)
    evaluate_on: Literal["windows", "year"] = quantity(..., "", "what controllers are judged on", "docs/evaluation.md")
    checkpoint_every: int = quantity(..., "steps", "steps between checkpoints", "a choice", ge=1)
    scenarios: tuple[str, ...] = quantity(
        ("nominal",), "", "sets of scenarios or scenarios that controllers are judged on", "the validated year"
    )
    nominal_on: NominalOn = quantity(
        "citylearn",
        "",
        "what simulates the validated year when controllers are judged; `both`: the twin, and CityLearn runs every "
        "controller again on the validation windows, where the two must agree bit for bit",
        "CityLearn has the last word",
    )
    controllers: tuple[str, ...] = quantity(
        ("no-control", "rule", "constant-1", "constant-0.5", "random"),
        "",
        "controllers judged beside the agents",
        "those that are quick",
    )


class SacSettings(Frozen):
    """Soft actor-critic, Stable-Baselines3's names."""

    learning_rate: float = quantity(3e-4, "1", "step size", "SB3 default", gt=0.0)
    buffer_size: int = quantity(50_000, "steps", "replay buffer", "fits 24 GiB with three trainers", ge=1)
    batch_size: int = quantity(256, "steps", "batch", "SB3 default", ge=1)
    learning_starts: int = quantity(
        500, "steps", "random actions before the first update", "a fifth of smoke's start", ge=0
    )
    update_every: int = quantity(
        32, "steps", "steps of all plants together between updates", "measured: the learner is the limit", ge=1
    )
    gradient_steps: int = quantity(2, "", "updates each time", "measured: the learner is the limit", ge=1)
    gamma: float = quantity(0.98, "1", "discount per hour", "a horizon of two days", gt=0.0, le=1.0)
    net_arch: tuple[int, ...] = quantity((256, 256), "", "hidden layers", "SB3 default")


class PpoSettings(Frozen):
    """Proximal policy optimisation, Stable-Baselines3's names."""

    learning_rate: float = quantity(3e-4, "1", "step size", "SB3 default", gt=0.0)
    update_every: int = quantity(
        1024, "steps", "steps of all plants together between updates", "32 plants of 32 hours", ge=2
    )
    batch_size: int = quantity(256, "steps", "batch", "divides update_every", ge=2)
    n_epochs: int = quantity(10, "", "passes over each rollout", "SB3 default", ge=1)
    gamma: float = quantity(0.98, "1", "discount per hour", "a horizon of two days", gt=0.0, le=1.0)
    log_std_init: float = quantity(-1.5, "1", "log of the initial spread of actions", "actions live in [0, 1]")
    net_arch: tuple[int, ...] = quantity((256, 256), "", "hidden layers", "as SAC")


class A2cSettings(Frozen):
    """Advantage actor-critic, Stable-Baselines3's names."""

    learning_rate: float = quantity(7e-4, "1", "step size", "SB3 default", gt=0.0)
    update_every: int = quantity(
        256, "steps", "steps of all plants together between updates", "32 plants of 8 hours", ge=1
    )
    gamma: float = quantity(0.98, "1", "discount per hour", "a horizon of two days", gt=0.0, le=1.0)
    log_std_init: float = quantity(-1.5, "1", "log of the initial spread of actions", "actions live in [0, 1]")
    net_arch: tuple[int, ...] = quantity((256, 256), "", "hidden layers", "as SAC")


class TrainingSettings(Frozen):
    """What the agents learn with."""

    agents: tuple[Agent, ...] = quantity(AGENTS, "", "which agents to train", "docs/design.md, Stages")
    seed: int = quantity(
        42, "", "seed of what learns from the data: agents, the search of the tuned rule", "any", ge=0, lt=2**31
    )
    simulator: Literal["twin", "citylearn"] = quantity(
        "twin", "", "what agents train on: CityLearn's certified twin, or CityLearn itself", "docs/design.md, Stages"
    )
    scenarios: Literal["nominal", "training"] = quantity(
        "training",
        "",
        "years that agents train on: the validated one, or the training scenarios",
        "an agent is judged on weeks that it has not seen",
    )
    plants: int = quantity(32, "", "plants that the twin runs at once; CityLearn runs one", "measured", ge=1, le=1024)
    sequential: bool = quantity(False, "", "train one after another instead of in parallel", "off")
    timeout_h: float | None = quantity(
        None, "h", "longest time that one agent may train; the others are not touched", "no limit", gt=0.0
    )
    sac: SacSettings = SacSettings()
    ppo: PpoSettings = PpoSettings()
    a2c: A2cSettings = A2cSettings()
    smoke: Profile = Profile(steps=5_000, episode_hours=168, evaluate_on="windows", checkpoint_every=50_000)
    full: Profile = Profile(
        steps=100_000,
        episode_hours=168,
        evaluate_on="year",
        checkpoint_every=50_000,
        scenarios=("nominal", "test"),
        # A year of one controller takes CityLearn and its `evaluate_v2` a minute and a half.
        nominal_on="both",
        controllers=(
            "no-control",
            "rule",
            "constant-1",
            "constant-0.5",
            "random",
            "tuned-rule",
            "mpc",
            "mpc-perfect-day",
        ),
    )

    @model_validator(mode="after")
    def _check(self) -> TrainingSettings:
        if self.simulator == "citylearn" and self.scenarios == "training":
            raise ValueError(
                "`training.simulator: citylearn` trains on the dataset's own year: set `training.scenarios: nominal`, "
                "or train on the twin"
            )
        return self


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
