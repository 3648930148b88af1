"""Elementary functions and random draws, the same to the last digit on every processor.

NumPy and the C library choose their code for `exp`, `sin`, `power` and the like by the processor, and so does BLAS for
products of matrices; the last digits differ. IEEE 754 fixes the result of + - * / and the square root. Everything here
is made of these, in an order that is written down. Numba compiles it without `fastmath`: nothing is reordered and no
product is fused with a sum.

Compiled functions that call each other are in this one file: Numba renews its cache when the file of a function
changes, and by nothing else.
The formulas of the elementary functions and their constants are those of fdlibm (Sun Microsystems, 1993,
https://www.netlib.org/fdlibm/). Errors stay below 3 units in the last place; that of `power` with a fractional
exponent grows with the logarithm of its result, to 3e-14 at 1e40.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit, vectorize

# The tables of NumPy's own sampler, which NumPy itself keeps in C.
from numba.np.random._constants import fi_double, ki_double, wi_double, ziggurat_nor_inv_r, ziggurat_nor_r
from numpy.typing import ArrayLike, NDArray

F = TypeVar("F", bound=Callable[..., Any])
FloatArray = NDArray[np.float64]
Words = NDArray[np.uint64]
Place = NDArray[np.int64]
"""Shape (1,): the word that is drawn next."""

LN2_HIGH, LN2_LOW, PER_LN2 = 6.93147180369123816490e-01, 1.90821492927058770002e-10, 1.44269504088896338700e00
LARGEST_EXPONENT, LEAST_EXPONENT = 709.782712893384, -745.133219101941
SQRT_HALF = 0.70710678118654752440
HALF_PI_1, HALF_PI_1_REST = 1.57079632673412561417e00, 6.07710050650619224932e-11
HALF_PI_2, HALF_PI_2_REST = 6.07710050630396597660e-11, 2.02226624879595063154e-21
PER_HALF_PI = 6.36619772367581382433e-01
LARGEST_ANGLE = 1e6
"""Beyond it [rad] the reduction to a quarter turn loses digits, and the result is NaN; the sun needs 1e4."""
ARC_HIGH = np.array(
    [4.63647609000806093515e-01, 7.85398163397448278999e-01, 9.82793723247329054082e-01, 1.57079632679489655800e00]
)
ARC_LOW = np.array(
    [2.26987774529616870924e-17, 3.06161699786838301793e-17, 1.39033110312309984516e-17, 6.12323399573676603587e-17]
)
WHOLE_POWERS = 64
"""Whole exponents up to this one are made of products."""


def compiled(function: F) -> F:
    """Compile a function; nothing is reordered, and no product is fused with a sum."""
    # Without `numpy` a division by zero would raise instead of giving infinity.
    made: F = njit(cache=True, error_model="numpy")(function)
    return made


@compiled
def _exp(x: float) -> float:
    if math.isnan(x):
        return x
    if x > LARGEST_EXPONENT:
        return np.inf
    if x < LEAST_EXPONENT:
        return 0.0
    k = math.floor(x * PER_LN2 + 0.5)
    high, low = x - k * LN2_HIGH, k * LN2_LOW
    r = high - low
    t = r * r
    c = 6.61375632143793436117e-05 + t * (-1.65339022054652515390e-06 + t * 4.13813679705723846039e-08)
    c = r - t * (1.66666666666666019037e-01 + t * (-2.77777777770155933842e-03 + t * c))
    return math.ldexp(1.0 - ((low - (r * c) / (2.0 - c)) - high), int(k))


@compiled
def _log(x: float) -> float:
    if math.isnan(x) or x < 0.0:
        return np.nan
    if x == 0.0:
        return -np.inf
    if x == np.inf:
        return x
    m, e = math.frexp(x)
    if m < SQRT_HALF:
        m, e = 2.0 * m, e - 1
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = 2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860510511658591e-01)
    even = 2.222219843214978396e-01 + w * 1.531383769920937332e-01
    r = z * (6.666666666666735130e-01 + w * odd) + w * (3.999999999940941908e-01 + w * even)
    half = 0.5 * f * f
    return e * LN2_HIGH - ((half - (s * (half + r) + e * LN2_LOW)) - f)


@compiled
def _log1p(x: float) -> float:
    # The rounding of 1 + x is undone by the quotient: Higham (2002), Accuracy and Stability, section 1.14.1.
    u = 1.0 + x
    if u == 1.0:
        return x
    return _log(u) * x / (u - 1.0)


@compiled
def _power(x: float, y: float) -> float:
    if y == 0.5:
        return math.sqrt(x)
    if abs(y) <= WHOLE_POWERS and y == math.floor(y):
        left, factor, result = int(abs(y)), 1.0 * x, 1.0
        while left:
            if left & 1:
                result *= factor
            left >>= 1
            if left:
                factor *= factor
        return 1.0 / result if y < 0.0 else result
    if x == 0.0:
        return 0.0 if y > 0.0 else np.inf
    return _exp(y * _log(x))


@compiled
def _sine_cosine(x: float) -> tuple[float, float]:
    if not abs(x) <= LARGEST_ANGLE:
        return np.nan, np.nan
    n = math.floor(x * PER_HALF_PI + 0.5)
    whole = x - n * HALF_PI_1
    part = n * HALF_PI_2
    r = whole - part
    rest = n * HALF_PI_2_REST - ((whole - r) - part)
    a = r - rest
    b = (r - a) - rest
    z = a * a
    p = 2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)
    p = 8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 + z * p)
    v = z * a
    sine = a - ((z * (0.5 * b - v * p) - b) + v * 1.66666666666666324348e-01)
    q = -2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)
    q = z * (4.16666666666666019037e-02 + z * (-1.38888888888741095749e-03 + z * (2.48015872894767294178e-05 + z * q)))
    half = 0.5 * z
    w = 1.0 - half
    cosine = w + (((1.0 - w) - half) + (z * q - a * b))
    quarter = int(n) & 3
    if quarter == 0:
        return sine, cosine
    if quarter == 1:
        return cosine, -sine
    if quarter == 2:
        return -sine, -cosine
    return -cosine, sine


@compiled
def _sin(x: float) -> float:
    return _sine_cosine(x)[0]


@compiled
def _cos(x: float) -> float:
    return _sine_cosine(x)[1]


@compiled
def _tan(x: float) -> float:
    sine, cosine = _sine_cosine(x)
    return sine / cosine


@compiled
def _arctan(x: float) -> float:
    size = abs(x)
    place = -1
    if size >= 2.4375:
        size, place = -1.0 / size, 3
    elif size >= 1.1875:
        size, place = (size - 1.5) / (1.0 + 1.5 * size), 2
    elif size >= 0.6875:
        size, place = (size - 1.0) / (size + 1.0), 1
    elif size >= 0.4375:
        size, place = (2.0 * size - 1.0) / (2.0 + size), 0
    z = size * size
    w = z * z
    s = 4.97687799461593236017e-02 + w * 1.62858201153657823623e-02
    s = 9.09088713343650656196e-02 + w * (6.66107313738753120669e-02 + w * s)
    s = z * (3.33333333333329318027e-01 + w * (1.42857142725034663711e-01 + w * s))
    t = -5.83357013379057348645e-02 + w * -3.65315727442169155270e-02
    t = w * (
        -1.99999999998764832476e-01 + w * (-1.11111104054623557880e-01 + w * (-7.69187620504482999495e-02 + w * t))
    )
    if place < 0:
        return x - x * (s + t)
    result: float = ARC_HIGH[place] - ((size * (s + t) - ARC_LOW[place]) - size)
    return -result if x < 0.0 else result


@compiled
def _arctan2(y: float, x: float) -> float:
    if math.isnan(y) or math.isnan(x):
        return np.nan
    if x == 0.0 and y == 0.0:
        return y if math.copysign(1.0, x) > 0.0 else math.copysign(math.pi, y)
    if x == 0.0:
        return math.copysign(0.5 * math.pi, y)
    angle = _arctan(abs(y / x))
    if x < 0.0:
        angle = math.pi - (angle - 1.2246467991473531772e-16)
    return math.copysign(angle, y)


@compiled
def _arcsin(x: float) -> float:
    return _arctan2(x, math.sqrt((1.0 - x) * (1.0 + x)))


@compiled
def _arccos(x: float) -> float:
    return _arctan2(math.sqrt((1.0 - x) * (1.0 + x)), x)


@compiled
def _tanh(x: float) -> float:
    # As in `_log1p`, what rounding takes from exp(z) - 1 is given back by a quotient.
    z = 2.0 * abs(x)
    u = _exp(z)
    if u == 1.0 or u > 1e16:
        return math.copysign(1.0, x) if u > 1.0 else x
    less_one = (u - 1.0) * z / _log(u)
    return math.copysign(less_one / (less_one + 2.0), x)


_of_one: Callable[[Callable[[float], float]], Callable[[ArrayLike], FloatArray]] = vectorize(cache=True)
_of_two: Callable[[Callable[[float, float], float]], Callable[[ArrayLike, ArrayLike], FloatArray]] = vectorize(
    cache=True
)


@_of_one
def exp(x: float) -> float:
    """Exponential function."""
    return _exp(x)


@_of_one
def log(x: float) -> float:
    """Natural logarithm; NaN below zero."""
    return _log(x)


@_of_two
def power(x: float, y: float) -> float:
    """`x` to the power `y`; NaN where `x` is below zero and `y` is no whole number."""
    return _power(x, y)


@_of_one
def sin(x: float) -> float:
    """Sine of an angle [rad]; NaN beyond `LARGEST_ANGLE`."""
    return _sin(x)


@_of_one
def cos(x: float) -> float:
    """Cosine of an angle [rad]; NaN beyond `LARGEST_ANGLE`."""
    return _cos(x)


@_of_one
def tan(x: float) -> float:
    """Tangent of an angle [rad]; NaN beyond `LARGEST_ANGLE`."""
    return _tan(x)


@_of_one
def arcsin(x: float) -> float:
    """Angle of a sine [rad]; NaN beyond 1."""
    return _arcsin(x)


@_of_one
def arccos(x: float) -> float:
    """Angle of a cosine [rad]; NaN beyond 1."""
    return _arccos(x)


@_of_one
def arctan(x: float) -> float:
    """Angle of a tangent [rad]."""
    return _arctan(x)


@_of_two
def arctan2(y: float, x: float) -> float:
    """Angle of the point (x, y) [rad]."""
    return _arctan2(y, x)


@_of_one
def tanh(x: float) -> float:
    """Hyperbolic tangent."""
    return _tanh(x)


@compiled
def _word(words: Words, place: Place) -> np.uint64:
    at = place[0]
    place[0] += 1
    return words[at] if at < words.size else np.uint64(0)


@compiled
def _uniform(words: Words, place: Place) -> float:
    return (_word(words, place) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@compiled
def _normal(words: Words, place: Place) -> float:
    """One draw by the ziggurat of NumPy; where the words do not suffice `place` ends beyond them."""
    while place[0] < words.size:
        word = _word(words, place)
        layer = word & np.uint64(0xFF)
        word >>= np.uint64(8)
        size = (word >> np.uint64(1)) & np.uint64(0x000FFFFFFFFFFFFF)
        x: float = size * wi_double[layer]
        if word & np.uint64(1):
            x = -x
        if size < ki_double[layer]:
            return x
        if layer == 0:
            while place[0] < words.size:
                beyond = -ziggurat_nor_inv_r * _log1p(-_uniform(words, place))
                other = -_log1p(-_uniform(words, place))
                if other + other > beyond * beyond:
                    far: float = ziggurat_nor_r + beyond
                    return -far if (size >> np.uint64(8)) & np.uint64(1) else far
        else:
            height = (fi_double[layer - 1] - fi_double[layer]) * _uniform(words, place) + fi_double[layer]
            if height < _exp(-0.5 * x * x):
                return x
    place[0] = words.size + 1
    return np.nan


@compiled
def _gamma(shape: float, words: Words, place: Place) -> float:
    """One draw by Marsaglia and Tsang (2000), doi:10.1145/358407.358414, as NumPy does it; `shape` above 1."""
    b = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * b)
    while place[0] < words.size:
        v = 0.0
        while v <= 0.0 and place[0] <= words.size:
            x = _normal(words, place)
            v = 1.0 + c * x
        v = v * v * v
        u = _uniform(words, place)
        if u < 1.0 - 0.0331 * (x * x) * (x * x):
            return b * v
        if _log(u) < 0.5 * x * x + b * (1.0 - v + _log(v)):
            return b * v
    place[0] = words.size + 1
    return np.nan


@compiled
def normals(words: Words, place: Place, drawn: FloatArray) -> None:
    """Fill `drawn` with draws of the standard normal distribution, made of the words from `place` on."""
    for i in range(drawn.size):
        drawn[i] = _normal(words, place)


@compiled
def betas(words: Words, place: Place, drawn: FloatArray, a: float, b: float) -> None:
    """Fill `drawn` with draws of a beta distribution, made of the words from `place` on."""
    for i in range(drawn.size):
        one = _gamma(a, words, place)
        other = _gamma(b, words, place)
        drawn[i] = one / (one + other)
