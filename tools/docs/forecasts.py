"""The tables of docs/controllers.md that say which forecast serves the rolling program best, in closed loop.

    python -m tools.docs.forecasts --oe2 FOLDER --root FOLDER [--only iquitos_metered-bidirectional]

Forecasts are fitted on the training years and judged on whole validation years; months of these choose the quantiles
and the product's forecast. No test year is read. A case takes some 10 minutes. Neither case bills power, so that no
month has a demand to aim at.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from pvbesscar.controllers.forecast import (
    Energies,
    ForecastModel,
    causal_outlook,
    clear_kwh,
    clearness,
    deviations,
    fit_forecast,
    hours_ahead,
    plain_energies,
    with_weights,
)
from pvbesscar.controllers.forecast_choice import average_model, choose, choose_forecast, climatology
from pvbesscar.controllers.mpc import HORIZON, Mpc
from pvbesscar.controllers.registry import mean_reference
from pvbesscar.dataset.scenarios import ScenarioStore
from pvbesscar.evaluation.tables import markdown_table
from pvbesscar.plant.data import PlantData
from pvbesscar.store.files import write_text
from pvbesscar.store.stamps import machine
from tools.docs.blocks import with_block
from tools.docs.evaluation import built, settings_of
from tools.docs.horizons import Judge
from tools.docs.pages import DOCS

FloatArray = NDArray[np.float64]

CASES = {
    "iquitos_metered-bidirectional": ("iquitos_metered", "bidirectional"),
    "iquitos_mall-dispatch": ("iquitos_mall", "dispatch"),
}
PERSISTENCE, CLIMATOLOGY, REGRESSION, BOOSTING = "persistence", "climatology", "regression", "gradient boosting"
CANDIDATES = (
    (PERSISTENCE,),
    (CLIMATOLOGY,),
    (REGRESSION,),
    (BOOSTING,),
    (REGRESSION, PERSISTENCE),
    (REGRESSION, CLIMATOLOGY),
    (REGRESSION, BOOSTING),
)
"""What is averaged; one name alone is that forecast."""
HEAD = ("forecast", "RMSE of PV, kWh", "RMSE of the mall, kWh", "quantile planned for", "J", "gap closed")
DAY = 24
TREES = {"max_iter": 80, "max_leaf_nodes": 15, "min_samples_leaf": 200, "max_bins": 63, "early_stopping": False}


@dataclass(frozen=True, slots=True)
class Found:
    """What a forecast comes to: errors at leads 1 to 24 h [kWh], the quantile, and J and gap closed of the program.

    Attributes
    ----------
    used
        Whether it is the product's choice.
    """

    rmse: tuple[float, float]
    quantile: float
    j: float
    gap_closed: float
    used: bool


def persistence(model: ForecastModel) -> ForecastModel:
    """Yesterday again: the clearness of the last 24 hours, the mall's deviation of the last such hour."""
    pv, mall = np.zeros((DAY, model.horizon, 4)), np.zeros((DAY, model.horizon, 5))
    pv[:, :, 2] = mall[:, :, 3] = 1.0
    return with_weights(model, PERSISTENCE, pv, mall)


class Boosting:
    """Gradient boosting with the regression's features, the last hours of PV and the clock, a model for each lead.

    It learns the clearness of PV and the mall's deviation from its mean day.
    """

    def __init__(self, training: Sequence[PlantData], model: ForecastModel) -> None:
        self._clear, self._shape = np.array(model.pv_clear_kwh), np.array(model.mall_shape_kwh)
        self._horizon = model.horizon
        self._fitted = [
            [self._fit(training, lead, energy) for energy in (0, 1)] for lead in range(1, self._horizon)
        ]  # fmt: skip

    def energies(self, year: PlantData) -> Energies:
        """What is expected at each hour of a year."""
        expected = [np.tile(metered[:, None], self._horizon) for metered in (year.pv_kwh, year.mall_kwh)]
        for lead, fitted in enumerate(self._fitted, 1):
            for energy, trees in enumerate(fitted):
                features, usual, unit = self._samples(year, lead)[energy]
                expected[energy][:, lead] = np.maximum(usual + unit * trees.predict(features), 0.0)
        return expected[0], expected[1]

    def _fit(self, training: Sequence[PlantData], lead: int, energy: int) -> HistGradientBoostingRegressor:
        parts = []
        for year in training:
            features, usual, unit = self._samples(year, lead)[energy]
            truth = np.roll((year.pv_kwh, year.mall_kwh)[energy], -lead)
            # No hour after the year's end, none without sun.
            known = (np.arange(year.hours) < year.hours - lead) & (unit > 0.0)
            parts.append((features[known], (truth - usual)[known] / unit[known], unit[known] ** 2))
        features, targets, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
        # Weights make an error count in kWh; they cost time, and the mall's are all alike.
        weighed = weights if np.ptp(weights) else None
        return HistGradientBoostingRegressor(**TREES).fit(features, targets, sample_weight=weighed)

    def _samples(self, year: PlantData, lead: int) -> tuple[tuple[FloatArray, FloatArray, FloatArray], ...]:
        """Of PV and mall: features, what is usual `lead` hours on, and the unit of what is learned [kWh]."""
        clear, calendar = clear_kwh(year, self._clear), year.calendar
        ahead = np.roll(clear, -lead)
        # Less than a kWh under a clear sky is night.
        sun = np.where(ahead > 1.0, ahead, 0.0)
        last = [np.concatenate([np.zeros(back), year.pv_kwh[: year.hours - back]]) for back in (0, 1, 2, 23, 24)]
        of_pv = np.column_stack([clearness(year, clear)[:, 1:], *last, calendar[:, :2], ahead])
        of_mall = np.column_stack([deviations(year, self._shape, lead), calendar])
        usual = np.roll(self._shape[calendar[:, 2] - 1, calendar[:, 0]], -lead)
        return (of_pv, np.zeros(year.hours), sun), (of_mall, usual, np.ones(year.hours))


