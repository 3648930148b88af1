"""Key figures and J from the hourly ledgers, by the formulas of docs/kpis.md and docs/design.md."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tools.audit.dataset import SINGLE, TERMS, Year, demand_pen, no_control, score
from tools.audit.findings import Check
from tools.audit.tariff import billed_before, invoice_months

KWH = 1e-6
"""Rounding of an hour's sum of energies [kWh]."""
SOC = 2e-6
"""Rounding of a state of charge that is kept as float32."""


@dataclass
class Checks:
    """Checks of ledgers and of the report's figures."""

    digests: Check = field(default_factory=lambda: Check("ledgers are the files that the report names"))
    series: Check = field(default_factory=lambda: Check("PV, mall, price, carbon and day are the year's", SINGLE))
    balance: Check = field(default_factory=lambda: Check("each hour's energies add up [kWh]", KWH))
    battery: Check = field(default_factory=lambda: Check("the battery's course is that of its energies [SOC]", SOC))
    hourly: Check = field(
        default_factory=lambda: Check("terms and reward of each hour are those of its energies", 1e-6)
    )
    bills: Check = field(default_factory=lambda: Check("bill of each month, from its greatest imports, in parts", 1e-7))
    departures: Check = field(default_factory=lambda: Check("departures of each hour are those of the sessions"))
    reference: Check = field(default_factory=lambda: Check("totals of no control, in parts", 1e-7))
    figures: Check = field(default_factory=lambda: Check("J, terms and key figures, in parts", 1e-7))
    order: Check = field(default_factory=lambda: Check("the ranking is by J"))
    weightings: Check = field(default_factory=lambda: Check("J under other weights, and who wins", 1e-7))

    def all(self) -> list[Check]:
        """Every check, in order."""
        return list(vars(self).values())


def stretches(ledger: pd.DataFrame) -> list[tuple[int, int]]:
    """First hour and number of hours of each window of a ledger."""
    grouped = ledger.groupby("window", sort=False)["t"]
    return [(int(first), int(count)) for first, count in zip(grouped.min(), grouped.count(), strict=True)]


def reference_of(year: Year, hours: list[tuple[int, int]]) -> dict[str, float]:
    """Totals of no control over some stretches."""
    parts = [no_control(year, *stretch) for stretch in hours]
    return {name: sum(part[name] for part in parts) for name in TERMS}


def audit_scenario(
    checks: Checks, folder: Path, scenario: Mapping[str, Any], files: Mapping[str, str], year: Year
) -> dict[str, pd.DataFrame]:
    """Audit all ledgers and figures of one scenario; returns its ledgers by controller."""
    name = scenario["scenario"]
    names = [result["controller"] for result in scenario["ranking"]]
    if scenario["optimum"] is not None:
        names.append("optimum")
    ledgers = {}
    for controller in names:
        file = f"ledgers/{name}/{controller}.parquet"
        digest = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        checks.digests.true(f"{file} is not the one that was judged", holds=digest == files.get(file))
        ledgers[controller] = pd.read_parquet(folder / file)
        _audit_hours(checks, f"{name}, {controller}", ledgers[controller], year)
    reference = reference_of(year, stretches(ledgers[names[0]]))
    checks.reference.table(name, scenario["reference"], reference)
    _audit_figures(checks, scenario, ledgers, reference, year)
    return ledgers


def _audit_hours(checks: Checks, where: str, ledger: pd.DataFrame, year: Year) -> None:
    plant, t = year.plant, ledger["t"].to_numpy()
    for column, series in (
        ("pv_kwh", year.pv),
        ("mall_kwh", year.mall),
        ("price", year.price),
        ("carbon", year.carbon),
        ("day_type", year.calendar["day_type"].to_numpy()),
    ):
        checks.series.values(f"{where}, {column}", ledger[column], series[t])
    net = ledger.eval("mall_kwh + ev_kwh + charge_kwh - discharge_kwh - pv_kwh")
    checks.balance.values(f"{where}, import", ledger["import_kwh"], net.clip(lower=0.0))
    surplus = (-net).clip(lower=0.0)
    sold = surplus.clip(upper=year.tariff.export_limit)
    checks.balance.values(f"{where}, export", ledger["export_kwh"], sold)
    checks.balance.values(f"{where}, curtailed", ledger["curtailed_kwh"], surplus - sold)
    checks.hourly.values(f"{where}, co2_kg", ledger["co2_kg"], ledger["import_kwh"] * ledger["carbon"])
    checks.hourly.values(f"{where}, solar_kwh", ledger["solar_kwh"], ledger["export_kwh"] + ledger["curtailed_kwh"])
    _audit_cost(checks, where, ledger, year)
    by_window = ledger.groupby("window", sort=False)
    ramp = by_window["import_kwh"].diff().abs().fillna(0.0)
    checks.hourly.values(f"{where}, ramping_kwh", ledger["ramping_kwh"], ramp)
    gained = ledger["charge_kwh"] * math.sqrt(plant.efficiency) - ledger["discharge_kwh"] / math.sqrt(plant.efficiency)
    if plant.capacity_kwh > 0.0:
        begin = max(plant.initial_soc, 1.0 - plant.depth_of_discharge)
        before = by_window["bess_soc"].shift().fillna(begin)
        checks.battery.values(where, ledger["bess_soc"], before + gained / plant.capacity_kwh)
        low = 1.0 - plant.depth_of_discharge - SOC
        checks.battery.true(
            f"{where}: outside of its range", holds=bool(ledger["bess_soc"].between(low, 1 + SOC).all())
        )
    leaving = np.bincount(year.sessions["departure"].to_numpy() - 1, minlength=len(year.pv))[t]
    checks.departures.values(where, ledger["departures"], leaving)


