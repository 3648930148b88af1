"""Random draws from NumPy's own streams, the same to the last digit on every processor."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pvbesscar.arithmetic.functions import FloatArray, betas, normals


def standard_normal(generator: np.random.Generator, size: int) -> FloatArray:
    """Draw what `generator.standard_normal(size)` draws, and leave the generator where that leaves it.

    NumPy takes the tail beyond 3.65 from the C library's `log1p`, which hangs on the processor.

    Returns
    -------
    array
        Shape (size,).
    """
    return _drawn(generator, size, 1.1, normals)


def beta(generator: np.random.Generator, a: float, b: float, size: tuple[int, ...]) -> FloatArray:
    """Draw what `generator.beta(a, b, size)` draws, for shapes `a` and `b` above 1; see `standard_normal`."""
    if min(a, b) <= 1.0:
        msg = f"shapes {a:g} and {b:g}: those up to 1 are drawn in another way"
        raise ValueError(msg)
    return _drawn(generator, math.prod(size), 4.6, betas, a, b).reshape(size)


def _drawn(
    generator: np.random.Generator, size: int, words_each: float, draw: Callable[..., None], *shapes: float
) -> FloatArray:
    bits = generator.bit_generator
    assert isinstance(bits, np.random.PCG64)
    before, drawn, place = bits.state, np.empty(size), np.zeros(1, dtype=np.int64)
    amount = int(words_each * size) + 64
    while True:
        bits.state, place[0] = before, 0
        words = bits.random_raw(amount)
        draw(words, place, drawn, *shapes)
        if place[0] <= amount:
            break
        amount *= 2
    bits.state = before
    bits.advance(int(place[0]))
    # Half a word may be kept for the next whole number; no draw here touches it.
    after = bits.state
    after["has_uint32"], after["uinteger"] = before["has_uint32"], before["uinteger"]
    bits.state = after
    return drawn
