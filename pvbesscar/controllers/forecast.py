"""What MPC expects of the next hours: causal forecasts fitted on training years, and the true course for comparison.

The causal forecasts use the clock, the calendar, the tariff, and what was metered up to the hour that decides. What
they learned (the sun's course, the mall's days, arrivals) comes from training years, never from the year controlled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pvbesscar.arithmetic.linear import solved
from pvbesscar.dataset.forecast import trailing_sum
from pvbesscar.dataset.reference import session_needs
from pvbesscar.plant.actions import guard_kw
from pvbesscar.plant.data import PlantData
from schemas.settings import Frozen, quantity

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Energies = tuple[FloatArray, FloatArray]
"""PV and demand of the mall that are expected at each hour for the H hours from it on, each (N, H) [kWh]."""
Table = tuple[tuple[float, ...], ...]
Cube = tuple[Table, ...]
Samples = Callable[[int, IntArray, int], tuple[FloatArray, FloatArray]]
"""Features and targets of a training year (by number) in hours that decide, for a lead [h]."""

DAY_TYPES = 8
WEEK = 168
SUNLIT = 0.02
"""Share of the greatest PV output below which an hour says nothing about clearness."""

_LEARNED = "fitted on training years"
_RIDGE = 1e-3
"""Weight of the ridge, by the mean square of the features: keeps coefficients small that the data do not determine."""


class ForecastModel(Frozen):
    """Fitted parameters of the forecasts of PV, mall and vehicles."""

    kind: str = quantity("regression", "", "what the weights of PV and mall are of", "the choice in closed loop")
    pv_clear_kwh: Table = quantity(
        ..., "kWh", "upper envelope of PV by week of the year and hour of day, (53, 24)", _LEARNED
    )
    pv_weights: Cube = quantity(
        ..., "1", "by hour of day and lead: clearness on 1, that of 3, 24 and 72 h, (24, H, 4)", _LEARNED
    )
    mall_shape_kwh: Table = quantity(..., "kWh", "mean day of the mall by day type and hour of day, (8, 24)", _LEARNED)
    mall_weights: Cube = quantity(
        ..., "1",
        "by hour of day and lead: deviation on that of now, of 24 h, 168 h, of the last such hour, of a week before, "
        "(24, H, 5)",
        _LEARNED,
    )  # fmt: skip
    arrivals_early_kwh: Cube = quantity(
        ..., "kWh", "mean energy by day type, hour of arrival, hours since; at once, (8, 24, L)", _LEARNED
    )
    arrivals_late_kwh: Cube = quantity(
        ..., "kWh", "the same, charged as late as the departure allows, (8, 24, L)", _LEARNED
    )

    surplus_quantile: float = quantity(
        ..., "1", "quantile of PV less demand that is planned for: above 0.5 keeps room in the battery", _LEARNED
    )
    surplus_margin_kwh: Table = quantity(
        ..., "kWh", "added to expected PV to reach that quantile, by hour of day and lead, (24, H)", _LEARNED
    )

    @property
    def horizon(self) -> int:
        """Hours that it looks ahead, the present one included."""
        return len(self.pv_weights[0])


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is expected in each hour for the H hours from it on, the present one included; shapes (N, H).

    Attributes
    ----------
    pv_kwh, mall_kwh
        Column 0 is the present hour, which is metered.
    early_kwh, late_kwh
        Energy of the vehicles still to arrive, charged at once and as late as possible; column 0 is zero.
    """

    pv_kwh: FloatArray
    mall_kwh: FloatArray
    early_kwh: FloatArray
    late_kwh: FloatArray


def perfect_outlook(data: PlantData, horizon: int) -> Outlook:
    """The true course, for comparison only; the year's end is followed by its beginning."""
    early, late = arrival_energies(data)
    ahead = hours_ahead(data.hours, horizon)
    return Outlook(
        data.pv_kwh[ahead], data.mall_kwh[ahead], _still_to_come(early, horizon), _still_to_come(late, horizon)
    )


def causal_outlook(data: PlantData, model: ForecastModel, plain: Energies | None = None) -> Outlook:
    """What the model expects at each hour from what is known then; beyond the year's end the calendar begins anew.

    Parameters
    ----------
    plain
        What another forecast expects of PV and mall, in place of the model's own; the model adds its margin to it.
    """
    horizon = model.horizon
    kind, hour = data.calendar[:, 2] - 1, data.calendar[:, 0]
    early = np.array(model.arrivals_early_kwh)[kind, hour]
    late = np.array(model.arrivals_late_kwh)[kind, hour]
    pv_kwh, mall_kwh = expected_energies(data, model, plain=plain)
    return Outlook(pv_kwh, mall_kwh, _still_to_come(early, horizon), _still_to_come(late, horizon))


