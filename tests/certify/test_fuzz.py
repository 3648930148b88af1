"""Parity on mini-sites drawn at random, and that the draw holds what it should."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pvbesscar.certify.branches import DESCRIPTIONS
from pvbesscar.plant.params import NEED_EPSILON_KWH
from tests.certify.fuzz import CURVES, differences_of, draw

QUICK, ALL = 10, 330


def _check(number: int, root: Path) -> tuple[list[str], set[str]]:
    """Differences of a case in words, and the branches that it reached."""
    case = draw(number)
    found = differences_of(case, root)
    branches = {name for differences in found for name in differences.branches}
    return [f"case {number}, {d.policy}: {d.first}" for d in found if not d.equal], branches


@pytest.mark.parametrize("number", range(QUICK))
def test_a_drawn_site_is_equal_bit_for_bit(number: int, tmp_path: Path) -> None:
    differences, _ = _check(number, tmp_path)
    assert differences == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_all_drawn_sites_are_equal_and_reach_every_branch(tmp_path: Path) -> None:
    differences, reached = [], set()
    for number in range(QUICK, ALL):
        found, branches = _check(number, tmp_path / str(number))
        differences += found
        reached |= branches
        shutil.rmtree(tmp_path / str(number))
    assert differences == []
    assert reached == set(DESCRIPTIONS)


def test_the_draw_holds_every_kind_of_site() -> None:
    """What the sites must contain, counted on the draw itself."""
    counts: dict[str, int] = {}
    for number in range(ALL):
        case = draw(number)
        bess, ev = case.sections["bess"], case.sections["ev"]
        kinds = {f"nothing {name}" for name in case.nothing}
        kinds |= {f"{name} {len(bess[name])} points" for name in ("power_efficiency_curve", "capacity_power_curve")}
        kinds |= {name for name in ("loss_coefficient", "capacity_loss_coefficient") if bess[name] > 0.0}
        kinds |= {"deep discharge"} if bess["depth_of_discharge"] == 1.0 else {"reserve"}
        kinds |= {"least power"} if ev["socket_min_kw"] > 0.0 else set()
        kinds |= {case.sections["control"]["mode"], f"guard {case.sections['control']['departure_guard']}"}
        ends = {(s["socket"], s["departure"]) for s in case.sessions}
        for s in case.sessions:
            stay = s["departure"] - s["arrival"]
            need = (s["required_soc"] - s["arrival_soc"]) * s["battery_kwh"] / ev["charger_efficiency"]
            kinds |= {
                kind
                for kind, holds in {
                    "back to back": (s["socket"], s["arrival"]) in ends,
                    "one hour": stay == 1,
                    "over midnight": s["arrival"] // 24 != (s["departure"] - 1) // 24,
                    "to the year's end": s["departure"] == 8760,
                    "arrives empty": s["arrival_soc"] == 0.0,
                    "arrives below a tenth": 0.0 < s["arrival_soc"] < 0.1,
                    "arrives full": s["arrival_soc"] == 1.0,
                    "infeasible": need > ev["socket_kw"] * stay + NEED_EPSILON_KWH,
                    "window ends within": s["arrival"] < case.start + case.hours < s["departure"],
                    "window begins within": s["arrival"] < case.start < s["departure"],
                }.items()
                if holds
            }
        for kind in kinds:
            counts[kind] = counts.get(kind, 0) + 1
    assert min(counts.values()) >= 10, counts
    assert len(counts) == 31, sorted(counts)
    assert {n for n in range(ALL) if draw(n).nothing} == {n for n in range(ALL) if n % 30 < 3}
    # Both curves take every shape.
    assert {(n % len(CURVES), n // len(CURVES) % len(CURVES)) for n in range(ALL)} == {
        (a, b) for a in range(len(CURVES)) for b in range(len(CURVES))
    }
