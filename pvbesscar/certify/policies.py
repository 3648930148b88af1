"""Controllers that lead a comparison into every branch of the physics."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pvbesscar.controllers.base import Acting, Controller
from pvbesscar.controllers.baselines import NoControl, Rule
from pvbesscar.plant.state import PlantState, Setpoints

Action = NDArray[np.float32]

_STUCK_SOC = 1e-4
"""Change of the battery's SOC in an hour below which `Swing` changes between charging and discharging."""
_BEYOND = 1.1
"""Share of nominal power that `Swing` asks for in half of the hours: CityLearn limits it to 1."""


@dataclass(slots=True)
class Constant(Acting):
    """The same action in every hour, one for the battery and one for all sockets.

    A battery's action of `None` is the one that exchanges least: 0 in `dispatch`, the middle in `bidirectional`.
    """

    name: str
    bess: float | None
    sockets: float

    def action(self, state: PlantState) -> Action:
        """Action for the hour of `state`."""
        p = state.data.params
        bess = (0.5 if p.bidirectional else 0.0) if self.bess is None else self.bess
        return np.concatenate([[bess], np.full(p.sockets, self.sockets)]).astype(np.float32)


@dataclass(slots=True)
class Alternating(Acting):
    """Battery and neighbouring sockets from one extreme to the other in every hour."""

    name: str = "alternating-extremes"

    def action(self, state: PlantState) -> Action:
        """Action for the hour of `state`."""
        return ((np.arange(1 + state.data.params.sockets) + state.t) % 2).astype(np.float32)


@dataclass(slots=True)
class Random(Acting):
    """Every entry drawn anew in every hour; the same draws in every episode."""

    seed: int
    name: str = "random"
    _generator: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin the draws anew."""
        self._generator = np.random.default_rng(self.seed)

    def action(self, state: PlantState) -> Action:
        """Action for the hour of `state`."""
        return self._generator.random(1 + state.data.params.sockets, dtype=np.float32)


@dataclass(slots=True)
class Swing:
    """Setpoints beyond guard, deficit and required SOC: it reaches physics that no action can ask for.

    The battery charges at nominal power until it is full and discharges until it is at its reserve, however large it
    is, exporting where the site has no deficit; in half of the hours it is asked for more than its power. Sockets,
    empty ones too, get a random power, a third of them full power, until vehicles are full.
    """

    seed: int
    name: str = "swing"
    _generator: np.random.Generator = field(init=False)
    _direction: float = field(init=False)
    _last_soc: float | None = field(init=False)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin the draws anew, charging."""
        self._generator = np.random.default_rng(self.seed)
        self._direction = 1.0
        self._last_soc = None

    def decide(self, state: PlantState) -> Setpoints:
        """Setpoints for the hour of `state`."""
        p = state.data.params
        if self._last_soc is not None and self._direction * (state.bess_soc - self._last_soc) < _STUCK_SOC:
            self._direction = -self._direction
        self._last_soc = state.bess_soc
        asked = p.bess_kw * (_BEYOND if self._generator.random() < 0.5 else 1.0)
        share = np.minimum(1.5 * self._generator.random(p.sockets), 1.0)
        return Setpoints(p.socket_kw * share, self._direction * asked)


def acting(seed: int) -> tuple[Acting, ...]:
    """Controllers whose actions mean something else in each mode."""
    return (
        Constant("idle", None, 0.0),
        Constant("full-charge", 0.0, 1.0),
        Constant("full-discharge", 1.0, 1.0),
        Alternating(),
        Random(seed),
    )


def setting(seed: int) -> tuple[Controller, ...]:
    """Controllers that make setpoints themselves: they mean the same in both modes."""
    return (NoControl(), Rule(), Swing(seed))