def average(parts: Sequence[Energies]) -> Energies:
    """Mean of some forecasts of a year."""
    pv_kwh, mall_kwh = (np.mean(energies, axis=0) for energies in zip(*parts, strict=True))
    return pv_kwh, mall_kwh


def rmse(years: Sequence[PlantData], expected: Sequence[Energies]) -> tuple[float, float]:
    """Root mean square error of PV and mall over all hours and leads of 1 to 24 h [kWh]."""
    squares: tuple[list[float], list[float]] = ([], [])
    for year, energies in zip(years, expected, strict=True):
        # The last day's leads end with the year.
        ahead = hours_ahead(year.hours, DAY + 1)[:-DAY, 1:]
        for own, truth, found in zip(squares, (year.pv_kwh, year.mall_kwh), energies, strict=True):
            own.append(float(((found[:-DAY, 1 : DAY + 1] - truth[ahead]) ** 2).mean()))
    return float(np.sqrt(np.mean(squares[0]))), float(np.sqrt(np.mean(squares[1])))


def measure(training: Sequence[PlantData], validation: Sequence[PlantData]) -> dict[tuple[str, ...], Found]:
    """Judge the program with each candidate, each at its own quantile; mean over the validation years."""
    reference, model = mean_reference(training), fit_forecast(training, HORIZON)
    linear = {PERSISTENCE: persistence(model), CLIMATOLOGY: climatology(model, training), REGRESSION: model}
    boosting, judges, found = Boosting(training, model), [Judge(year) for year in validation], {}
    used = choose_forecast(training, validation, HORIZON, reference)
    of_regression = choose([model], training, validation, reference)
    boosted = [boosting.energies(year) for year in validation]
    for names in CANDIDATES:
        if BOOSTING in names:
            # Trees know training weeks by heart, and what they err there is no margin: they take the regression's.
            chosen, others = of_regression, [linear[name] for name in names if name != BOOSTING]
            expected = [
                average([own, *(plain_energies(year, other) for other in others)])
                for year, own in zip(validation, boosted, strict=True)
            ]
        else:
            parts = [linear[name] for name in names]
            mean = parts[0] if len(parts) == 1 else average_model(parts)
            chosen = choose([mean], training, validation, reference)
            expected = [plain_energies(year, chosen) for year in validation]
        runs = [
            judge.run(Mpc("mpc", judge.year, causal_outlook(judge.year, chosen, energies), reference))
            for judge, energies in zip(judges, expected, strict=True)
        ]
        j, gap = (float(np.mean([getattr(year, what) for year in runs])) for what in ("j", "gap_closed"))
        found[names] = Found(
            rmse(validation, expected), chosen.surplus_quantile, j, gap, BOOSTING not in names and chosen == used
        )
        print(*names, found[names], flush=True)
    return found


def section(found: dict[tuple[str, ...], Found], of: str) -> str:
    """Write the table, with what it was measured on."""
    rows = [
        (_named(names, one.used), *(f"{error:.1f}" for error in one.rmse), f"{one.quantile:g}", f"{one.j:.4f}",
         f"{100.0 * one.gap_closed:.1f} %")
        for names, one in found.items()
    ]  # fmt: skip
    return f"{of}; {machine()}.\n\n{markdown_table(HEAD, rows)}"


def _named(names: tuple[str, ...], used: bool) -> str:
    said = names[0] if len(names) == 1 else f"mean of {' and '.join(names)}"
    return f"{said} (used)" if used else said


def page(text: str, case: str, written: str) -> str:
    """Page with the table of a case replaced."""
    return with_block(text, f"<!-- forecasts of {case}: python -m tools.docs.forecasts -->",
                      f"<!-- end of forecasts of {case} -->", written)  # fmt: skip


def main() -> None:
    """Measure the cases asked for, and write each one's table into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oe2", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--only", action="append", choices=CASES)
    asked = parser.parse_args()
    path = DOCS / "controllers.md"
    for case in asked.only or CASES:
        settings = settings_of(*CASES[case], asked.oe2.resolve(), asked.root.resolve() / case)
        store = ScenarioStore(built(settings).dataset)
        training, validation = ([store.load(name) for name in store.names(use)] for use in ("training", "validation"))
        config, mode = CASES[case]
        years = f"mean of {len(validation)} validation years, months of which choose the used one"
        of = f"`{config}`, mode `{mode}`, {years}"
        made = section(measure(training, validation), of)
        write_text(path, page(path.read_text(encoding="utf-8"), case, made))


if __name__ == "__main__":
    main()
