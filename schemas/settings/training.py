"""Settings of the training: the three agents, what they learn with, and the profiles."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from schemas.settings.fields import HOURS_PER_YEAR, Frozen, quantity

Agent = Literal["sac", "ppo", "a2c"]
AGENTS: tuple[Agent, ...] = ("sac", "ppo", "a2c")
NominalOn = Literal["citylearn", "twin", "both"]
ProfileName = Literal["smoke", "full", "long", "reference"]
OF_FULL = (
    "no-control", "rule", "constant-1", "constant-0.5", "random", "tuned-rule", "mpc", "mpc-perfect-day",
)  # fmt: skip
"""Controllers that are judged beside the agents on the year."""
WARM_UP = "steps in which only the critic learns, at most a third of all"


class Profile(Frozen):
    """How long agents train and on what they are judged."""

    steps: int = quantity(..., "steps", "environment steps of each agent", "a choice", ge=1)
    sac_steps: int | None = quantity(
        None,
        "steps",
        "environment steps of SAC, which learns more of each and takes longer over it",
        "as the others",
        ge=1,
    )
    episode_hours: int = quantity(
        ...,
        "h",
        "length of an episode; where demand charges bill power it is a billing month",
        "a week",
        ge=24,
        le=HOURS_PER_YEAR,
    )
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
    training_years: int = quantity(
        8, "years", "years of the training scenarios that agents learn on, the first of them", "measured", ge=1
    )
    validation_years: int = quantity(
        3, "years", "validation scenarios that an agent is watched and chosen by, the first of them", "measured", ge=1
    )
    validate_every: int = quantity(
        10_000, "steps", "steps between two looks at the validation scenarios", "ten looks of `full`", ge=1
    )
    imitation_rounds: int = quantity(
        5, "", "years in which the policy acts and the imitated controller corrects it", "docs/agents.md", ge=0
    )

    def steps_of(self, agent: Agent) -> int:
        """Environment steps of an agent."""
        return self.sac_steps if agent == "sac" and self.sac_steps is not None else self.steps


class SacSettings(Frozen):
    """Soft actor-critic, Stable-Baselines3's names."""

    learning_rate: float = quantity(1e-3, "1", "step size of the critics", "docs/agents.md", gt=0.0, le=1e30)
    actor_share: float = quantity(0.01, "1", "step size of the actor by the critics'", "docs/agents.md", gt=0.0, le=1.0)
    anneal: bool = quantity(True, "", "let the step size fall with the steps left, to a twentieth", "docs/agents.md")
    buffer_size: int = quantity(100_000, "steps", "replay buffer", "the run of `full`", ge=1)
    batch_size: int = quantity(256, "steps", "batch", "docs/agents.md", ge=1)
    learning_starts: int = quantity(0, "steps", "random actions before the first update", "none: they export", ge=0)
    update_every: int = quantity(
        64, "steps", "steps of all plants together between updates", "measured: the learner is the limit", ge=1
    )
    gradient_steps: int = quantity(4, "", "updates each time", "measured: the learner is the limit", ge=1)
    gamma: float = quantity(0.98, "1", "discount per hour", "a horizon of two days", gt=0.0, le=1.0)
    tau: float = quantity(
        0.01, "1", "share of the target critics that follows at each update", "docs/agents.md", gt=0.0
    )
    n_steps: int = quantity(12, "h", "hours of reward that a target of the critics counts", "docs/agents.md", ge=1)
    noise: float = quantity(0.08, "1", "first noise of the import target, by its unit", "docs/agents.md", gt=0.0)
    warm_up: int = quantity(50_000, "steps", WARM_UP, "docs/agents.md", ge=0)
    net_arch: tuple[int, ...] = quantity((128, 128), "", "hidden layers", "docs/agents.md")


class PpoSettings(Frozen):
    """Proximal policy optimisation, Stable-Baselines3's names."""

    learning_rate: float = quantity(2e-4, "1", "step size", "docs/agents.md", gt=0.0, le=1e30)
    anneal: bool = quantity(True, "", "let the step size fall with the steps left, to a twentieth", "docs/agents.md")
    update_every: int = quantity(
        8192, "steps", "steps of all plants together between updates", "64 plants of 128 hours", ge=2
    )
    batch_size: int = quantity(2048, "steps", "batch", "divides update_every", ge=2)
    n_epochs: int = quantity(10, "", "passes over each rollout", "docs/agents.md", ge=1)
    gamma: float = quantity(0.99, "1", "discount per hour", "a horizon of four days", gt=0.0, le=1.0)
    clip_range: float = quantity(0.2, "1", "most that a probability may change in an update", "SB3 default", gt=0.0)
    noise: float = quantity(0.04, "1", "first noise of the import target, by its unit", "docs/agents.md", gt=0.0)
    warm_up: int = quantity(32_768, "steps", WARM_UP, "docs/agents.md", ge=0)
    log_std_init: float = quantity(-1.5, "1", "`mlp`: log of the first spread of actions", "actions live in [0, 1]")
    net_arch: tuple[int, ...] = quantity((128, 128), "", "hidden layers", "docs/agents.md")


