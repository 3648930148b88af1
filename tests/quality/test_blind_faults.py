"""The catalogue written from the rules' descriptions alone: what they promise is found, at every site."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest

from pvbesscar.quality.year.judge import judge
from pvbesscar.quality.year.rules import YEAR_RULES
from tests.quality.blind_faults import BLIND_FAULTS, BlindFault
from tests.quality.faults import FAULTS
from tests.quality.test_quality_catalogue import SAMPLE, clean_at
from tests.quality.years import PLACES, Place


def rules_found(fault: BlindFault, place: Place, seed: int) -> set[str]:
    rng = np.random.default_rng([seed, *fault.kind.encode()])
    return {finding.rule for finding in judge(fault.inject(clean_at(place, seed), rng))}


def within_rating(fault: BlindFault, place: Place, seed: int) -> bool:
    """Whether DC power stays below the AC rating all year, in high latitudes: then nothing tells it from AC."""
    year = clean_at(place, seed)
    rng = np.random.default_rng([seed, *fault.kind.encode()])
    return fault.kind == "PV is DC power" and bool(
        fault.inject(year, rng).values("pv", "pv_kwh").max() <= year.settings.pv.ac_kw
    )


def test_the_blind_catalogue_is_large_and_holds_other_kinds_than_the_first() -> None:
    kinds = {fault.kind for fault in BLIND_FAULTS}
    assert len(kinds) == len(BLIND_FAULTS) >= 28
    assert not kinds & {fault.kind for fault in FAULTS}
    assert {*chain.from_iterable(fault.rules for fault in BLIND_FAULTS)} <= {rule.id for rule in YEAR_RULES.all()}


@pytest.mark.parametrize("number", range(len(BLIND_FAULTS)), ids=lambda number: BLIND_FAULTS[number].kind)
def test_each_blind_fault_is_found_by_a_rule_that_promises_it(number: int) -> None:
    fault = BLIND_FAULTS[number]
    place = SAMPLE[number * len(SAMPLE) // len(BLIND_FAULTS)]
    # The plant at 60 N never reaches its AC rating, DC or not; that kind is planted under more sun.
    place = SAMPLE[1] if within_rating(fault, place, 3) else place
    assert rules_found(fault, place, seed=3) & set(fault.rules)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_each_blind_fault_is_found_at_every_site(place: Place) -> None:
    missed = [
        (fault.kind, seed, sorted(found))
        for seed in (0, 1)
        for fault in BLIND_FAULTS
        if not set(fault.rules) & (found := rules_found(fault, place, seed)) and not within_rating(fault, place, seed)
    ]
    assert missed == []
