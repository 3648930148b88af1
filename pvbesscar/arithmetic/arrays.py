"""Arrays on which other packages' formulas come out the same on every processor.

pvlib writes `np.cos(x)` and `x**-1.6`. NumPy asks an array of this kind how to compute them, by the protocol of NEP 13
(https://numpy.org/neps/nep-0013-ufunc-overrides.html), and gets the functions of `functions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pvbesscar.arithmetic import functions

OWN: dict[np.ufunc, Callable[..., Any]] = {
    np.exp: functions.exp,
    np.log: functions.log,
    np.power: functions.power,
    np.sin: functions.sin,
    np.cos: functions.cos,
    np.tan: functions.tan,
    np.arcsin: functions.arcsin,
    np.arccos: functions.arccos,
    np.arctan: functions.arctan,
    np.arctan2: functions.arctan2,
    np.tanh: functions.tanh,
}
EXACT = frozenset({
    np.add, np.subtract, np.multiply, np.divide, np.negative, np.absolute, np.sqrt, np.square, np.reciprocal,
    np.floor, np.ceil, np.rint, np.remainder, np.floor_divide, np.degrees, np.rad2deg, np.radians, np.deg2rad,
    np.maximum, np.minimum, np.fmax, np.fmin, np.clip, np.isnan, np.isfinite, np.isinf,
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
    np.logical_and, np.logical_or, np.logical_not, np.bitwise_and, np.bitwise_or, np.invert,
})  # fmt: skip
"""Functions that IEEE 754 fixes, or that are one product with a constant."""


class SameEverywhere(np.ndarray[Any, np.dtype[Any]]):
    """Array whose functions give the same digits on every processor; so do those of all that is computed from it.

    A function that is known to be neither ours nor exact is refused. A single element, `x[0]`, is a plain number.
    """

    def __array_ufunc__(
        self,
        ufunc: np.ufunc,
        method: str,
        *inputs: Any,  # noqa: ANN401
        out: tuple[Any, ...] = (),
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        if ufunc in OWN and method == "__call__":
            function = OWN[ufunc]
            inputs = tuple(np.asarray(one, dtype=np.float64) for one in inputs)
        elif ufunc in EXACT:
            function = getattr(ufunc, method)
            inputs = tuple(np.asarray(one) for one in inputs)
        else:
            msg = f"np.{ufunc.__name__} is not known to give the same digits on every processor"
            raise TypeError(msg)
        if out:
            options["out"] = tuple(np.asarray(one) for one in out)
        result = function(*inputs, **options)
        return out[0] if out else _same_everywhere(result)

    def __array_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Iterable[Any], kwargs: Mapping[str, Any]
    ) -> Any:  # noqa: ANN401
        return _same_everywhere(super().__array_function__(func, types, args, kwargs))


def _same_everywhere(result: Any) -> Any:  # noqa: ANN401
    numbers = isinstance(result, np.ndarray | np.generic)
    return np.asarray(result).view(SameEverywhere) if numbers else result


def same_everywhere(values: ArrayLike) -> SameEverywhere:
    """Return numbers, of any shape, as such an array of 64-bit floats; a single number as one without axes."""
    return np.asarray(values, dtype=np.float64).view(SameEverywhere)
