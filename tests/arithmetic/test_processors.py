"""The same digests on every processor: made again by processes in which each library takes its code for another one.

Nothing that is made sets these variables, so that the libraries do take other code; `raw` proves that they did.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pvbesscar.arithmetic.processor import features
from tests import THREADS

ROOT = Path(__file__).parents[2]
OTHER = {
    "numpy": {"NPY_DISABLE_CPU_FEATURES": features()["NumPy"]},
    # The names before glibc 2.33 end in `_Usable`; it ignores those that it does not know.
    "glibc": {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX2_Usable,-FMA_Usable,-FMA4_Usable"},
    "blas": {"OPENBLAS_CORETYPE": "Nehalem", "OPENBLAS_NUM_THREADS": "1"},
    "numba": {"NUMBA_CPU_NAME": "nehalem", "NUMBA_CPU_FEATURES": ""},
}
ALL: dict[str, str] = {name: value for variables in OTHER.values() for name, value in variables.items()}


def start(root: Path, how_much: str, variables: dict[str, str]) -> subprocess.Popen[str]:
    own = {name: value for name, value in os.environ.items() if name not in {*ALL, *THREADS}}
    command = [sys.executable, "-m", "tests.arithmetic.made", str(root), how_much]
    return subprocess.Popen(command, cwd=ROOT, env=own | variables, stdout=subprocess.PIPE, text=True)


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    text, _ = process.communicate()
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found


def require_another_processor(here: dict[str, Any], there: dict[str, Any], *libraries: str) -> None:
    same = [name for name in libraries if here["raw"][name] == there["raw"][name]]
    if same:
        pytest.skip(f"{', '.join(same)}: this machine has no other code to take, features {here['features']}")


def apart(here: dict[str, Any], there: dict[str, Any]) -> list[str]:
    assert here["made"].keys() == there["made"].keys()
    return [name for name, digest in here["made"].items() if there["made"][name] != digest]


def test_year_dataset_drawn_years_and_forecasts_are_the_same_on_another_processor(tmp_path: Path) -> None:
    processes = [start(tmp_path / name, "quick", more) for name, more in (("here", {}), ("there", ALL))]
    here, there = (answer(process) for process in processes)
    require_another_processor(here, there, *OTHER)
    assert len(here["made"]) > 20
    assert apart(here, there) == []


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What this processor makes of the synthetic default, with fitted controllers and ledgers of a week."""
    return answer(start(tmp_path_factory.mktemp("whole"), "full", {}))


@pytest.mark.slow
@pytest.mark.parametrize("library", [*OTHER, "all"])
def test_fits_and_ledgers_are_the_same_where_one_library_takes_other_code(
    library: str, whole: dict[str, Any], tmp_path: Path
) -> None:
    there = answer(start(tmp_path, "full", OTHER.get(library, ALL)))
    require_another_processor(whole, there, *([library] if library in OTHER else OTHER))
    assert apart(whole, there) == []