def _audit_cost(checks: Checks, where: str, ledger: pd.DataFrame, year: Year) -> None:
    """Audit what each hour costs, and the bill of each month of each window."""
    wear = year.plant.wear * (ledger["charge_kwh"] + ledger["discharge_kwh"])
    checks.hourly.values(f"{where}, wear_pen", ledger["wear_pen"], wear)
    cost = ledger.eval("import_kwh * price + demand_pen + wear_pen") - ledger["export_kwh"] * year.tariff.feed_in
    checks.hourly.values(f"{where}, cost_pen", ledger["cost_pen"], cost)
    for start, hours in stretches(ledger):
        own = ledger[ledger["t"].between(start, start + hours - 1)]
        imports = own["import_kwh"].to_numpy()
        checks.hourly.values(f"{where}, demand_pen", own["demand_pen"], demand_pen(year, imports, start))
        _audit_months(checks, where, own, start, year)


def _audit_months(checks: Checks, where: str, ledger: pd.DataFrame, start: int, year: Year) -> None:
    """Audit the sums of the months that begin in a stretch: energy by its band, power by the greatest imports."""
    tariff, t = year.tariff, ledger["t"].to_numpy()
    month, imports = tariff.month[t], ledger["import_kwh"].to_numpy()
    energy = sum(imports * inside[t] * price for inside, price in tariff.energy.values())
    billed = ledger["cost_pen"] - ledger["wear_pen"] + ledger["export_kwh"] * tariff.feed_in
    power = np.sum(invoice_months(tariff, imports, start, billed_before(tariff, start, year.rule_import)), axis=0)
    whole = pd.Series(energy).groupby(month).sum().to_numpy() + power + tariff.fee
    told = billed.groupby(month).sum().to_numpy()
    for place in range(0 if tariff.begins(start) else 1, told.size):
        checks.bills.values(
            f"{where}, month {month[0] + place + 1}", told[place], whole[place], scale=max(whole[place], 1.0)
        )


def _audit_figures(
    checks: Checks,
    scenario: Mapping[str, Any],
    ledgers: Mapping[str, pd.DataFrame],
    reference: dict[str, float],
    year: Year,
) -> None:
    name, weights = scenario["scenario"], year.plant.weights
    totals = {controller: _totals(ledger) for controller, ledger in ledgers.items()}
    j = {controller: score(own, reference, weights) for controller, own in totals.items()}
    optimum = scenario["optimum"]
    bound = None if optimum is None else optimum["bound"]
    for result in scenario["ranking"]:
        controller = result["controller"]
        where, own = f"{name}, {controller}", totals[controller]
        figures = key_figures(ledgers[controller], year)
        figures |= {"j": j[controller], "captured_share": _captured(j["no-control"], j[controller], bound)}
        checks.figures.table(where, result["terms"], own)
        checks.figures.table(where, result["kpis"], figures)
        told = {name: result[name] for name in ("score", "captured_share", "hours") if name in result}
        own_told = {
            "score": j[controller],
            "captured_share": figures["captured_share"],
            "hours": len(ledgers[controller]),
        }
        checks.figures.table(where, told, own_told)
        _audit_gap(checks, where, result, _gap_closed(j, controller, optimum), optimum, j)
        _audit_reward(checks, where, ledgers[controller], year)
    if optimum is not None:
        checks.figures.table(f"{name}, optimum", optimum["terms"], totals["optimum"])
        checks.figures.table(f"{name}, optimum", {"replay": optimum["replay"]}, {"replay": j["optimum"]})
    by_rank = [j[result["controller"]] for result in scenario["ranking"]]
    for better, worse in itertools.pairwise(by_rank):
        checks.order.true(f"{name}: {better:.6f} stands before {worse:.6f}", holds=better <= worse + 1e-6)


def _audit_reward(checks: Checks, where: str, ledger: pd.DataFrame, year: Year) -> None:
    """Rewards are scaled by the whole year under no control, whatever hours are judged."""
    scale = no_control(year, 0, len(year.pv))
    parts = [ledger[n] * w / scale[n] for n, w in zip(TERMS, year.plant.weights, strict=True) if scale[n] > 0.0]
    checks.hourly.values(f"{where}, reward", ledger["reward"], -len(year.pv) * sum(parts))


def _totals(ledger: pd.DataFrame) -> dict[str, float]:
    return {name: float(ledger[name].sum()) for name in TERMS}


def _captured(no_control_j: float, own: float, bound: float | None) -> float | None:
    if bound is None or no_control_j - bound <= KWH:
        return None
    return (no_control_j - own) / (no_control_j - bound)


