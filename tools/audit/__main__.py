"""Audit a dataset, and an evaluation of it, with code of its own.

    python -m tools.audit DATASET [EVALUATION] [--quick]

DATASET is the folder with `schema.json`, EVALUATION the one with `evaluation_report.json`. Checked are: the drawn
years, by hashes of their days; totals of no control; of an evaluation each ledger's hours, the bill of each month, all
terms, J and key figures, the bound J* with a linear program of its own (every session by itself; a year takes half a
minute), who wins under other weights, and the stock CityLearn on native actions along the ledger of the rule. Nothing
of pvbesscar is imported: what is right is what docs/design.md, docs/kpis.md and docs/scenarios.md say. Exit code 1
where anything differs, 2 where sockets have a least power, which this audit does not know.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tools.audit import program, stock
from tools.audit.dataset import (
    NOMINAL,
    SINGLE,
    NotAuditedError,
    Year,
    drawn,
    no_control,
    read_json,
    read_recipes,
    read_year,
    run_rule,
)
from tools.audit.findings import Check, report
from tools.audit.kpis import Checks, audit_means, audit_scenario, audit_weightings, reference_of, stretches
from tools.audit.pools import check_pools, check_windows

BOUND = 4e-5
"""J* is lowered by what rounded numbers of the simulators could be worth, some 1e-5 in J."""
RULE = 0.005
"""An hour of the simulators' float32 at a few thousand kWh, and its battery's SOC."""
DRIVEN = 168
"""Hours that the stock CityLearn is driven."""


def audit_dataset(dataset: Path, year: Year, recipes: Mapping[str, pd.DataFrame]) -> list[Check]:
    """Audit a dataset by itself."""
    totals = Check("totals of no control in the manifest, in parts", 1e-7)
    totals.table("manifest.json", read_json(dataset / "manifest.json")["no_control"], no_control(year, 0, len(year.pv)))
    same = Check("the simulators' arrays are CityLearn's files", SINGLE)
    hourly, sessions = pd.read_parquet(dataset / "hourly.parquet"), pd.read_parquet(dataset / "sessions.parquet")
    for column, series in (
        ("pv_kwh", year.pv),
        ("mall_kwh", year.mall),
        ("price", year.price),
        ("carbon", year.carbon),
    ):
        same.values(column, hourly[column], series)
    ordered = sessions.sort_values(["arrival", "socket"], kind="stable", ignore_index=True)
    same.true(f"{len(sessions)} sessions, in the charger files {len(year.sessions)}",
              holds=len(sessions) == len(year.sessions))  # fmt: skip
    if len(sessions) == len(year.sessions):
        for column in ("socket", "arrival", "departure", "battery_kwh", "arrival_soc", "required_soc"):
            same.values(column, ordered[column], year.sessions[column])
    index = read_json(dataset / "scenarios.json")
    if year.tariff.charges:
        rule = Check("import of the rule, from which stretches inside the year are billed [kWh]", RULE)
        rule.values("hourly.parquet, rule_import_kwh", year.rule_import, run_rule(year))
        own = [totals, same, rule]
    else:
        own = [totals, same]
    return [*own, *(check_pools(year, recipes, index) if index["sets"]["test"] else [])]


def audit_evaluation(
    dataset: Path, evaluation: Path, year: Year, recipes: Mapping[str, pd.DataFrame], driven: int, *, solved: bool
) -> list[Check]:
    """Audit an evaluation of a dataset; years that are drawn and then disturbed are left to their own tests.

    Parameters
    ----------
    driven
        Hours that the stock CityLearn is driven.
    solved
        Whether J* is found again.
    """
    judged, checks = read_json(evaluation / "evaluation_report.json"), Checks()
    belongs = Check("the evaluation is of this dataset")
    belongs.true(
        "it judged another one", holds=judged["dataset_digest"] == read_json(dataset / "manifest.json")["digest"]
    )
    bound = Check("J* against a linear program of its own", BOUND)
    others: list[Check] = []
    for scenario in judged["scenarios"]:
        name = scenario["scenario"]
        if name != NOMINAL and name not in recipes:
            continue
        own = year if name == NOMINAL else drawn(year, recipes[name])
        ledgers = audit_scenario(checks, evaluation, scenario, judged["files"], own)
        hours = stretches(ledgers["no-control"])
        reference = reference_of(own, hours)
        if scenario["optimum"] is not None and solved:
            _audit_bound(bound, scenario, own, hours, reference)
        if name == NOMINAL:
            others += _of_the_validated_year(dataset, judged, scenario, own, ledgers, reference, checks, driven)
            if scenario["judged_on"] != ["year"]:
                inside = (hour for ledger in ledgers.values() for hour in ledger["t"])
                others.append(check_windows(year, inside, recipes, read_json(dataset / "scenarios.json")))
    audit_means(checks, judged)
    told = [check for check in checks.all() if check.compared]
    return [belongs, *told, *([bound] if bound.compared else []), *others]


def _audit_bound(
    bound: Check, scenario: Mapping[str, Any], year: Year, hours: list[tuple[int, int]], reference: dict[str, float]
) -> None:
    name, told = scenario["scenario"], scenario["optimum"]["bound"]
    found = sum(program.optimum(year, start, count, reference) for start, count in hours)
    bound.values(f"{name}, J*", told, found)
    bound.true(f"{name}: J* {told:.8f} is above the optimum {found:.8f}", holds=told <= found + 1e-8)
    for result in scenario["ranking"]:
        bound.true(f"{name}: {result['controller']} is below J*", holds=result["score"] >= told)


def _of_the_validated_year(
    dataset: Path,
    judged: Mapping[str, Any],
    scenario: Mapping[str, Any],
    year: Year,
    ledgers: Mapping[str, pd.DataFrame],
    reference: dict[str, float],
    checks: Checks,
    driven: int,
) -> list[Check]:
    if judged.get("trade_offs"):
        audit_weightings(checks, judged["trade_offs"], scenario, reference, ledgers)
    if "rule" not in ledgers or driven == 0:
        return []
    own = ledgers["rule"]
    first = own[own["window"] == own["window"].iloc[0]]
    return [stock.drive(dataset, year, first.iloc[:driven])]


def audit(dataset: Path, evaluation: Path | None, driven: int = DRIVEN, *, solved: bool = True) -> list[Check]:
    """Audit a dataset and, where one is given, its evaluation."""
    year, recipes = read_year(dataset), read_recipes(dataset)
    checks = audit_dataset(dataset, year, recipes)
    if evaluation is None:
        return checks
    return checks + audit_evaluation(dataset, evaluation, year, recipes, driven, solved=solved)


def main(arguments: list[str] | None = None) -> int:
    """Audit, print the table, and tell by the exit code whether everything is equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("evaluation", type=Path, nargs="?")
    parser.add_argument("--quick", action="store_true", help="leave out the linear program and CityLearn")
    asked = parser.parse_args(arguments)
    try:
        checks = audit(asked.dataset, asked.evaluation, 0 if asked.quick else DRIVEN, solved=not asked.quick)
    except NotAuditedError as error:
        print(error, file=sys.stderr)
        return 2
    print(report(checks))
    return 0 if all(check.holds for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
