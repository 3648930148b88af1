"""The vehicles of a linear program: sessions that are alike are summed into one group, and no plan is lost by that.

A session with `n` hours of stay takes `x_t` in [0, p] each hour and `need` in all: a base polytope. A sum of base
polytopes is the base polytope of the summed rank functions (Edmonds 1970; Schrijver, Combinatorial Optimization, 2003,
theorem 44.6), and the rank function of a session is `min(k p, need)` for any `k` of its hours. For sessions of the
same hours and the same `m = floor(need / p)` the sum is `min(k P, sum of needs)` with `P` the summed power (the summed
need, where `m = 0`): again hours in [0, P] and one total. The group is exactly the sum of its sessions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pvbesscar.dataset.reference import session_needs
from pvbesscar.plant.actions import can_be_met
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.params import NEED_EPSILON_KWH

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_HALVINGS = 60
"""Halvings that find a water level: 3.5 kWh / 2^60 is below the rounding of a float64."""


class Stays(NamedTuple):
    """Sessions that stand at a socket within a stretch of hours, as an episode that begins with it sees them.

    All arrays have shape (n,). A vehicle that is there when the stretch begins has its arrival state of charge then.

    Attributes
    ----------
    session
        Index into the year's sessions.
    first, end
        First hour and the hour after the last one at the socket; `end` may lie beyond the stretch.
    need_kwh
        Energy that it needs at the charger, above zero.
    feasible
        Whether full power can meet it in time.
    """

    session: IntArray
    first: IntArray
    end: IntArray
    need_kwh: FloatArray
    feasible: NDArray[np.bool_]

    def chosen(self, which: NDArray[np.bool_]) -> Stays:
        """Sessions that `which` (n,) marks."""
        return Stays(
            self.session[which], self.first[which], self.end[which], self.need_kwh[which], self.feasible[which]
        )


def stays_within(data: PlantData, start: int, stop: int) -> Stays:
    """Sessions with a need that stand at a socket between the hours `start` and `stop` (exclusive)."""
    sessions, p = data.sessions, data.params
    need = session_needs(p, sessions)
    there = (sessions.departure > start) & (sessions.arrival < stop) & (need > NEED_EPSILON_KWH)
    chosen = np.flatnonzero(there)
    first, end = np.maximum(sessions.arrival[chosen], start), sessions.departure[chosen]
    most = p.socket_kw * (end - first)
    feasible = can_be_met(need[chosen], end - first, p.socket_kw)
    return Stays(chosen, first, end, np.where(feasible, np.minimum(need[chosen], most), need[chosen]), feasible)


@dataclass(frozen=True, slots=True)
class Groups:
    """Alike sessions summed up: G groups, V pairs of group and hour.

    Attributes
    ----------
    member
        Group of each of the sessions given, shape (n,).
    count, need_kwh, end, stay
        Sessions, summed need, departure and hours of each group, shape (G,).
    group, hour
        The pairs, ordered by group and hour, shape (V,).
    limit_kwh
        Most that a group can take in the hour of a pair, shape (V,).
    offset
        First pair of each group, shape (G,).
    """

    member: IntArray
    count: IntArray
    need_kwh: FloatArray
    end: IntArray
    stay: IntArray
    group: IntArray
    hour: IntArray
    limit_kwh: FloatArray
    offset: IntArray


def grouped(first: IntArray, end: IntArray, need_kwh: FloatArray, socket_kw: float) -> Groups:
    """Sum up the sessions of the same hours whose need takes the same number of full hours.

    Parameters
    ----------
    first, end
        Hours that each session stands at its socket, half open, shape (n,).
    need_kwh
        What it needs at the charger, shape (n,).
    socket_kw
        Power of a socket.
    """
    # Sessions whose need ends in the same hour at full power have rank functions of one shape, which add up.
    full_hours = np.minimum(np.floor(need_kwh / socket_kw).astype(np.int64), end - first)
    kinds, member, count = np.unique(
        np.column_stack([first, end, full_hours]), axis=0, return_inverse=True, return_counts=True
    )
    member = member.reshape(-1)
    total: FloatArray = np.bincount(member, need_kwh, minlength=len(kinds)).astype(np.float64)
    stay = kinds[:, 1] - kinds[:, 0]
    offset = np.cumsum(stay) - stay
    group = np.repeat(np.arange(len(kinds)), stay)
    hour = np.arange(group.size) - offset[group] + kinds[group, 0]
    limit: FloatArray = np.where(kinds[:, 2] == 0, total, count * socket_kw)
    return Groups(member, count, total, kinds[:, 1], stay, group, hour, limit[group], offset)


def split(groups: Groups, energy_kwh: FloatArray, need_kwh: FloatArray, socket_kw: float) -> FloatArray:
    """Share the energy of groups among their sessions, so that every one of them gets its own.

    In each hour those that need most are served first, down to a common level of what is left: what is left is then
    as even as it can be, and with it the most can be delivered in the hours that follow.

    Parameters
    ----------
    groups
        The groups, of `grouped`.
    energy_kwh
        Energy of each pair of group and hour, shape (V,).
    need_kwh
        As given to `grouped`, shape (n,).
    socket_kw
        Power of a socket.

    Returns
    -------
    FloatArray
        Energy of each session (rows) in each hour of its stay (columns), shape (n, longest stay), 0 beyond it.
    """
    result = np.zeros((need_kwh.size, int(groups.stay.max(initial=0))))
    left = need_kwh.copy()
    for step in range(result.shape[1]):
        active = groups.stay > step
        asked = np.zeros(active.size)
        asked[active] = energy_kwh[groups.offset[active] + step]
        taken = _down_to_level(left, groups, asked, socket_kw)
        result[:, step] = taken
        left -= taken
    return result


def _down_to_level(left: FloatArray, groups: Groups, asked: FloatArray, socket_kw: float) -> FloatArray:
    """Energy of each session when its group gives `asked` in all, most to those that need most; shape (n,)."""
    most = np.minimum(left, socket_kw)
    low = np.full(groups.count.size, -socket_kw)
    high = np.full(groups.count.size, float(left.max(initial=0.0)))
    for _ in range(_HALVINGS):
        level = (low + high) / 2.0
        given = np.bincount(groups.member, np.clip(left - level[groups.member], 0.0, most), groups.count.size)
        too_much = given > asked
        # A higher level leaves more undelivered: where too much is given, the level rises.
        low, high = np.where(too_much, level, low), np.where(too_much, high, level)
    taken: FloatArray = np.clip(left - high[groups.member], 0.0, most)
    return taken