def _gap_closed(j: Mapping[str, float], controller: str, optimum: Mapping[str, Any] | None) -> float | None:
    """Share of what is open between the rule and J*; `None` where that is less than what the plan replayed leaves."""
    if optimum is None or "rule" not in j:
        return None
    left = j["rule"] - optimum["bound"]
    if left <= max(KWH, optimum["replay"] - optimum["bound"]):
        return None
    return (j["rule"] - j[controller]) / left


def _audit_gap(
    checks: Checks, where: str, result: Mapping[str, Any], own: float | None, optimum: Mapping[str, Any] | None,
    j: Mapping[str, float],
) -> None:  # fmt: skip
    """Audit the gap closed: a quotient, in which what is open between rule and J* divides the rounding of J."""
    if "gap_closed" not in result:
        return
    told = result["gap_closed"]
    if own is None or told is None or optimum is None:
        checks.figures.true(f"{where}, gap_closed: {told}, audited {own}", holds=own is told)
        return
    scale = max(abs(own), 1.0) / min(j["rule"] - optimum["bound"], 1.0)
    checks.figures.values(f"{where}, gap_closed", told, own, scale)


def audit_means(checks: Checks, judged: Mapping[str, Any]) -> None:
    """Audit the mean J of each set, from the scores of its years, which are audited each."""
    scores = {
        (scenario["scenario"], result["controller"]): result["score"]
        for scenario in judged["scenarios"]
        for result in scenario["ranking"]
    }
    for own in judged["sets"]:
        for entry in own["entries"]:
            mean = sum(scores[name, entry["controller"]] for name in own["scenarios"]) / len(own["scenarios"])
            checks.figures.table(f"{own['name']}, {entry['controller']}", entry, {"mean_score": mean})


def key_figures(ledger: pd.DataFrame, year: Year) -> dict[str, float | None]:
    """Key figures of docs/kpis.md that an hourly ledger holds, by name."""
    total = ledger.sum(numeric_only=True)
    throughput = total["charge_kwh"] + total["discharge_kwh"]
    usable = year.plant.capacity_kwh * year.plant.depth_of_discharge
    day = pd.DatetimeIndex(ledger["timestamp"]).date
    windows = ledger["window"].to_numpy()
    peaks = ledger.groupby([windows, day], sort=False)["import_kwh"].max()
    unused, imported = _share(total["solar_kwh"], total["pv_kwh"]), total["import_kwh"]
    supplied = _share(imported, total["mall_kwh"] + total["ev_kwh"])
    return {
        **_totals(ledger),
        "co2_net_kg": float(((ledger["import_kwh"] - ledger["export_kwh"]) * ledger["carbon"]).sum()),
        "mean_reward": float(ledger["reward"].mean()),
        "import_kwh": float(imported),
        "export_kwh": float(total["export_kwh"]),
        "self_consumption": None if unused is None else 1.0 - unused,
        "self_sufficiency": None if supplied is None else 1.0 - supplied,
        "peak_kw": float(ledger["import_kwh"].max()),
        "mean_daily_peak_kw": float(peaks.mean()),
        "load_factor": _share(float(ledger["import_kwh"].mean()), float(ledger["import_kwh"].max())),
        "departures_met_share": _share(total["departures_met"], total["departures"]),
        "met_when_feasible": _share(total["departures_met_feasible"], total["departures_feasible"]),
        "mean_shortfall_kwh": _share(total["ev_short_kwh"], total["departures"]),
        "bess_throughput_kwh": float(throughput),
        "equivalent_full_cycles": _share(throughput, 2.0 * usable),
    }


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0.0 else None


def audit_weightings(checks: Checks, found: Mapping[str, Any], scenario: Mapping[str, Any], reference: dict[str, float],
                     ledgers: Mapping[str, pd.DataFrame]) -> None:  # fmt: skip
    """Audit the scores under other weights, who wins, and the optimum under each."""
    for own in found["weightings"]:
        weights = tuple(own["weights"].values())
        j = {r["controller"]: score(_totals(ledgers[r["controller"]]), reference, weights) for r in scenario["ranking"]}
        told = {entry["controller"]: entry["score"] for entry in own["scores"]}
        checks.weightings.table(own["name"], told, j)
        able = {name: value for name, value in j.items() if name not in found["oracles"]}
        winners = {name for name, value in able.items() if value - min(able.values()) < 1e-6}
        checks.weightings.true(f"{own['name']}: wins {own['winners']}, audited {winners}",
                               holds=winners == set(own["winners"]))  # fmt: skip
    for point in found["optima"]:
        weights = tuple(point["weights"].values())
        checks.weightings.table(point["name"], {"replay": point["replay"]},
                                {"replay": score(point["terms"], reference, weights)})  # fmt: skip
        lowest = min(score(_totals(ledger), reference, weights) for ledger in ledgers.values())
        checks.weightings.true(f"{point['name']}: the bound {point['bound']:.6f} is above {lowest:.6f}",
                               holds=point["bound"] <= lowest)  # fmt: skip
