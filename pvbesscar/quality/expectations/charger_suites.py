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
    ROWS,
    SESSION,
    STATE,
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


def charger_rows(dataset: DatasetFiles) -> pd.DataFrame | None:
    """Rows of all charger files as one table, with the file, its row and the vehicle of the socket beside them."""
    vehicles = {f"{vehicle.partition('_')[2]}.csv": vehicle for vehicle in vehicles_due(dataset.settings)}
    tables = [
        dataset.tables[name].assign(file=name, row=np.arange(len(dataset.tables[name])), vehicle_due=vehicles.get(name))
        for name in dataset.chargers.values()
        if name in dataset.tables
    ]
    found = pd.concat(tables, ignore_index=True) if tables else None
    return found if found is not None and set(CHARGER) <= set(found.columns) else None


def charger_suites(dataset: DatasetFiles, found: pd.DataFrame) -> Iterable[Suite]:
    """Suites on all charger files: lengths, states, vehicles, countdowns and sessions."""
    settings, name, keys = dataset.settings, "charger_*.csv", ("file", "row")
    last = found.groupby("file", sort=False).tail(1)
    lengths = found.groupby("file", sort=False, as_index=False).agg(rows=("row", "size")).merge(last[["file", STATE]])
    yield Suite(
        "charger_files",
        name,
        lengths,
        (
            exactly("file", dataset.chargers.values()),
            among("rows", [ROWS]),
            among(STATE, [AWAY], cause="the closing row has a vehicle, which would never leave"),
        ),
        EDITED,
        REBUILD,
        ("file",),
    )
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
            among(REQUIRED, [settings.ev.required_soc], cause="not the `ev.required_soc` that is configured"),
        ),
        EDITED,
        REBUILD,
        keys,
    )
    coming = found[found[STATE] == INCOMING].reset_index(drop=True)
    yield Suite("incoming", name, coming, (*filled(ID, ARRIVAL_SOC), among(ARRIVES_IN, [1])), EDITED, REBUILD, keys)
    away = found[found[STATE] == AWAY].reset_index(drop=True)
    yield Suite("away", name, away, tuple(empty(column) for column in CHARGER[1:]), EDITED, REBUILD, keys)
    yield _sessions(dataset, there)


def _sessions(dataset: DatasetFiles, there: pd.DataFrame) -> Suite:
    """Sessions as the rows of the charger files show them, one row a session."""
    ev, facts = dataset.settings.ev, dataset.manifest.facts
    found = there.groupby(["file", SESSION], as_index=False, sort=False).agg(
        hours=("row", "size"),
        first=("row", "min"),
        last=("row", "max"),
        vehicle=("vehicle_due", "first"),
        arrival_soc=(ARRIVAL_SOC, "first"),
        required_soc=(REQUIRED, "first"),
        countdown=(LEAVES_IN, "max"),
    )
    capacity = found["vehicle"].map(vehicles_due(dataset.settings)).astype(float)
    need = (found["required_soc"] - found["arrival_soc"]).clip(lower=0.0) * capacity / ev.charger_efficiency
    # A vehicle that no power can serve in its stay takes what the socket gives.
    drawn = np.minimum(need, ev.socket_kw * found["hours"])
    table = found.assign(span=found["last"] - found["first"] + 1, energy_kwh=drawn)
    return Suite(
        "sessions",
        "charger_*.csv",
        table,
        (
            rows(facts.sessions, cause="sessions are missing, or were added"),
            unique(SESSION),
            equal("hours", "span", cause="a session is interrupted"),
            equal("countdown", "hours", cause="the first countdown of a session is not its length"),
            total("energy_kwh", *near(facts.ev_kwh, 1e-4), "energy", cause="not the energy that the manifest names"),
        ),
        EDITED,
        REBUILD,
        ("file", SESSION),
    )
