"""How near the days of test weeks are to those of training weeks: where they are the same, a test proves little.

Measured in a day's energy: the share of it that stands in other hours than in the most alike training day.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pvbesscar.dataset.years import DAYS, WEEK, Nominal

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

DIGITS = 6
"""Decimals of a share."""


def nearness(nominal: Nominal, test: IntArray, training: IntArray) -> dict[str, dict[str, float]]:
    """Share of a test day's energy in other hours than in its nearest training day, over the days of the test weeks.

    Parameters
    ----------
    test, training
        Weeks (0 to 51) of the two pools.

    Returns
    -------
    dict
        For `mall_kwh`, `ev_kwh` (energy that vehicles require, at the hour of their arrival) and `pv_kwh`: `median`
        and `tenth`, which nine of ten test days exceed, both as ratios.
    """
    hourly, sessions = nominal.hourly, nominal.sessions
    need = (sessions["required_soc"] - sessions["arrival_soc"]).clip(lower=0.0) * sessions["battery_kwh"]
    arrivals = np.bincount(sessions["arrival"].to_numpy(np.int64), weights=need.to_numpy(), minlength=24 * DAYS)
    series = {name: hourly[name].to_numpy(np.float64) for name in ("mall_kwh", "pv_kwh")}
    series["ev_kwh"] = arrivals
    return {
        name: _summary(distances(series[name].reshape(DAYS, 24), _days(test), _days(training)))
        for name in ("mall_kwh", "ev_kwh", "pv_kwh")
    }


def distances(days: FloatArray, test: IntArray, training: IntArray) -> FloatArray:
    """Share of each test day's energy in other hours than in its nearest training day, shape (test days,).

    Half of the sum over the hours of the absolute difference of their shares of the day [1]; a day without energy is at
    distance 0 of another such day, and at 1 of every other.

    Parameters
    ----------
    days
        Energy of each hour of each day, shape (days, 24) [kWh].
    test, training
        Rows of the days.
    """
    totals = days.sum(axis=1, keepdims=True)
    shares = np.divide(days, totals, out=np.zeros_like(days), where=totals > 0.0)
    apart = np.abs(shares[test][:, None, :] - shares[training][None, :, :]).sum(axis=2) / 2.0
    dark = totals[:, 0] <= 0.0
    apart[dark[test][:, None] != dark[training][None, :]] = 1.0
    nearest: FloatArray = apart.min(axis=1)
    return nearest


def _days(weeks: IntArray) -> IntArray:
    days: IntArray = (weeks[:, None] * WEEK + np.arange(WEEK)).ravel()
    return days


def _summary(shares: FloatArray) -> dict[str, float]:
    ordered = np.sort(shares, kind="stable")
    middle = (ordered[(ordered.size - 1) // 2] + ordered[ordered.size // 2]) / 2.0
    return {"median": round(float(middle), DIGITS), "tenth": round(float(ordered[ordered.size // 10]), DIGITS)}
