"""Make a site's year, dataset and fits, and print digests of it all; run as a process of its own, on another processor.

`python -m tests.arithmetic.made FOLDER quick|full` prints JSON: `raw`, digests of what NumPy, the C library, BLAS and
Numba compute by themselves, and `made`, digests of each file and fit.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from pathlib import Path

import numpy as np
from numba import njit

from pvbesscar.arithmetic.processor import features
from pvbesscar.config import load_settings
from pvbesscar.controllers import registry
from pvbesscar.controllers.forecast import fit_forecast
from pvbesscar.dataset.build import build
from pvbesscar.dataset.scenarios import ScenarioStore
from pvbesscar.oe2.ingest import ingest
from pvbesscar.plant.twin import Twin
from pvbesscar.quality.gate import validate
from pvbesscar.simulation.rollout import rollout
from pvbesscar.store.files import sha256_file, sha256_json
from pvbesscar.store.workspace import Workspace

CONFIG = Path(__file__).parents[2] / "config" / "iquitos_mall.yaml"
QUICK = (
    "ev.chargers=2", "ev.moto_chargers=1", "ev.declared_kwh=3000", "scenarios.training=1", "scenarios.validation=0",
    "scenarios.test=2",
)  # fmt: skip
FULL = ("scenarios.training=2", "scenarios.validation=1", "scenarios.test=2")
JUDGED = ("no-control", "rule", "tuned-rule", "mpc", "optimum")
WEEK = 7 * 24


def raw() -> dict[str, str]:
    """Digests of functions that each library computes in its own way on each processor."""
    x = np.linspace(0.01, 20.0, 20_000)
    square = (np.arange(40_000.0) % 97.0).reshape(200, 200)

    @njit(fastmath=True)
    def in_any_order(values):
        total = 0.0
        for value in values:
            total += value * 1.1
        return total

    return {
        "numpy": _sha(np.exp(-x).tobytes()),
        "glibc": _sha(repr([(math.sin(one), math.exp(-one), math.log(one)) for one in x.tolist()]).encode()),
        "blas": _sha(((square / 97.0) @ (square.T / 89.0)).tobytes()),
        "numba": _sha(repr(in_any_order(1.0 / x)).encode()),
    }


def made(root: Path, *, full: bool) -> dict[str, str]:
    """Digests of the canonical year, the dataset, drawn and perturbed years, fits, and ledgers."""
    sets = [f"data.root={root}", "quality.second_reading=false", *(FULL if full else QUICK)]
    settings = load_settings(CONFIG, sets).settings
    workspace = Workspace.of(settings)
    ingest(settings, workspace)
    validate(settings, workspace)
    build(settings, workspace)
    folders = (workspace.canonical, workspace.dataset)
    found = {str(path.relative_to(root)): sha256_file(path) for folder in folders for path in sorted(folder.iterdir())}
    store = ScenarioStore(workspace.dataset)
    years = [store.load(name) for name in store.names("training")]
    if not full:
        return found | {"forecast": sha256_json(fit_forecast(years, 3).model_dump(mode="json"))}
    fitted = registry.fit(years, settings.training.seed)
    found["fitted"] = sha256_json(fitted.model_dump(mode="json"))
    nominal = store.load("nominal")
    for name in JUDGED:
        controller = registry.make(name, nominal, fitted, 0, WEEK) if name == "optimum" else None
        ledger = rollout(Twin(nominal), controller or registry.make(name, nominal, fitted), 0, WEEK)
        found[f"ledger of {name}"] = _sha(ledger.frame.to_csv().encode())
    return found


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    found = made(Path(sys.argv[1]), full=sys.argv[2] == "full")
    sys.stdout.write(json.dumps({"features": features(), "raw": raw(), "made": found}) + "\n")
