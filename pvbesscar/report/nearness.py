"""What the report says of how near the test days are to the training days."""

from __future__ import annotations

from collections.abc import Mapping

NEAR = 0.01
"""Median share of a day's energy below which a test on other days proves little."""
NAMES = {"mall_kwh": "mall demand", "ev_kwh": "vehicles", "pv_kwh": "PV"}


def nearness_sentences(nearness: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Sentences on how near test days are; none where it was not measured."""
    if not nearness:
        return []
    shares = ", ".join(f"{NAMES[name]} {found['median']:.2%}" for name, found in nearness.items())
    said = "Beside its most alike training day, a test day has at the median this share of its energy in other hours: "
    sentences = [f"{said}{shares}."]
    near = [NAMES[name] for name, found in nearness.items() if found["median"] < NEAR]
    if near:
        sentences.append(
            f"Below {NEAR:.0%} test and training days are the same days but for their level, so that a test proves "
            f"little of what a controller does with {' and '.join(near)} that it has not seen."
        )
    return sentences
