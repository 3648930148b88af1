"""The advice of every rule, followed on its planted fault: the gate is then content, or names another fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pvbesscar.quality.engine import apply
from pvbesscar.quality.year.judge import judge
from pvbesscar.quality.year.rules import YEAR_RULES
from tests.quality.faults import FAULTS, Fault
from tests.quality.mends import MENDS, mends_of
from tests.quality.test_quality_catalogue import clean_at
from tests.quality.years import IQUITOS, clean_context, only

ONE_OF_EACH = tuple({fault.rule: fault for fault in reversed(FAULTS)}.values())


def test_advice_is_followed_for_rules_that_there_are() -> None:
    assert set(MENDS) <= {rule.id for rule in YEAR_RULES.all()}


def follow(fault: Fault, folder: Path) -> None:
    clean = clean_at(IQUITOS, 3)
    spoilt = fault.inject(clean, np.random.default_rng([3, *fault.kind.encode()]))
    finding = next(apply(YEAR_RULES.find(fault.rule), spoilt))
    for mend in mends_of(fault.rule):
        assert mend.says in finding.fix
        # The rule alone: other rules may name what is left.
        left = [*apply(YEAR_RULES.find(fault.rule), mend.apply(spoilt, clean, finding, folder))]
        assert left == [], mend.says


@pytest.mark.parametrize("fault", [f for f in ONE_OF_EACH if f.rule in MENDS], ids=lambda fault: fault.rule)
def test_what_a_rule_advises_mends_its_fault(fault: Fault, tmp_path: Path) -> None:
    follow(fault, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.kind)
def test_what_the_rules_advise_mends_every_planted_fault(fault: Fault, tmp_path: Path) -> None:
    follow(fault, tmp_path)


def test_a_leap_year_without_its_leap_day_is_what_the_calendar_asks_for(tmp_path: Path) -> None:
    leap = clean_context(site=clean_context().settings.site.model_dump() | {"year": 2024})
    finding = next(one for one in judge(leap) if one.rule == "time.calendar")
    mended = mends_of("time.calendar")[0].apply(leap, clean_at(IQUITOS, 3), finding, tmp_path)
    assert judge(mended) == ()


def test_only_the_whole_leap_day_may_be_left_out(tmp_path: Path) -> None:
    leap = clean_context(site=clean_context().settings.site.model_dump() | {"year": 2024})
    finding = next(one for one in judge(leap) if one.rule == "time.calendar")
    mended = mends_of("time.calendar")[0].apply(leap, clean_at(IQUITOS, 3), finding, tmp_path)
    later = mended.frames["pv"].drop(index=range(1416, 1419)).reset_index(drop=True)
    assert only(mended.with_frame("pv", later), "time.gaps").observed == "27 hours missing in 1 places"


def test_opening_hours_are_advised_where_a_scenario_can_have_them() -> None:
    clean = clean_at(IQUITOS, 3)
    early, late = (
        clean.with_frame("mall", clean.frames["mall"].assign(mall_kwh=np.roll(clean.values("mall", "mall_kwh"), lag)))
        for lag in (-4, 5)
    )
    assert "set `mall.open_hours` to [5, 19]" in only(early, "mall.time_shift").fix
    assert "open_hours" not in only(late, "mall.time_shift").fix
