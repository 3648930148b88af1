"""What must hold of the charger files, which are judged as one table, and of the sessions that they show."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from pvbesscar.quality.expectations.dataset_files import (
    ARRIVAL_SOC,
    ARRIVES_IN,
    CHARGER,
    EDITED,
    ID,
    LEAVES_IN,
    PERCENT,
    REBUILD,
    REQUIRED,
    ROUNDING,
    ROWS,
    SESSION,
    STATE,
    SUM_TOLERANCE,
    DatasetFiles,
    vehicles_due,
)
from pvbesscar.quality.expectations.suite import (
    Suite,
    among,
    between,
    empty,
    equal,
    exactly,
    filled,
    near,
    rows,
    total,
    unique,
)
from schemas.citylearn import AWAY, CONNECTED, INCOMING
from schemas.settings import HOURS_PER_YEAR


def charger_lengths(dataset: DatasetFiles) -> Suite:
    """Every charger file that the schema names has its columns, its rows and a closing row without a vehicle."""
    found = [
        {
            "file": name,
            "rows": len(table),
            "header": ",".join(map(str, table)),
            "closing": table[STATE].iloc[-1] if STATE in table else None,
        }
        for name in dataset.chargers.values()
        if len(table := dataset.tables.get(name, pd.DataFrame()))
    ]
    return Suite(
        "charger_files",
        "charger_*.csv",
        pd.DataFrame(found, columns=["file", "rows", "header", "closing"]),
        (
            exactly("file", dataset.chargers.values()),
            among("rows", [ROWS]),
            among("header", [",".join(CHARGER)], cause="a column is missing, renamed, added or elsewhere"),
            among("closing", [AWAY], cause="the closing row has a vehicle, which would never leave"),
        ),
        EDITED,
        REBUILD,
        ("file",),
    )


def charger_rows(dataset: DatasetFiles) -> pd.DataFrame | None:
    """Rows of all charger files as one table, with the file, its row and the vehicle of the socket beside them.

    `None` where no file has all columns, which `charger_lengths` refuses.
    """
    vehicles = {f"{vehicle.partition('_')[2]}.csv": vehicle for vehicle in vehicles_due(dataset.settings)}
    tables = [
        dataset.tables[name].assign(file=name, row=np.arange(len(dataset.tables[name])), vehicle_due=vehicles.get(name))
        for name in dataset.chargers.values()
        if name in dataset.tables
    ]
    found = pd.concat(tables, ignore_index=True) if tables else None
    return found if found is not None and set(CHARGER) <= set(found.columns) else None


def charger_suites(dataset: DatasetFiles, found: pd.DataFrame) -> Iterable[Suite]:
    """Suites on all charger files: states, vehicles, countdowns and sessions."""
    name, keys = "charger_*.csv", ("file", "row")
    unknown = found[[*CHARGER, *keys, "vehicle_due"]]
    yield Suite(
        "chargers",
        name,
        unknown,
        (
            *filled(STATE),
            among(STATE, [CONNECTED, INCOMING, AWAY], cause="CityLearn takes another state for no vehicle"),
            among(ID, dataset.schema.get("electric_vehicles_def", {}), cause="the schema does not define the vehicle"),
            equal(ID, "vehicle_due"),
            between(REQUIRED, 0.0, 1.0, cause=PERCENT),
            between(ARRIVAL_SOC, 0.0, 1.0, cause=PERCENT),
        ),
        EDITED,
        REBUILD,
        keys,
    )
    there = found[found[STATE] == CONNECTED]
    following = there.assign(due=there[LEAVES_IN].shift() - 1.0, same=there[SESSION].eq(there[SESSION].shift()))
    yield Suite(
        "connected",
        name,
        following.assign(due=following["due"].where(following["same"])).reset_index(drop=True),
        (
            *filled(ID, LEAVES_IN, REQUIRED, ARRIVAL_SOC, SESSION),
            between(LEAVES_IN, 1.0, float(HOURS_PER_YEAR)),
            equal(LEAVES_IN, "due", cause="the countdown to the departure does not fall by one an hour"),
        ),
        EDITED,
        REBUILD,
        keys,
    )
    coming = found[found[STATE] == INCOMING].reset_index(drop=True)
    yield Suite("incoming", name, coming, (*filled(ID, ARRIVAL_SOC), among(ARRIVES_IN, [1])), EDITED, REBUILD, keys)
    away = found[found[STATE] == AWAY].reset_index(drop=True)
    yield Suite("away", name, away, tuple(empty(column) for column in CHARGER[1:]), EDITED, REBUILD, keys)
    yield _sessions(dataset, there.assign(before=found[STATE].shift()[there.index]))


def _sessions(dataset: DatasetFiles, there: pd.DataFrame) -> Suite:
    """Sessions as the rows of the charger files show them, beside those of the twin in `sessions.parquet`.

    One row a session. The energy is what it needs at the charger, also where no power can give it in its stay.
    """
    settings, facts = dataset.settings, dataset.manifest.facts
    ev = settings.ev
    found = there.groupby(["file", SESSION], as_index=False, sort=False).agg(
        hours=("row", "size"),
        first=("row", "min"),
        last=("row", "max"),
        vehicle=("vehicle_due", "first"),
        before=("before", "first"),
        arrival_soc=(ARRIVAL_SOC, "first"),
        required_soc=(REQUIRED, "first"),
        required_least=(REQUIRED, "min"),
        required_most=(REQUIRED, "max"),
        countdown=(LEAVES_IN, "max"),
    )
    twin = dataset.sessions.rename(columns={"session_id": SESSION}).assign(
        socket_file=dataset.sessions["socket"].map({k: f"{ev.socket_name(k)}.csv" for k in range(ev.sockets)})
    )
    twin = twin[[SESSION, "socket_file", "arrival", "departure", "arrival_soc", "required_soc"]]
    found = found.merge(twin, on=SESSION, how="outer", suffixes=("", "_of_twin"))
    capacity = found["vehicle"].map(vehicles_due(dataset.settings)).astype(float)
    need = (found["required_soc"] - found["arrival_soc"]) * capacity / ev.charger_efficiency
    until = found["last"] + 1
    table = found.assign(
        span=until - found["first"],
        until=until,
        # The first row of a file has none before it: a vehicle there was never on its way.
        before=found["before"].where(found["first"] > 0),
        energy_kwh=need,
        **{f"{soc}_off": found[soc] - found[f"{soc}_of_twin"] for soc in ("arrival_soc", "required_soc")},
    )
    apart = {"cause": "the twin and CityLearn would live through different sessions"}
    return Suite(
        "sessions",
        "charger_*.csv",
        table,
        (
            rows(facts.sessions, cause="sessions are missing, or were added"),
            unique(SESSION),
            equal("hours", "span", cause="a session is interrupted"),
            equal("countdown", "hours", cause="the first countdown of a session is not its length"),
            equal("required_least", "required_most", cause="the required SOC changes within a session"),
            among("before", [CONNECTED, INCOMING], cause="an arrival that the row before it does not announce"),
            *filled("first", "arrival", **apart),
            equal("file", "socket_file", **apart),
            equal("first", "arrival", **apart),
            equal("until", "departure", **apart),
            *(between(f"{soc}_off", -ROUNDING, ROUNDING, **apart) for soc in ("arrival_soc", "required_soc")),
            total("energy_kwh", *near(facts.ev_kwh, SUM_TOLERANCE), "energy", cause="not the energy of the manifest"),
            *dataset.declared("energy.ev_declared", "energy_kwh", ev.declared_kwh, "ev.declared_kwh"),
        ),
        EDITED,
        REBUILD,
        ("file", SESSION),
    )
