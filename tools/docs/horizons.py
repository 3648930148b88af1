"""The table of docs/controllers.md that says how far ahead the rolling program must look where power is billed.

    python -m tools.docs.horizons --oe2 FOLDER --root FOLDER

`iquitos_mt`, mode `bidirectional`, on the first validation year: no test year and no hour of the validated year chooses
the horizon. Some 10 minutes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pvbesscar.arithmetic.linear import dot
from pvbesscar.controllers import optimum
from pvbesscar.controllers.base import Controller
from pvbesscar.controllers.baselines import Rule
from pvbesscar.controllers.forecast import causal_outlook, fit_forecast, perfect_outlook
from pvbesscar.controllers.forecast_choice import choose
from pvbesscar.controllers.mpc import HORIZON, Mpc
from pvbesscar.controllers.reference import no_control_reference, scale, simulated_terms
from pvbesscar.controllers.registry import mean_reference
from pvbesscar.controllers.rolling_demand import fit_policy, with_margin
from pvbesscar.dataset.scenarios import ScenarioStore
from pvbesscar.evaluation.tables import markdown_table
from pvbesscar.plant.data import PlantData
from pvbesscar.store.files import write_text
from pvbesscar.store.stamps import machine
from tools.docs.blocks import with_block
from tools.docs.evaluation import built, settings_of
from tools.docs.pages import DOCS

CONFIG, MODE = "iquitos_mt", "bidirectional"
HORIZONS = (24, HORIZON, 48, 72, 168)
BEGIN, END = "<!-- horizons: python -m tools.docs.horizons -->", "<!-- end of horizons -->"
HEAD = (
    "hours ahead",
    "gap closed, perfect outlook",
    "cost, PEN",
    "gap closed, causal forecast",
    "cost, PEN",
    "s a year",
)


@dataclass(frozen=True, slots=True)
class Year:
    """What a controller's year comes to: J, share of the gap closed, cost [PEN], and wall time [s]."""

    j: float
    gap_closed: float
    cost_pen: float
    seconds: float


class Judge:
    """Runs controllers on one year, against the rule and J* of that year."""

    def __init__(self, year: PlantData) -> None:
        self.year, reference = year, no_control_reference(year, 0, year.hours)
        self._per_unit, self._bound = scale(year.params, reference), optimum.solve(year).bound
        self._rule = dot(self._per_unit, simulated_terms(year, Rule()))

    def run(self, controller: Controller) -> Year:
        """Run a year."""
        began = time.perf_counter()
        terms = simulated_terms(self.year, controller)
        seconds = time.perf_counter() - began
        j = dot(self._per_unit, terms)
        return Year(j, (self._rule - j) / (self._rule - self._bound), float(terms[2]), seconds)


def measure(
    training: Sequence[PlantData], year: PlantData, horizons: Sequence[int] = HORIZONS
) -> dict[int, tuple[Year, Year]]:
    """Judge the program with a perfect outlook and with the causal forecast, by hours that it looks ahead.

    The quantile that is planned for is chosen once, at the default horizon, and the demand that months come to is that
    of the optimum: neither hangs on the horizon.
    """
    judge, reference = Judge(year), mean_reference(training)
    chosen = choose([fit_forecast(training, HORIZON)], training, training, reference)
    policy = fit_policy(training, chosen)
    certain, found = policy.model_copy(update={"margin_kwh": ()}), {}
    for horizon in horizons:
        model = fit_forecast(training, horizon, chosen.surplus_quantile)
        own = with_margin(policy, training, model)
        found[horizon] = (
            judge.run(Mpc("mpc-perfect-day", year, perfect_outlook(year, horizon), reference, certain)),
            judge.run(Mpc("mpc", year, causal_outlook(year, model), reference, own)),
        )
        print(horizon, *found[horizon], flush=True)
    return found


def section(found: dict[int, tuple[Year, Year]], of: str) -> str:
    """Write the table, with what it was measured on."""
    rows = [
        (f"{horizon}{' (used)' if horizon == HORIZON else ''}", *_words(perfect), *_words(causal),
         f"{causal.seconds:.0f}")
        for horizon, (perfect, causal) in found.items()
    ]  # fmt: skip
    said = f"Measured on {of}, which no fit has seen; {machine()}."
    return f"{said}\n\n{markdown_table(HEAD, rows)}"


def _words(year: Year) -> tuple[str, str]:
    return f"{100.0 * year.gap_closed:.1f} %", f"{year.cost_pen:,.0f}"


def main() -> None:
    """Measure all horizons, then write the table into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oe2", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    asked = parser.parse_args()
    settings = settings_of(CONFIG, MODE, asked.oe2.resolve(), asked.root.resolve() / f"{CONFIG}-{MODE}")
    workspace = built(settings)
    store = ScenarioStore(workspace.dataset)
    name = store.names("validation")[0]
    found = measure([store.load(one) for one in store.names("training")], store.load(name))
    path = DOCS / "controllers.md"
    made = section(found, f"`{name}` of `{CONFIG}`, mode `{MODE}`")
    write_text(path, with_block(path.read_text(encoding="utf-8"), BEGIN, END, made))


if __name__ == "__main__":
    main()
