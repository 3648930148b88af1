"""Elementary functions against the same in extended precision, draws against those of NumPy, a small system."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from pvbesscar.arithmetic import draws, functions, linear

Array = NDArray[np.float64]
ANGLES = np.concatenate([np.linspace(-30.0, 30.0, 60_001), np.linspace(-1e4, 1e4, 60_001)])
POSITIVE = np.logspace(-8, 8, 60_001)
SINES = np.linspace(-1.0, 1.0, 60_001)


def ulps(found: Array, exact: NDArray[np.longdouble]) -> float:
    rounded = exact.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return float(np.nanmax(np.abs(found - rounded) / np.spacing(np.abs(rounded))))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((name, ANGLES) for name in ("sin", "cos", "tan", "arctan")),
        ("exp", np.linspace(-700.0, 700.0, 60_001)),
        ("log", POSITIVE),
        *((name, SINES) for name in ("arcsin", "arccos")),
        ("tanh", np.concatenate([SINES, 1e-9 * SINES, ANGLES])),
    ],
)
def test_functions_are_right_to_the_last_digits(name: str, arguments: Array) -> None:
    if np.finfo(np.longdouble).nmant < 60:
        pytest.skip("this machine has no extended precision to hold the functions against")
    exact = getattr(np, name)(arguments.astype(np.longdouble))
    assert ulps(getattr(functions, name)(arguments), exact) <= 3.0


@pytest.mark.parametrize("exponent", [-1.6364, 1.0 / 0.1902632, 0.37, 2.0, 3.0, 10.0, -2.0, 0.5, 0.0])
def test_powers(exponent: float) -> None:
    x = np.logspace(-3, 3, 10_001)
    assert functions.power(x, exponent) == pytest.approx(x**exponent, rel=1e-14)


def test_what_is_no_number_and_where_functions_end() -> None:
    assert functions.exp(np.array([-1e4, 1e4, np.inf, -np.inf])).tolist() == [0.0, np.inf, np.inf, 0.0]
    assert functions.log(np.array([0.0, np.inf])).tolist() == [-np.inf, np.inf]
    assert functions.power(np.array([0.0, 0.0, 4.0]), np.array([0.3, -0.3, -0.5])).tolist() == [0.0, np.inf, 0.5]
    assert functions.arctan2(np.array([0.0, 0.0, 1.0, -1.0]), np.array([1.0, -1.0, 0.0, 0.0])).tolist() == [
        0.0, math.pi, math.pi / 2.0, -math.pi / 2.0,
    ]  # fmt: skip
    for name in ("exp", "log", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "tanh"):
        assert np.isnan(getattr(functions, name)(np.nan)), name
    assert np.isnan([functions.log(-1.0), functions.power(-1.0, 0.3), functions.arcsin(1.1), functions.sin(1e7)]).all()


@pytest.mark.parametrize("seed", range(5))
def test_normal_draws_are_those_of_numpy_and_so_are_the_next(seed: int) -> None:
    own, theirs = np.random.default_rng(seed), np.random.default_rng(seed)
    for generator in (own, theirs):
        generator.integers(5, dtype=np.int32)  # half a word is kept
    found, expected = draws.standard_normal(own, 100_000), theirs.standard_normal(100_000)
    assert np.abs(found).max() > 3.7  # the tail is among them
    assert found == pytest.approx(expected, rel=1e-14, abs=0.0)
    assert own.bit_generator.state == theirs.bit_generator.state
    assert own.integers(5, dtype=np.int32, size=9).tolist() == theirs.integers(5, dtype=np.int32, size=9).tolist()


def test_beta_draws_are_those_of_numpy_and_so_are_the_next() -> None:
    own, theirs = np.random.default_rng(1), np.random.default_rng(1)
    found, expected = draws.beta(own, 2.2, 2.8, (500, 200)), theirs.beta(2.2, 2.8, (500, 200))
    assert found == pytest.approx(expected, rel=1e-14, abs=0.0)
    assert own.random() == theirs.random()
    with pytest.raises(ValueError, match="drawn in another way"):
        draws.beta(own, 1.0, 2.8, (5,))


def test_draws_go_on_where_the_first_words_did_not_suffice() -> None:
    generator = np.random.default_rng(3)
    found = draws._drawn(generator, 10_000, 0.2, functions.normals)
    assert found == pytest.approx(np.random.default_rng(3).standard_normal(10_000), rel=1e-14, abs=0.0)


def test_a_small_system() -> None:
    # 4x + 2y = 10, 2x + 3y = 11
    assert linear.solved(np.array([[4.0, 2.0], [2.0, 3.0]]), np.array([10.0, 11.0])) == pytest.approx([1.0, 3.0])
    assert np.isnan(linear.solved(np.array([[1.0, 2.0], [2.0, 1.0]]), np.ones(2))).any()
