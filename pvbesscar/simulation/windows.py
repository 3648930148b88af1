"""Stretches of the year on which controllers are evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pvbesscar.dataset.years import WEEK
from pvbesscar.plant.data import PlantData


@dataclass(frozen=True, slots=True)
class Stretch:
    """Hours `start` to `start + hours`, exclusive, of the year."""

    name: str
    start: int
    hours: int


def window_stretches(windows: Mapping[str, int], hours: int) -> tuple[Stretch, ...]:
    """Validation windows as hours of the year.

    Parameters
    ----------
    windows
        Week of the validated year of each, as `pvbesscar.dataset.scenarios.windows_of` reads them.
    hours
        Hours of the week that are judged, from its first, at most a week (`evaluation.window_hours`).
    """
    return tuple(Stretch(name, 24 * WEEK * week, hours) for name, week in windows.items())


def stretches_of(
    evaluate_on: Literal["windows", "year"], windows: tuple[Stretch, ...], data: PlantData
) -> tuple[Stretch, ...]:
    """Stretches that a profile evaluates on: the validation windows, or the whole year as one."""
    return windows if evaluate_on == "windows" else (Stretch("year", 0, data.hours),)


def required_kwh(data: PlantData, stretch: Stretch) -> float:
    """Energy that the sessions departing within a stretch require in their batteries [kWh].

    A vehicle that is plugged in when the stretch begins has its arrival state of charge, as in the simulator.
    """
    sessions = data.sessions
    # A vehicle that departs at hour d (exclusive) is counted at the end of hour d - 1.
    within = (sessions.departure > stretch.start) & (sessions.departure <= stretch.start + stretch.hours)
    missing = (sessions.required_soc.astype(float) - sessions.arrival_soc.astype(float)).clip(min=0.0)
    return float((missing * sessions.battery_kwh)[within].sum())