def expected_energies(
    data: PlantData, model: ForecastModel, hours: slice = slice(None), plain: Energies | None = None
) -> Energies:
    """PV and mall that are planned for at some hours of a year, each (hours, H) [kWh]; default all."""
    pv_kwh, mall_kwh = plain or plain_energies(data, model, hours)
    # PV above that of a clear sky does not occur, whatever the margin.
    most = np.maximum(data.pv_kwh.max(), np.max(model.pv_clear_kwh))
    return np.clip(pv_kwh + np.array(model.surplus_margin_kwh)[data.calendar[hours, 0]], 0.0, most), mall_kwh


def plain_energies(data: PlantData, model: ForecastModel, hours: slice = slice(None)) -> Energies:
    """PV and mall that are expected at some hours of a year, without the margin, each (hours, H) [kWh]; default all."""
    return _expect_pv(data, model, hours), _expect_mall(data, model, hours)


def fit_forecast(training: Sequence[PlantData], horizon: int, surplus_quantile: float = 0.5) -> ForecastModel:
    """Learn sun, mall and arrivals from training years, those of sun and mall by regression.

    Parameters
    ----------
    training
        Years of one plant.
    horizon
        Hours to look ahead, the present one included.
    surplus_quantile
        Quantile of PV less demand to plan for.
    """
    clear = _clear_sky_envelope(training)
    shape = _mall_shape(training)
    tables = [arrival_energies(year) for year in training]
    longest = max(early.shape[1] for early, _ in tables)
    model = ForecastModel(
        pv_clear_kwh=_table(clear),
        pv_weights=_cube(_fit_pv(training, clear, horizon)),
        mall_shape_kwh=_table(shape),
        mall_weights=_cube(_fit_mall(training, shape, horizon)),
        arrivals_early_kwh=_cube(_mean_arrivals(training, [early for early, _ in tables], longest)),
        arrivals_late_kwh=_cube(_mean_arrivals(training, [late for _, late in tables], longest)),
        surplus_quantile=0.5,
        surplus_margin_kwh=_table(np.zeros((24, horizon))),
    )
    return with_quantile(model, training, surplus_quantile)


def with_quantile(model: ForecastModel, training: Sequence[PlantData], quantile: float) -> ForecastModel:
    """Return the same forecasts, planning for another quantile of PV less demand.

    A kWh of surplus that a full battery can not take costs more than room kept for surplus that does not come. The
    margin is the quantile of the forecasts' errors on the training years, in the hours of sun; at 0.5 there is none.
    """
    margin = np.zeros((24, model.horizon))
    if quantile != 0.5:
        errors, lit = _surplus_errors(model, training)
        for hour in range(24):
            margin[hour] = np.where(lit[hour], np.quantile(errors[hour], quantile, axis=0), 0.0)
        # The present hour is metered: it needs no margin.
        margin[:, 0] = 0.0
    return model.model_copy(update={"surplus_quantile": quantile, "surplus_margin_kwh": _table(margin)})


def with_weights(model: ForecastModel, kind: str, pv: FloatArray, mall: FloatArray) -> ForecastModel:
    """Return the forecast with other weights of PV, (24, H, 4), and mall, (24, H, 5), without a margin."""
    margin = _table(np.zeros((24, model.horizon)))
    return model.model_copy(update={
        "kind": kind, "pv_weights": _cube(pv), "mall_weights": _cube(mall), "surplus_quantile": 0.5,
        "surplus_margin_kwh": margin,
    })  # fmt: skip


def worse_margin(model: ForecastModel, training: Sequence[PlantData], quantile: float) -> Table:
    """Quantile of what PV less demand turns out above expectation, by hour of day and lead, shape (24, H) [kWh]."""
    errors, _ = _surplus_errors(model, training)
    margin = np.stack([np.quantile(error, quantile, axis=0) for error in errors])
    margin[:, 0] = 0.0
    return _table(margin)


def _surplus_errors(model: ForecastModel, training: Sequence[PlantData]) -> tuple[list[FloatArray], NDArray[np.bool_]]:
    """Errors of PV less demand by hour of day, each (days, H), and whether the sun shines then, (24, H)."""
    errors, expected = [], []
    for year in training:
        pv_kwh, mall_kwh = plain_energies(year, model)
        truth = (year.pv_kwh - year.mall_kwh)[hours_ahead(year.hours, model.horizon)]
        errors.append(truth - (pv_kwh - mall_kwh))
        expected.append(pv_kwh)
    hours = np.concatenate([year.calendar[:, 0] for year in training])
    error, sun = np.concatenate(errors), np.concatenate(expected)
    lit = np.stack([sun[hours == hour].mean(axis=0) for hour in range(24)]) > SUNLIT * float(sun.max())
    return [error[hours == hour] for hour in range(24)], lit


