"""What of a processor decides the last digits of functions that are not `functions`: for the record of a run."""

from __future__ import annotations

import hashlib
import math
import os
import platform
from pathlib import Path

PROBES = tuple(0.37 * k for k in range(1, 4000))
"""The C library's variants of a function differ at about one argument in a thousand."""


def features() -> dict[str, str]:
    """Code that NumPy, the C library, BLAS and Numba choose on this processor, by name; some five short entries."""
    from threadpoolctl import threadpool_info

    dispatched = _dispatched()  # loads NumPy, and with it its BLAS
    kernels = [f"{one['architecture']}, {one['num_threads']} threads" for one in threadpool_info() if _numpys(one)]
    return {
        "machine": platform.machine(),
        "C library": f"{' '.join(platform.libc_ver())}, functions {_functions_of_libm()}",
        "NumPy": " ".join(dispatched),
        "BLAS": " ".join(kernels),
        "Numba": _target(),
    }


def _numpys(library: dict[str, object]) -> bool:
    """Whether a library is the BLAS that came with NumPy; SciPy brings another."""
    return library.get("user_api") == "blas" and "numpy.libs" in Path(str(library["filepath"])).parts


def _dispatched() -> list[str]:
    # As `numpy.show_runtime` reads them; there is no public name.
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    return [name for name in __cpu_dispatch__ if __cpu_features__[name]] or ["baseline"]


def _functions_of_libm() -> str:
    """First digits of a digest of what the C library computes: its variants have no names that a program can ask."""
    found = (f"{math.sin(x)!r} {math.exp(-x)!r} {math.log(x)!r} {math.pow(x, 0.7)!r}" for x in PROBES)
    return hashlib.sha256(" ".join(found).encode()).hexdigest()[:8]


def _target() -> str:
    # What Numba itself asks, without its import of half a second.
    from llvmlite.binding import get_host_cpu_name

    return os.environ.get("NUMBA_CPU_NAME") or str(get_host_cpu_name())
