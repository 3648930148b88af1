"""The published results of an evaluation, read from the disk, and what must hold of them.

Sums and scores are made again here from the ledgers and the report, apart from the code that made them. The contract is
that of `docs/columns.md` and of `docs/design.md`, "Reward and score".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from pvbesscar.quality.expectations.run import judge_suites, require_met
from pvbesscar.quality.expectations.suite import (
    Suite,
    among,
    between,
    equal,
    exactly,
    filled,
    unique,
)
from pvbesscar.store.files import sha256_file
from schemas.errors import QualityError
from schemas.expectations import ExpectationReport
from schemas.results import EvaluationReport, ScenarioResult
from schemas.settings import Settings

TABLE, REPORT = "evaluation_comparison.csv", "evaluation_report.json"
KINDS = ("agent", "untrained", "baseline", "constant")
SUMS = (
    "import_kwh",
    "export_kwh",
    "co2_kg",
    "cost_pen",
    "solar_kwh",
    "ramping_kwh",
    "ev_kwh",
    "charge_kwh",
    "discharge_kwh",
)
"""Columns of the table that are sums over the hours of a ledger."""
ENERGY = ("pv_kwh", "mall_kwh", "ev_kwh", "charge_kwh", "discharge_kwh", "import_kwh", "export_kwh", "curtailed_kwh")
TERMS = {
    "co2": "co2_kg",
    "solar": "solar_kwh",
    "cost": "cost_pen",
    "ev_service": "ev_short_kwh",
    "grid_stability": "ramping_kwh",
}
"""Term of the score by the name of its weight."""
BALANCE_KWH = 1e-2
"""Rounding of float32 energies of some thousand kWh, summed over eight columns [kWh]."""
RESOLUTION = 1e-6
"""Differences of J below this are float32 of the simulator."""
AGAIN = "run `pvbesscar evaluate` again; if it stays, it is a fault of the evaluation's code, tell the maintainers"
CHANGED = "the file was changed after it was made, or the code that makes it is wrong"


def require_result_files(folder: Path, settings: Settings, docs: Path) -> None:
    """Judge the results in a folder, publish the Data Docs and refuse results of which an expectation does not hold.

    Parameters
    ----------
    folder
        Report, table and ledgers; a draft when a stage calls it.
    docs
        Folder of the Data Docs.

    Raises
    ------
    QualityError
        The files are not what the contract says.
    """
    require_met(judge_results(folder, settings, docs), docs)


def judge_results(folder: Path, settings: Settings, docs: Path | None = None) -> ExpectationReport:
    """Judge the result files of an evaluation; parameters as in `require_results`.

    Raises
    ------
    QualityError
        The report, the table or a ledger can not be read at all.
    """
    try:
        report = EvaluationReport.model_validate_json((folder / REPORT).read_text(encoding="utf-8"))
        table = pd.read_csv(folder / TABLE)
        summed = pd.DataFrame(_ledgers(folder, report))
    except (OSError, ValueError, KeyError) as error:
        raise QualityError(f"the results in {folder.name} can not be read: {error}.", hint=AGAIN) from error
    return judge_suites("results", sha256_file(folder / REPORT), [*_suites(report, table, summed, settings)], docs)


def _ledgers(folder: Path, report: EvaluationReport) -> Iterator[dict[str, object]]:
    """Sums of each ledger that belongs to a row of the table, and its largest gap in the balance at the meter."""
    for scenario in report.scenarios:
        for result in scenario.ranking:
            ledger = pd.read_parquet(folder / "ledgers" / scenario.scenario / f"{result.controller}.parquet")
            pv, mall, ev, charge, discharge, bought, sold, cut = (ledger[name] for name in ENERGY)
            gap = bought - sold - cut - (mall + ev + charge - discharge - pv)
            yield {
                "scenario": scenario.scenario,
                "controller": result.controller,
                "ledger_hours": len(ledger),
                "balance_gap_kwh": float(gap.abs().max()),
                "both_ways_kwh": float(bought.combine(sold, min).max()),
                "least_soc": float(ledger["bess_soc"].min()),
                "most_soc": float(ledger["bess_soc"].max()),
                "priced_pen": float((bought * ledger["price"]).sum()),
                "worn_kwh": float((charge + discharge).sum()),
                "most_export_kwh": float(sold.max()),
                "unused_off_kwh": float((ledger["solar_kwh"] - sold - cut).abs().max()),
                "ledger_demand_pen": float(ledger["demand_pen"].sum()),
                "emitted_kg": float((bought * ledger["carbon"]).sum()),
                **{f"ledger_{name}": float(ledger[name].sum()) for name in SUMS},
            }


def _suites(report: EvaluationReport, table: pd.DataFrame, summed: pd.DataFrame, settings: Settings) -> Iterable[Suite]:
    keys = ("scenario", "controller")
    names = [f"{scenario.scenario} {result.controller}" for scenario in report.scenarios for result in scenario.ranking]
    named = table.assign(row=table["scenario"] + " " + table["controller"])
    yield Suite(
        "table",
        TABLE,
        named,
        (
            exactly("row", names, cause="the table and the report name other controllers"),
            unique(*keys),
            *filled("rank", "j", "co2_kg", "cost_pen", "import_kwh", "export_kwh", "hours"),
            among("kind", KINDS),
            between("rank", 1, len(table)),
            between("hours", 1, None),
            *(
                between(name, 0.0, None)
                for name in (
                    "co2_kg",
                    "solar_kwh",
                    "ramping_kwh",
                    "import_kwh",
                    "export_kwh",
                    "ev_kwh",
                    "charge_kwh",
                    "discharge_kwh",
                    "departures",
                )
            ),
            *(
                between(name, 0.0, 1.0 + 1e-9)
                for name in (
                    "self_consumption",
                    "self_sufficiency",
                    "load_factor",
                    "departures_met_share",
                    "met_when_feasible",
                )
            ),
        ),
        CHANGED,
        AGAIN,
        keys,
    )
    scored = named.merge(pd.DataFrame(_scores(report, settings)), on=list(keys), how="left")
    yield Suite(
        "scores",
        TABLE,
        scored.assign(
            above_bound=scored["j"] - scored["optimum_j"],
            off=scored["j"] - scored["j_due"],
            share_off=scored["captured_share"] - scored["share_due"],
        ),
        (
            between("above_bound", -RESOLUTION, None, cause="a controller is better than the proven bound"),
            between("captured_share", None, 1.0 + RESOLUTION),
            between("off", -1e-9, 1e-9, cause="J is not the weighted sum of its terms over those of no control"),
            between("share_off", -1e-6, 1e-6, cause="the share is not what it divides"),
            equal("kind", "kind_due"),
            equal("mean_reward", "reward_due"),
        ),
        CHANGED,
        AGAIN,
        keys,
    )
    beside = named.merge(summed, on=list(keys), how="left")
    off = {f"{name}_off": beside[name] - beside[f"ledger_{name}"] for name in SUMS}
    feed_in = settings.tariff.feed_in_price * beside["export_kwh"]
    wear = settings.bess.wear_pen_per_kwh * beside["worn_kwh"]
    yield Suite(
        "ledgers",
        "ledgers/*.parquet",
        beside.assign(
            **off,
            hours_off=beside["hours"] - beside["ledger_hours"],
            met_off=beside["departures_met"] - beside["departures"],
            price_off=beside["priced_pen"] - feed_in + beside["ledger_demand_pen"] + wear - beside["cost_pen"],
            carbon_off=beside["emitted_kg"] - beside["co2_kg"],
        ),
        (
            *filled("ledger_hours"),
            among("hours_off", [0]),
            between("met_off", None, 0.0),
            *(
                between(f"{name}_off", -1e-3, 1e-3, cause="the table does not show the sum of the ledger")
                for name in SUMS
            ),
            between("price_off", -0.1, 0.1, cause="the cost is not energy, demand charges, fee and wear less export"),
            between("most_export_kwh", 0.0, settings.tariff.export_limit_kw, cause="more is exported than allowed"),
            between("unused_off_kwh", 0.0, 1e-9, cause="the unused PV is not export and curtailed"),
            between("carbon_off", -0.1, 0.1, cause="the CO2 is not import x carbon intensity"),
            between("balance_gap_kwh", 0.0, BALANCE_KWH, cause="energy appears or vanishes at the meter"),
            between("both_ways_kwh", 0.0, BALANCE_KWH, cause="the site imports and exports in one hour"),
            between("least_soc", 1.0 - settings.bess.depth_of_discharge - 1e-5, 1.0),
            between("most_soc", 0.0, 1.0 + 1e-5),
        ),
        CHANGED,
        AGAIN,
        keys,
    )


def _scores(report: EvaluationReport, settings: Settings) -> Iterator[dict[str, object]]:
    """J of each controller made of its terms, and the share of what perfect foresight could win over no control."""
    for scenario in report.scenarios:
        due = {result.controller: _score(scenario, result.terms.model_dump(), settings) for result in scenario.ranking}
        none, best = due.get("no-control"), scenario.optimum.bound if scenario.optimum else None
        for result in scenario.ranking:
            own = due[result.controller]
            open_ = none - best if none is not None and best is not None else 0.0
            yield {
                "scenario": scenario.scenario,
                "controller": result.controller,
                "j_due": own,
                "kind_due": result.kind,
                "reward_due": result.mean_reward,
                "share_due": (none - own) / open_ if none is not None and open_ > RESOLUTION else None,
            }


def _score(scenario: ScenarioResult, terms: dict[str, float], settings: Settings) -> float:
    reference: dict[str, float] = scenario.reference.model_dump()
    weights: dict[str, float] = settings.weights.model_dump()
    return sum(
        weights[weight] * terms[term] / reference[term]
        for weight, term in TERMS.items()
        if term not in scenario.terms_left_out
    )
