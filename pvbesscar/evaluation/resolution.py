"""What differences of J and of its terms are worth naming: below it they are rounding, and no controller's merit."""

from __future__ import annotations

RESOLUTION = 1e-6
"""Differences of J below this are none.

The simulators keep energies as float32, and programs are solved to 1e-7: two ways to the same setpoints differ by less,
which `tests/evaluation/test_resolution.py` shows of the rule, which is there in three ways.
"""


def differs(first: float, second: float) -> bool:
    """Whether two values of J can be told apart."""
    return abs(first - second) >= RESOLUTION


def term_differs(first: float, second: float, scale: float) -> bool:
    """Whether two totals of a term can be told apart; `scale` is its total under no control."""
    return abs(first - second) > RESOLUTION * max(abs(scale), abs(first), abs(second))


def gap_open(rule_j: float, bound: float, replay_j: float) -> float | None:
    """What is open of J between the rule and the bound J*; `None` where that is nothing.

    It is nothing where it can not be told from zero, or from the distance between bound and replayed plan: then nobody
    knows whether the plant could do better than the rule at all.
    """
    is_open = rule_j - bound
    return is_open if is_open > max(RESOLUTION, replay_j - bound) else None
