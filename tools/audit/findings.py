"""What a check compared, and the table of all checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

SHOWN = 5
"""Differences of one check that are printed."""


@dataclass
class Check:
    """Comparisons of one kind, with one tolerance.

    Attributes
    ----------
    name
        What is compared with what.
    tolerance
        Absolute difference that is none.
    """

    name: str
    tolerance: float = 0.0
    compared: int = 0
    largest: float = 0.0
    differences: list[str] = field(default_factory=list)

    def values(self, where: str, found: ArrayLike, expected: ArrayLike, scale: float = 1.0) -> None:
        """Compare numbers, element by element; `scale` is what the tolerance is a share of."""
        ours, theirs = np.broadcast_arrays(np.asarray(expected, np.float64), np.asarray(found, np.float64))
        away = np.abs(theirs - ours) / scale
        away = np.where(np.isnan(ours) & np.isnan(theirs), 0.0, np.where(np.isnan(away), np.inf, away))
        self.compared += away.size
        if away.size == 0:
            return
        worst = int(np.argmax(away))
        self.largest = max(self.largest, float(away.flat[worst]))
        if float(away.flat[worst]) > self.tolerance:
            at = f", entry {worst}" if away.size > 1 else ""
            self.differences.append(f"{where}{at}: {theirs.flat[worst]:.10g}, audited {ours.flat[worst]:.10g}")

    def table(self, where: str, found: Mapping[str, float | None], expected: Mapping[str, float | None]) -> None:
        """Compare the figures that both have by name, in parts of their size; only one of them none is a difference."""
        for name in found.keys() & expected.keys():
            ours, theirs = expected[name], found[name]
            if ours is None or theirs is None:
                self.true(f"{where}, {name}: {theirs}, audited {ours}", holds=ours is theirs)
            else:
                self.values(f"{where}, {name}", theirs, ours, scale=max(abs(ours), 1.0))

    def true(self, what: str, *, holds: bool) -> None:
        """Note something that must hold, with `what` it is where it does not."""
        self.compared += 1
        if not holds:
            self.differences.append(what)

    @property
    def holds(self) -> bool:
        """Whether something was compared, and nothing differs."""
        return self.compared > 0 and not self.differences


def report(checks: Iterable[Check]) -> str:
    """Table of the checks, then what differs."""
    rows = [("check", "compared", "largest difference", "tolerance", "verdict")]
    told: list[str] = []
    for check in checks:
        verdict = (
            "equal" if check.holds else f"{len(check.differences)} DIFFER" if check.compared else "NOTHING COMPARED"
        )
        rows.append((check.name, f"{check.compared:,}", f"{check.largest:.1e}", f"{check.tolerance:g}", verdict))
        told += [f"{check.name}: {text}" for text in check.differences[:SHOWN]]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *([""] if told else []), *told])
