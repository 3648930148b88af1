"""What is no difference: three ways to the setpoints of the rule, and the resolution in one place."""

from __future__ import annotations

import pytest

from pvbesscar.controllers import registry
from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.baselines import ConstantAction, Rule
from pvbesscar.controllers.reference import no_control_reference
from pvbesscar.controllers.tuned import TunedRule, plain
from pvbesscar.evaluation.ranking import RESOLUTION as RANKED_BY
from pvbesscar.evaluation.resolution import RESOLUTION, differs, gap_open, term_differs
from pvbesscar.evaluation.score import TERM_FIELDS, score, terms
from pvbesscar.plant.twin import Twin
from pvbesscar.quality.expectations import results
from pvbesscar.simulation.rollout import rollout
from schemas.settings import WeightSettings
from tests.controllers.plants import course


def test_three_ways_to_the_rule_are_no_difference() -> None:
    # The rule gives powers in float64, a constant action of 1 reaches them through the action, the plain tuned rule
    # through its tables.
    data = course(28, 1)
    ways: list[Controller] = [Rule(), ConstantAction(1.0), TunedRule(plain(data.params), data)]
    found = [terms([rollout(Twin(data), way)]) for way in ways]
    reference = no_control_reference(data, 0, data.hours)
    scores = [score(own, reference, WeightSettings()) for own in found]
    assert max(scores) - min(scores) < RESOLUTION / 5.0
    assert not differs(scores[0], scores[1])
    for name in TERM_FIELDS:
        for own in found[1:]:
            assert not term_differs(getattr(own, name), getattr(found[0], name), getattr(reference, name)), name
    half = terms([rollout(Twin(data), registry.make("constant-0.5", data))])
    assert differs(score(half, reference, WeightSettings()), scores[0])


def test_it_is_defined_once_and_the_second_reading_agrees() -> None:
    assert RANKED_BY is RESOLUTION
    assert results.RESOLUTION == RESOLUTION == 1e-6


def test_a_gap_is_open_where_it_is_more_than_what_is_not_known() -> None:
    assert gap_open(0.35, 0.34, 0.3401) == pytest.approx(0.01)
    assert gap_open(0.34 + 9e-7, 0.34, 0.34) is None
    assert gap_open(0.3401, 0.34, 0.3402) is None
    assert gap_open(0.3403, 0.34, 0.3402) == pytest.approx(0.0003)


def test_a_term_is_measured_on_the_scale_of_no_control() -> None:
    assert not term_differs(0.1, 0.0, 220_000.0)
    assert term_differs(0.3, 0.0, 220_000.0)
    # A term that no control does not have is measured by what there is of it.
    assert term_differs(1e-3, 0.0, 0.0)
    assert not term_differs(0.0, 0.0, 0.0)