def arrival_energies(data: PlantData) -> tuple[FloatArray, FloatArray]:
    """Energy of the vehicles that arrive in an hour, by hours since; both (N, longest stay) [kWh].

    First charged at full power at once, then at full power as late as their departure allows.
    """
    sessions, power = data.sessions, data.params.socket_kw
    need, stay = session_needs(data.params, sessions), sessions.departure - sessions.arrival
    need = np.minimum(need, power * stay)
    longest = max(int(stay.max(initial=1)), 1)
    early, late = np.zeros((data.hours, longest)), np.zeros((data.hours, longest))
    for since in range(longest):
        there = stay > since
        at_once = np.clip(need - power * since, 0.0, power)
        last = guard_kw(need, stay - since, power)
        np.add.at(early[:, since], sessions.arrival[there], at_once[there])
        np.add.at(late[:, since], sessions.arrival[there], last[there])
    return early, late


def hours_ahead(hours: int, horizon: int) -> IntArray:
    """Hour of the year of each lead, shape (N, H); after the last the first follows."""
    result: IntArray = (np.arange(hours)[:, None] + np.arange(horizon)[None, :]) % hours
    return result


def _still_to_come(energies: FloatArray, horizon: int) -> FloatArray:
    """Energy in each of the next hours of vehicles that arrive after the present one, shape (N, H)."""
    hours, longest = energies.shape
    result = np.zeros((hours, horizon))
    for lead in range(1, horizon):
        for since in range(min(lead, longest)):
            result[:, lead] += np.roll(energies[:, since], -(lead - since))
    return result


def _clear_sky_envelope(training: Sequence[PlantData]) -> FloatArray:
    """Upper envelope of PV by week of the year and hour of day, from five weeks around it, shape (53, 24)."""
    daily = [year.pv_kwh.reshape(-1, 24) for year in training]
    result = np.zeros((53, 24))
    for week in range(53):
        days = np.arange(7 * (week - 2), 7 * (week + 3))
        around = np.concatenate([year[days % len(year)] for year in daily])
        result[week] = np.quantile(around, 0.98, axis=0)
    return result


