"""Seconds of the optimum, the tuned fit and the MPC, and how they grow with sockets and years.

`make bench` runs it; it prints a table and writes controllers.json and controllers.md to --out. More sockets are the
same site repeated: battery, PV and mall grow with it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from shared.results import write_results

from pvbesscar.config import load_settings
from pvbesscar.controllers import registry
from pvbesscar.controllers.forecast import causal_outlook, fit_forecast, perfect_outlook
from pvbesscar.controllers.forecast_choice import choose_forecast
from pvbesscar.controllers.mpc import HORIZON, Mpc
from pvbesscar.controllers.optimum import solve
from pvbesscar.controllers.reference import no_control_reference, simulated_terms
from pvbesscar.controllers.rolling_demand import fit_policy
from pvbesscar.controllers.tuned import fit_tuned
from pvbesscar.dataset.build import build
from pvbesscar.oe2.ingest import ingest
from pvbesscar.plant.data import PlantData, Sessions, load_plant, occupancy
from pvbesscar.quality.gate import validate
from pvbesscar.store.workspace import Workspace
from schemas.results import ScoreTerms

LIMITS_S = {"optimum": 15.0, "mpc": 60.0, "optimum, power": 15.0, "mpc, power": 60.0}
"""What a year may take on two cores."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement."""

    what: str
    mode: str
    sockets: int
    years: int
    size: int
    seconds: float


def repeated(data: PlantData, times: int) -> PlantData:
    """The same site `times` times at one meter; each copy's vehicles arrive with other states of charge."""
    rng, k, one = np.random.default_rng(0), data.params.sockets, data.sessions
    count = one.socket.size
    shift = np.concatenate([np.zeros(count), *(rng.uniform(-0.05, 0.05, count) for _ in range(times - 1))])
    sessions = Sessions(
        socket=np.concatenate([one.socket + copy * k for copy in range(times)]),
        arrival=np.tile(one.arrival, times),
        departure=np.tile(one.departure, times),
        battery_kwh=np.tile(one.battery_kwh, times),
        arrival_soc=np.clip(np.tile(one.arrival_soc, times) + shift, 0.02, 1.0).astype(np.float32),
        required_soc=np.tile(one.required_soc, times),
    )
    p = data.params
    params = p._replace(sockets=k * times, bess_kwh=p.bess_kwh * times, bess_kw=p.bess_kw * times)
    occupant, hours_left = occupancy(sessions, data.hours, params.sockets)
    bess = data.bess._replace(capacity=params.bess_kwh, nominal_power=params.bess_kw)
    return replace(
        data, params=params, sessions=sessions, occupant=occupant, hours_left=hours_left, bess=bess,
        ev_kwh=np.tile(data.ev_kwh, times), pv_kwh=data.pv_kwh * times, mall_kwh=data.mall_kwh * times,
    )  # fmt: skip


def timed(action: Callable[..., object], *arguments: object) -> float:
    began = time.perf_counter()
    action(*arguments)
    return time.perf_counter() - began


def site(config: Path, overrides: list[str]) -> PlantData:
    with tempfile.TemporaryDirectory() as root:
        settings = load_settings(config, [*overrides, f"data.root={root}"]).settings
        workspace = Workspace.of(settings)
        ingest(settings, workspace)
        validate(settings, workspace)
        build(settings, workspace)
        return load_plant(workspace.dataset)


def measure(data: PlantData, add: Callable[[Row], None]) -> None:
    """All rows of both modes."""
    simulated_terms(data, registry.make(registry.RULE, data), 0, 24)  # compiles
    fit_tuned([data], 0)
    for mode in ("dispatch", "bidirectional"):
        year = data.with_mode(mode)
        measure_optimum(year, mode, add)
        measure_mpc(year, mode, add)


def measure_optimum(year: PlantData, mode: str, add: Callable[[Row], None]) -> None:
    for times in (1, 2, 4):
        found = solve(repeated(year, times))
        add(Row("optimum", mode, times * year.params.sockets, 1, found.variables, found.seconds))


