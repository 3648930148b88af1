"""The plant: parameters, data of a year, state, actions, observation and reward.

Actions, observation and reward are functions of arrays, compiled with Numba, that both simulators share. Only
`citylearn_sim` imports CityLearn; nothing here imports Stable-Baselines3 or torch.
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


# Numba renews its cache when the file of a function changes, not when a function that it calls in another file does.
# A folder named by the digest of all sources holds no compiled code of older sources.
numba.config.CACHE_DIR = str(_HERE / "__pycache__" / f"numba-{code_digest()[:16]}")
