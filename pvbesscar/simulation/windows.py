"""Stretches of the year on which controllers are evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pvbesscar.plant.data import PlantData
from schemas.errors import ConfigError
from schemas.settings import Window


@dataclass(frozen=True, slots=True)
class Stretch:
    """Hours `start` to `start + hours`, exclusive, of the year."""

    name: str
    start: int
    hours: int


def window_stretches(windows: tuple[Window, ...], data: PlantData) -> tuple[Stretch, ...]:
    """Validation windows as hours of the dataset's year; each starts with the first row of its day.

    Raises
    ------
    ConfigError
        A window reaches past the year's end.
    """
    stretches = tuple(Stretch(window.name, data.window_start(window.start), window.hours) for window in windows)
    for stretch in stretches:
        if stretch.start + stretch.hours > data.hours:
            raise ConfigError(
                f"window `{stretch.name}`: {stretch.hours} h from hour {stretch.start} "
                f"({data.stamps[stretch.start]}) reach past the year's {data.hours} h.",
                hint="set an earlier start or fewer hours in `evaluation.windows`.",
            )
    return stretches


def stretches_of(
    evaluate_on: Literal["windows", "year"], windows: tuple[Window, ...], data: PlantData
) -> tuple[Stretch, ...]:
    """Stretches that a profile evaluates on: the validation windows, or the whole year as one."""
    return window_stretches(windows, data) if evaluate_on == "windows" else (Stretch("year", 0, data.hours),)


def required_kwh(data: PlantData, stretch: Stretch) -> float:
    """Energy that the sessions departing within a stretch require in their batteries [kWh].

    A vehicle that is plugged in when the stretch begins has its arrival state of charge, as in the simulator.
    """
    sessions = data.sessions
    # A vehicle that departs at hour d (exclusive) is counted at the end of hour d - 1.
    within = (sessions.departure > stretch.start) & (sessions.departure <= stretch.start + stretch.hours)
    missing = (sessions.required_soc.astype(float) - sessions.arrival_soc.astype(float)).clip(min=0.0)
    return float((missing * sessions.battery_kwh)[within].sum())
