"""What a certification runs: the fewest windows that hold every kind of session and hour of the year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pvbesscar.certify.branches import session_branches
from pvbesscar.certify.policies import acting, setting
from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.policy import PolicyController, Predictor
from pvbesscar.plant.data import PlantData, Sessions
from schemas.settings import Mode

DEFAULT_HOURS = 6_000
"""Hours that a default certification simulates, over all runs: half a minute of CityLearn with 128 sockets."""
_LONGEST_HOURS = 168
_SHORTEST_HOURS = 24
MODES: tuple[Mode, ...] = ("dispatch", "bidirectional")


@dataclass(frozen=True, slots=True)
class Run:
    """One policy on one stretch of hours; a policy that gives setpoints is the same in both modes."""

    policy: Controller
    mode: Mode
    start: int
    hours: int


def plan_runs(data: PlantData, seed: int, models: Mapping[str, Predictor], *, full: bool) -> tuple[Run, ...]:
    """Runs of a certification: every policy in both modes, on windows or (`full`) on the year.

    Parameters
    ----------
    data
        The year; trained policies and those that give setpoints run in its mode.
    seed
        Seed of the random policies.
    models
        Trained policies, by name.
    """
    mode: Mode = "bidirectional" if data.params.bidirectional else "dispatch"
    once: list[Controller] = [*setting(seed), *(PolicyController(name, model) for name, model in models.items())]
    cast = [(policy, each) for each in MODES for policy in acting(seed)] + [(policy, mode) for policy in once]
    stretches = ((0, data.hours),) if full else windows(data, DEFAULT_HOURS // len(cast))
    return tuple(Run(policy, each, start, hours) for start, hours in stretches for policy, each in cast)


def windows(data: PlantData, hours: int) -> tuple[tuple[int, int], ...]:
    """Starts and lengths of windows, `hours` long together, that hold every kind of session and hour of the year.

    The year's end is one of them; each of the others is the window, begun at noon or midnight, that holds most of
    what is missing still.
    """
    for count in range(2, max(2, hours // _SHORTEST_HOURS) + 1):
        length = min(max(hours // count // 12 * 12, _SHORTEST_HOURS), _LONGEST_HOURS)
        starts = _cover(data, length, count)
        if starts is not None:
            return tuple((start, length) for start in starts)
    return tuple((start, _SHORTEST_HOURS) for start in _cover(data, _SHORTEST_HOURS, None) or ())


def _cover(data: PlantData, length: int, limit: int | None) -> tuple[int, ...] | None:
    """Starts of the windows, `None` where `limit` of them are too few."""
    candidates = np.append(np.arange(0, data.hours - length, 12), data.hours - length)
    holds = _holdings(data, candidates, length)
    chosen = [candidates.size - 1]
    missing = holds.any(axis=0) & ~holds[chosen[0]]
    while missing.any():
        if limit is not None and len(chosen) == limit:
            return None
        # Greedy cover: the window that holds most of what no chosen window holds yet.
        chosen.append(int(np.argmax((holds & missing).sum(axis=1))))
        missing &= ~holds[chosen[-1]]
    return tuple(sorted(int(candidates[index]) for index in chosen))


def _holdings(data: PlantData, starts: NDArray[np.int64], length: int) -> NDArray[np.bool_]:
    """Which window holds what, shape (windows, kinds): kinds of sessions, whole stays only, and kinds of hours."""
    stays = [_any_stay(data.sessions, which, starts, length) for which in session_branches(data).values()]
    hours = [_any_within(which, starts, length) for which in _hour_kinds(data)]
    return np.column_stack([*stays, *hours])


def _any_stay(
    sessions: Sessions, which: NDArray[np.bool_], starts: NDArray[np.int64], length: int
) -> NDArray[np.bool_]:
    """Whether any of the sessions marked begins and ends within each window, shape (windows,)."""
    order = np.argsort(sessions.arrival[which], kind="stable")
    arrival, departure = sessions.arrival[which][order], sessions.departure[which][order]
    first, last = np.searchsorted(arrival, starts, side="right"), np.searchsorted(arrival, starts + length)
    spans = zip(first, last, starts + length, strict=True)
    return np.array([(departure[begin:end] <= limit).any() for begin, end, limit in spans], dtype=bool)


def _hour_kinds(data: PlantData) -> tuple[NDArray[np.bool_], ...]:
    """Kinds of hours that a certification should hold, each of shape (N,): surplus, deficit, the busiest hour."""
    surplus = data.pv_kwh - data.mall_kwh
    standing = (data.occupant >= 0).sum(axis=1)
    begins = np.arange(data.hours) == 0
    peaks = tuple(values == values.max() for values in (surplus, -surplus, standing.astype(np.float64)))
    return (surplus > data.params.bess_kw, surplus > 0.0, surplus < 0.0, begins, *peaks)


def _any_within(which: NDArray[np.bool_], starts: NDArray[np.int64], length: int) -> NDArray[np.bool_]:
    """Whether any hour of each window is marked, shape (windows,)."""
    before = np.concatenate([[0], np.cumsum(which)])
    result: NDArray[np.bool_] = before[starts + length] > before[starts]
    return result
