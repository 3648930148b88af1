"""How near test days are to training days, on days that can be counted on paper."""

from __future__ import annotations

import numpy as np
import pytest

from pvbesscar.dataset.nearness import distances
from pvbesscar.dataset.scenarios import ScenarioStore
from pvbesscar.report.caveats import near
from pvbesscar.store.workspace import Workspace
from pvbesscar.words import words_in


def test_distance_is_the_share_of_energy_in_other_hours_whatever_the_level() -> None:
    days = np.zeros((5, 24))
    days[0, 10:14] = 1.0  # training: four equal hours
    days[1, 10:14] = 3.0  # the same day, three times the energy
    days[2, 10:15] = 1.0  # a fifth of its energy is in another hour
    days[3, 0:4] = 1.0  # nothing in common
    test = np.array([1, 2, 3, 4])
    assert distances(days, test, np.array([0])) == pytest.approx([0.0, 0.2, 1.0, 1.0])
    # Of several training days the nearest counts; a dark day is as another dark day.
    days = np.vstack([days, np.zeros((1, 24))])
    assert distances(days, test, np.array([0, 3, 5])) == pytest.approx([0.0, 0.2, 0.0, 0.0])


def test_the_default_is_stored_with_its_scenarios(site_workspace: Workspace) -> None:
    found = ScenarioStore(site_workspace.dataset).nearness()
    assert list(found) == ["mall_kwh", "ev_kwh", "pv_kwh"]
    for own in found.values():
        assert 0.0 < own["tenth"] < own["median"] < 0.1


def test_where_days_are_the_same_the_report_says_that_a_test_proves_little() -> None:
    words = words_in("en")
    far = {name: {"median": 0.05, "tenth": 0.03} for name in ("mall_kwh", "ev_kwh", "pv_kwh")}
    assert near(far, words) == []
    alike = far | {"ev_kwh": {"median": 0.0008, "tenth": 0.0005}, "mall_kwh": {"median": 0.007, "tenth": 0.006}}
    (warned,) = near(alike, words)
    assert "differ by less than 1 % in mall demand and vehicles: a test proves little" in warned
    assert near({}, words) == []
