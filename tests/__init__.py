"""Tests, in processes of one thread each: more threads, of BLAS or the twin, spin beside a network that trains."""

import os

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

# The libraries read these when they are imported, which conftest.py does.
for _name in THREADS:
    os.environ.setdefault(_name, "1")