def measure_mpc(year: PlantData, mode: str, add: Callable[[Row], None]) -> None:
    k, hours = year.params.sockets, year.hours
    reference = no_control_reference(year, 0, hours)
    model = fit_forecast([year], HORIZON)
    for times in (1, 2):
        larger = repeated(year, times)
        controller = Mpc("mpc", larger, causal_outlook(larger, model), reference)
        add(Row("mpc", mode, times * k, 1, hours, timed(simulated_terms, larger, controller)))
    perfect = Mpc("mpc-perfect-day", year, perfect_outlook(year, HORIZON), reference)
    add(Row("mpc-perfect-day", mode, k, 1, hours, timed(simulated_terms, year, perfect)))
    for years in (1, 4):
        training = [year] * years
        add(Row("fit tuned-rule", mode, k, years, years * hours, timed(fit_tuned, training, 0)))
        add(Row("fit forecasts", mode, k, years, years * hours, timed(fit_all_forecasts, training, reference)))


def measure_billed(year: PlantData, mode: str, add: Callable[[Row], None]) -> None:
    """Rows of a year whose tariff bills power."""
    k, hours = year.params.sockets, year.hours
    found = solve(year)
    add(Row("optimum, power", mode, k, 1, found.variables, found.seconds))
    model = fit_forecast([year], HORIZON)
    policy = fit_policy([year], model)
    controller = Mpc("mpc", year, causal_outlook(year, model), no_control_reference(year, 0, hours), policy)
    add(Row("mpc, power", mode, k, 1, hours, timed(simulated_terms, year, controller)))
    add(Row("tuned fit, power", mode, k, 1, hours, timed(fit_tuned, [year], 0)))


def fit_all_forecasts(training: list[PlantData], reference: ScoreTerms) -> None:
    choose_forecast(training, training, HORIZON, reference)


def main() -> None:
    """Measure all, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("config/iquitos_mall.yaml"))
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--tariff", type=Path, default=Path("config/tariffs/mt2_example.yaml"), help="bills power")
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks"), help="folder of the results")
    arguments = parser.parse_args()
    rows: list[Row] = []

    def limit_of(row: Row) -> float | None:
        """Limit of a year of the site itself [s]."""
        return LIMITS_S.get(row.what) if row.sockets == rows[0].sockets and row.years == 1 else None

    def judged(row: Row) -> str:
        limit = limit_of(row)
        return f"{row.seconds:.1f}" + ("" if limit is None or row.seconds <= limit else f", MISSED: {limit:g}")

    print(f"{'what':16} {'mode':14} {'sockets':>8} {'years':>6} {'size':>9} {'seconds':>9} {'limit':>7}")

    def add(row: Row) -> None:
        rows.append(row)
        limit = "" if limit_of(row) is None else f"{limit_of(row):.0f}"
        about = f"{row.what:16} {row.mode:14} {row.sockets:8d} {row.years:6d} {row.size:9,d}"
        print(f"{about} {row.seconds:9.1f} {limit:>7}", flush=True)

    measure(site(arguments.config, arguments.overrides), add)
    billed = site(arguments.config, [*arguments.overrides, f"tariff={arguments.tariff}"])
    for mode in ("dispatch", "bidirectional"):
        measure_billed(billed.with_mode(mode), mode, add)
    write_results(
        arguments.out,
        "controllers",
        "Size: variables of the optimum's program, hours of the others.",
        {
            "Optimum, rolling program and fits": (
                ("what", "mode", "sockets", "years", "size", "seconds"),
                [(r.what, r.mode, str(r.sockets), str(r.years), f"{r.size:,}", judged(r)) for r in rows],
            )
        },
        {"limits_s": LIMITS_S, "rows": [asdict(row) for row in rows]},
        ("pvbesscar.controllers", "pvbesscar.plant"),
    )


if __name__ == "__main__":
    main()