def clear_kwh(data: PlantData, envelope: FloatArray) -> FloatArray:
    """PV under a clear sky in each hour, shape (N,) [kWh], from an envelope by week and hour of day, (53, 24)."""
    result: FloatArray = envelope[np.arange(data.hours) // WEEK, data.calendar[:, 0]]
    return result


def clearness(data: PlantData, clear: FloatArray) -> FloatArray:
    """Features of PV at each hour: 1 and the clearness of the last 3, 24 and 72 hours, shape (N, 4)."""
    threshold = SUNLIT * float(clear.max())
    columns = [np.ones(data.hours)]
    # At night the clearness of the next longer window stands in for that of the shorter one.
    for hours in (72, 24, 3):
        lit = trailing_sum(clear, hours)
        ratio = np.divide(trailing_sum(data.pv_kwh, hours), lit, out=columns[-1].copy(), where=lit > threshold)
        columns.append(ratio)
    return np.column_stack([columns[0], columns[3], columns[2], columns[1]])


def _expect_pv(data: PlantData, model: ForecastModel, hours: slice) -> FloatArray:
    clear = clear_kwh(data, np.array(model.pv_clear_kwh))
    weights = np.array(model.pv_weights)[data.calendar[hours, 0]]
    share = (weights * clearness(data, clear)[hours, None, :]).sum(axis=2)
    most = max(float(clear.max()), 0.0)
    expected: FloatArray = np.clip(clear[hours_ahead(data.hours, model.horizon)[hours]] * share, 0.0, most)
    expected[:, 0] = data.pv_kwh[hours]
    return expected


def _fit_pv(training: Sequence[PlantData], envelope: FloatArray, horizon: int) -> FloatArray:
    clears = [clear_kwh(year, envelope) for year in training]
    features = [clearness(year, clear) for year, clear in zip(training, clears, strict=True)]

    def samples(year: int, now: IntArray, lead: int) -> tuple[FloatArray, FloatArray]:
        return features[year][now] * clears[year][now + lead, None], training[year].pv_kwh[now + lead]

    return _fit_by_hour(training, horizon, 4, samples)


def _fit_by_hour(training: Sequence[PlantData], horizon: int, features: int, samples: Samples) -> FloatArray:
    """Weights of a regression for each hour of day and lead, shape (24, H, features); 0 at lead 0, which is metered."""
    result = np.zeros((24, horizon, features))
    for lead in range(1, horizon):
        hours = [year.calendar[: year.hours - lead, 0] for year in training]
        for hour in range(24):
            now = [np.flatnonzero(of_year == hour) for of_year in hours]
            result[hour, lead] = _regress([samples(year, rows, lead) for year, rows in enumerate(now)])
    return result


def _mall_shape(training: Sequence[PlantData]) -> FloatArray:
    """Mean day of each type, shape (8, 24); a type that no training year holds is taken for a Sunday."""
    values = np.concatenate([year.mall_kwh for year in training])
    calendar = np.concatenate([year.calendar for year in training])
    slot = (calendar[:, 2] - 1) * 24 + calendar[:, 0]
    count = np.bincount(slot, minlength=DAY_TYPES * 24).reshape(DAY_TYPES, 24)
    total = np.bincount(slot, values, minlength=DAY_TYPES * 24).reshape(DAY_TYPES, 24)
    return _filled(total, count)


def _filled(total: NDArray[Any], count: IntArray) -> FloatArray:
    mean: FloatArray = total / np.maximum(count, 1).reshape(count.shape + (1,) * (total.ndim - count.ndim))
    for kind in np.flatnonzero(count.min(axis=1) == 0):
        mean[kind] = mean[6]
    return mean


def deviations(data: PlantData, shape: FloatArray, lead: int) -> FloatArray:
    """Features of the mall's deviation from its shape `lead` hours ahead, 0 where nothing is known; shape (N, 5)."""
    off = data.mall_kwh - shape[data.calendar[:, 2] - 1, data.calendar[:, 0]]
    known = np.arange(1, data.hours + 1)
    columns = [off, *(trailing_sum(off, hours) / np.minimum(known, hours) for hours in (24, WEEK))]
    for period in (24, WEEK):
        # The last hour of the same time of day (of the week) that is metered when the forecast is made.
        back = -(-max(lead, 1) // period) * period - lead
        columns.append(np.concatenate([np.zeros(min(back, data.hours)), off[: max(data.hours - back, 0)]]))
    return np.column_stack(columns)


def _expect_mall(data: PlantData, model: ForecastModel, hours: slice) -> FloatArray:
    shape, weights = np.array(model.mall_shape_kwh), np.array(model.mall_weights)
    course = shape[data.calendar[:, 2] - 1, data.calendar[:, 0]]
    expected = course[hours_ahead(data.hours, model.horizon)[hours]]
    hour = data.calendar[hours, 0]
    for lead in range(1, model.horizon):
        expected[:, lead] += (weights[hour, lead] * deviations(data, shape, lead)[hours]).sum(axis=1)
    expected[:, 0] = data.mall_kwh[hours]
    result: FloatArray = np.maximum(expected, 0.0)
    return result


def _fit_mall(training: Sequence[PlantData], shape: FloatArray, horizon: int) -> FloatArray:
    offs = [year.mall_kwh - shape[year.calendar[:, 2] - 1, year.calendar[:, 0]] for year in training]
    known = lru_cache(len(training))(lambda year, lead: deviations(training[year], shape, lead))

    def samples(year: int, now: IntArray, lead: int) -> tuple[FloatArray, FloatArray]:
        return known(year, lead)[now], offs[year][now + lead]

    return _fit_by_hour(training, horizon, 5, samples)


def _regress(parts: Sequence[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """Ridge regression of targets on features, both in parts; zeros where there is nothing to explain."""
    # BLAS would multiply faster, and on each processor in an order of its own.
    features, targets = (np.concatenate(part) for part in zip(*parts, strict=True))
    gram = (features[:, :, None] * features[:, None, :]).sum(axis=0)
    moment = (features * targets[:, None]).sum(axis=0)
    ridge = _RIDGE * float(np.trace(gram)) / len(gram)
    if ridge <= 0.0:
        return np.zeros(len(gram))
    return solved(gram + ridge * np.eye(len(gram)), moment)


def _mean_arrivals(training: Sequence[PlantData], energies: Sequence[FloatArray], longest: int) -> FloatArray:
    """Mean energies by day type and hour of arrival, shape (8, 24, L)."""
    total, count = np.zeros((DAY_TYPES * 24, longest)), np.zeros(DAY_TYPES * 24, dtype=np.int64)
    for year, energy in zip(training, energies, strict=True):
        slot = (year.calendar[:, 2] - 1) * 24 + year.calendar[:, 0]
        np.add.at(total[:, : energy.shape[1]], slot, energy)
        count += np.bincount(slot, minlength=DAY_TYPES * 24)
    return _filled(total.reshape(DAY_TYPES, 24, longest), count.reshape(DAY_TYPES, 24))


def _table(values: FloatArray) -> Table:
    return tuple(tuple(float(value) for value in row) for row in values)


def _cube(values: FloatArray) -> Cube:
    return tuple(_table(part) for part in values)