class A2cSettings(Frozen):
    """Advantage actor-critic, Stable-Baselines3's names."""

    learning_rate: float = quantity(2e-5, "1", "step size", "docs/agents.md", gt=0.0, le=1e30)
    anneal: bool = quantity(True, "", "let the step size fall with the steps left, to a twentieth", "docs/agents.md")
    update_every: int = quantity(
        4096, "steps", "steps of all plants together between updates", "64 plants of 64 hours", ge=1
    )
    gamma: float = quantity(0.99, "1", "discount per hour", "a horizon of four days", gt=0.0, le=1.0)
    normalise: bool = quantity(True, "", "scale the advantages of an update to a spread of 1", "docs/agents.md")
    rms_prop: bool = quantity(False, "", "RMSprop instead of Adam", "docs/agents.md")
    noise: float = quantity(0.02, "1", "first noise of the import target, by its unit", "docs/agents.md", gt=0.0)
    warm_up: int = quantity(40_000, "steps", WARM_UP, "docs/agents.md", ge=0)
    log_std_init: float = quantity(-1.5, "1", "`mlp`: log of the first spread of actions", "actions live in [0, 1]")
    net_arch: tuple[int, ...] = quantity((128, 128), "", "hidden layers", "docs/agents.md")


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
    plants: int = quantity(64, "", "plants that the twin runs at once; CityLearn runs one", "measured", ge=1, le=1024)
    policy: Literal["import_target", "mlp"] = quantity(
        "import_target",
        "",
        "what the agents' networks decide: the import that the battery aims at, or the 129 actions",
        "docs/agents.md",
    )
    socket_units: int = quantity(
        0,
        "",
        "`import_target`: hidden units of the network that all sockets share; 0: sockets charge on arrival",
        "measured: docs/agents.md",
        ge=0,
    )
    socket_noise: float = quantity(
        0.0,
        "1",
        "`import_target` of PPO and A2C: first spread of what sockets are asked for, as a share of their power; "
        "0: their network stays as the imitation leaves it",
        "docs/agents.md",
        ge=0.0,
        le=1.0,
    )
    imitation: bool = quantity(
        True, "", "`import_target`, on the twin: begin as an imitation of `mpc`", "docs/agents.md"
    )
    forecast: Literal["chosen", "climatology"] = quantity(
        "chosen",
        "",
        "what the imitated `mpc` plans with: the forecast chosen in closed loop, as the judged one, or the mean day",
        "docs/controllers.md",
    )
    reward: Literal["regret", "score"] = quantity(
        "regret", "", "on the twin: the reward against the perfect-foresight plan, or the score's", "docs/agents.md"
    )
    keep: Literal["best", "last"] = quantity(
        "best", "", "on the twin: keep the model of the best validation, or the last one", "docs/agents.md"
    )
    sequential: bool = quantity(False, "", "train one after another instead of in parallel", "off")
    timeout_h: float | None = quantity(
        None, "h", "longest time that one agent may train; the others are not touched", "no limit", gt=0.0
    )
    sac: SacSettings = SacSettings()
    ppo: PpoSettings = PpoSettings()
    a2c: A2cSettings = A2cSettings()
    smoke: Profile = Profile(
        steps=5_000,
        episode_hours=168,
        evaluate_on="windows",
        checkpoint_every=50_000,
        training_years=2,
        validation_years=1,
        validate_every=2_500,
        imitation_rounds=1,
    )
    full: Profile = Profile(
        steps=100_000,
        episode_hours=336,
        evaluate_on="year",
        checkpoint_every=50_000,
        scenarios=("nominal", "test"),
        # A year of one controller takes CityLearn and its `evaluate_v2` a minute and a half.
        nominal_on="both",
        controllers=OF_FULL,
    )
    long: Profile = Profile(
        steps=1_500_000,
        sac_steps=100_000,
        episode_hours=336,
        evaluate_on="year",
        checkpoint_every=500_000,
        scenarios=("nominal", "test"),
        nominal_on="both",
        controllers=OF_FULL,
        training_years=20,
        validation_years=5,
        validate_every=60_000,
        imitation_rounds=9,
    )
    reference: Profile = Profile(
        steps=100_000,
        episode_hours=168,
        evaluate_on="year",
        checkpoint_every=50_000,
        scenarios=("nominal", "test"),
        nominal_on="both",
        controllers=OF_FULL,
    )

    def as_specified(self) -> TrainingSettings:
        """Settings of the original specification, by which `reference` trains: SB3's defaults, one environment."""
        sac = SacSettings(
            learning_rate=3e-4, actor_share=1.0, anneal=False, buffer_size=self.reference.steps, batch_size=64,
            learning_starts=1_000, update_every=1, gradient_steps=1, gamma=0.99, tau=0.005, n_steps=1, warm_up=0,
            net_arch=(256, 256),
        )  # fmt: skip
        ppo = PpoSettings(
            learning_rate=3e-4, anneal=False, update_every=2048, batch_size=64, n_epochs=10, gamma=0.99, warm_up=0,
            log_std_init=0.0, net_arch=(64, 64),
        )  # fmt: skip
        a2c = A2cSettings(
            learning_rate=7e-4, anneal=False, update_every=5, gamma=0.99, normalise=False, rms_prop=True, warm_up=0,
            log_std_init=0.0, net_arch=(64, 64),
        )  # fmt: skip
        plain = {"policy": "mlp", "imitation": False, "reward": "score", "keep": "last", "plants": 1}
        return self.model_copy(update={"sac": sac, "ppo": ppo, "a2c": a2c, **plain})

    @model_validator(mode="after")
    def _check(self) -> TrainingSettings:
        if self.simulator == "citylearn" and self.scenarios == "training":
            raise ValueError(
                "`training.simulator: citylearn` trains on the dataset's own year: set `training.scenarios: nominal`, "
                "or train on the twin"
            )
        return self
