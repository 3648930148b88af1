"""Products and small systems of equations, the same to the last digit on every processor; BLAS is not asked."""

from __future__ import annotations

import math

import numpy as np

from pvbesscar.arithmetic.functions import FloatArray, compiled


@compiled
def _solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    size = right.size
    lower = np.zeros((size, size))
    x = np.zeros(size)
    for i in range(size):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= lower[i, k] * lower[j, k]
            lower[i, j] = math.sqrt(total) if i == j else total / lower[j, j]
    for i in range(size):
        total = right[i]
        for k in range(i):
            total -= lower[i, k] * x[k]
        x[i] = total / lower[i, i]
    for i in range(size - 1, -1, -1):
        total = x[i]
        for k in range(i + 1, size):
            total -= lower[k, i] * x[k]
        x[i] = total / lower[i, i]
    return x


def solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Solve `matrix @ x = right` by Cholesky's method, row by row.

    Parameters
    ----------
    matrix
        Symmetric and positive definite, shape (n, n), n small.
    right
        Shape (n,).

    Returns
    -------
    array
        x, shape (n,); NaN where the matrix is not positive definite.
    """
    result: FloatArray = _solved(np.ascontiguousarray(matrix), np.ascontiguousarray(right))
    return result


def dot(a: FloatArray, b: FloatArray) -> float:
    """Sum of the products of two arrays of shape (N,), in NumPy's order, which BLAS does not keep."""
    return float((a * b).sum())
