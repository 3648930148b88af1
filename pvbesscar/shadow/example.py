"""Example telemetry, made from a dataset's year: a site that the rule drives on the twin. It is no measurement."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd

from pvbesscar.controllers.baselines import Rule
from pvbesscar.plant import ledger
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.twin import Twin
from pvbesscar.shadow.telemetry import COLUMNS, socket_column
from pvbesscar.store.files import write_text

TELEMETRY_FILE, SESSIONS_FILE, NOTE_FILE = "telemetry_synthetic.csv", "sessions_synthetic.csv", "README.md"
SESSION_COLUMNS = ("session_id", "socket", "arrival", "departure", "battery_kwh", "arrival_soc", "required_soc")


def write_example(folder: Path, data: PlantData, hours: int) -> tuple[Path, Path]:
    """Write telemetry and sessions of a year's first hours, and a note that says what they are.

    Parameters
    ----------
    data
        The year.
    hours
        Hours to write, from the first of the year on.

    Returns
    -------
    tuple of Path
        Telemetry and sessions.
    """
    stamps = [stamp.isoformat() for stamp in data.stamps]
    telemetry, sessions = folder / TELEMETRY_FILE, folder / SESSIONS_FILE
    write_text(telemetry, _csv([*COLUMNS, *map(socket_column, range(data.params.sockets))], _rows(data, stamps, hours)))
    write_text(sessions, _csv(SESSION_COLUMNS, _stays(data, stamps, hours)))
    write_text(
        folder / NOTE_FILE,
        "# Synthetic telemetry\n\n"
        f"No site has measured this: {hours} hours of dataset `{data.digest[:12]}`, from {stamps[0]} on, with battery "
        "and vehicles as the rule drives them on the twin. docs/shadow.md says what the columns are.\n",
    )
    return telemetry, sessions


def _rows(data: PlantData, stamps: list[str], hours: int) -> list[list[object]]:
    twin, rule, rows = Twin(data), Rule(), list[list[object]]()
    twin.reset(0, hours)
    for t in range(hours):
        hour = twin.step(rule.decide(twin.state))
        own = hour.row
        # What may not be exported is not generated.
        pv = own[ledger.PV] - own[ledger.CURTAILED]
        battery, grid = own[ledger.CHARGE] - own[ledger.DISCHARGE], own[ledger.IMPORT] - own[ledger.EXPORT]
        powers = (pv, own[ledger.MALL], own[ledger.EV], battery, grid, own[ledger.BESS_SOC])
        rows.append([stamps[t], *map(float, powers), *map(float, hour.socket_kwh)])
    return rows


def _stays(data: PlantData, stamps: list[str], hours: int) -> list[list[object]]:
    own, end = data.sessions, pd.Timedelta(hours=1)
    ends = [*stamps, (pd.Timestamp(stamps[-1]) + end).isoformat()]
    return [
        [f"s{i:06d}", int(own.socket[i]), stamps[own.arrival[i]], ends[own.departure[i]], *map(float, (
            own.battery_kwh[i], own.arrival_soc[i], own.required_soc[i]))]
        for i in np.flatnonzero(own.arrival < hours).tolist()
    ]  # fmt: skip


def _csv(head: object, rows: list[list[object]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(head)  # type: ignore[arg-type]
    writer.writerows(rows)
    return stream.getvalue()
