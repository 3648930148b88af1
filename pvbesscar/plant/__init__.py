"""The plant: parameters, data of a year, state, actions, observation and reward.

Everything here is a function of arrays, compiled with Numba; simulators only produce the state. Imports neither
Stable-Baselines3, torch nor (but for `citylearn_sim`) CityLearn.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numba

from pvbesscar.store import fingerprints

_HERE = Path(__file__).resolve().parent


@cache
def code_digest() -> str:
    """SHA-256 over the code of this package: the identity of the compiled physics. Comments do not count."""
    return fingerprints.code_digest(__name__)


# Numba renews its cache when the file of a function changes, not when a function it calls does: compiled physics
# of yesterday would survive. A cache folder named by the sources can not be stale.
numba.config.CACHE_DIR = str(_HERE / "__pycache__" / f"numba-{code_digest()[:16]}")
