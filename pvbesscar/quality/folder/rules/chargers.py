"""Chargers: states that CityLearn understands, SOC on one scale, vehicles that exist, come, and go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.folder.columns import (
    ARRIVAL_SOC,
    REQUIRED,
    STATE,
    VEHICLE,
    Course,
    FloatArray,
    Rows,
)
from pvbesscar.quality.folder.dataset_folder import CITYLEARN, DatasetFolder, NamedFile, folder_rule, number, short_name
from pvbesscar.quality.folder.dataset_folder import rows_of as at
from pvbesscar.quality.folder.rules.physics import attributes
from pvbesscar.quality.folder.rules.schema import listed, said
from schemas.citylearn import AWAY, CONNECTED, INCOMING
from schemas.results import Severity

SIMULATION = f"{CITYLEARN}, data.py, ChargerSimulation"
NO_SOC = -0.1
"""What CityLearn writes for a SOC that is not there; some datasets do so themselves."""

SLACK_KWH = 1e-6

FEW = 0.10
"""Share of a column's values, or of a charger's stays, up to which a fault is a slip of its author, a warning. Those of
the CityLearn Challenge 2022 with vehicles have up to 0.09."""


@folder_rule(
    "charger.state",
    "error",
    "every row has a state that CityLearn understands",
    looks_at=("charger files",),
    rationale="States are 1 connected, 2 incoming, 3 away. They are read as text of digits: one empty cell, or one "
    "`1.0`, turns the column into decimal numbers, none of which is a state, and no vehicle is ever there, all year, "
    "silently.",
    reference=f"{SIMULATION}: str(s).isdigit()",
    cause="a gap in the export, or a column that a spreadsheet wrote with decimals",
    fix="write 1, 2 or 3 into every row, 3 where no vehicle is expected",
)
def state(folder: DatasetFolder) -> Iterator[Violation]:
    """Find cells that are no state."""
    for file, course in folder.courses.values():
        unknown = ~np.isin(course.state, (CONNECTED, INCOMING, AWAY))
        if not course.whole:
            n = int(np.isnan(course.state).sum())
            seen = f"{n} cells that are no whole number" if n else "states written with decimals"
            message = f"{seen}: CityLearn reads no state at all in this file"
            yield at(file.name, STATE, unknown, observed=seen, limit="1, 2 or 3 in every row", message=message)
        elif unknown.any():
            seen = f"{int(unknown.sum())} rows with another state than 1, 2, 3"
            yield at(file.name, STATE, unknown, observed=seen, limit="1, 2 or 3", message=seen)


@folder_rule(
    "charger.soc_scale",
    "error",
    "SOC are ratios, or percent, never both",
    looks_at=("charger files",),
    rationale="Values up to 1 are read as ratios and above 1 as percent, value by value: in a column of percent 0.8 % "
    "becomes 80 % and 1 % becomes full. Up to a tenth of such values among percent are a "
    "warning.",
    reference=f"{SIMULATION}.normalize_soc_series",
    cause="files of two sources, or percent with values near zero",
    fix="write ratios from 0 to 1 in every row",
)
def soc_scale(folder: DatasetFolder) -> Iterator[Violation]:
    """Find columns with values on both scales, and files whose columns differ."""
    for file, columns in folder.of("charger_simulation"):
        scales = {}
        for name in (REQUIRED, ARRIVAL_SOC):
            values = columns.numbers.get(name, np.zeros(0))
            percent, ratio = values > 1.0, (values > 0.0) & (values <= 1.0)
            if percent.any() and ratio.any():
                fewer = percent if percent.sum() <= ratio.sum() else ratio
                seen = f"{int(ratio.sum())} values up to 1, {int(percent.sum())} above"
                mild = slip(int(ratio.sum()), int(ratio.sum() + percent.sum()))
                yield at(file.name, name, fewer, observed=seen, limit="one scale", severity=mild,
                         message=f"percent and ratios in one column: {seen}")  # fmt: skip
            elif percent.any() or ratio.any():
                scales[name] = "percent" if percent.any() else "ratios"
        if len(set(scales.values())) > 1:
            seen = ", ".join(f"`{name}` in {scale}" for name, scale in scales.items())
            yield Violation(short_name(file.name), REQUIRED, seen, "one scale", f"two scales in one file: {seen}")


def slip(bad: int, among: int) -> Severity | None:
    """Return the milder severity of a fault that few rows or stays have."""
    return "warning" if bad <= FEW * among else None


@folder_rule(
    "charger.soc_range",
    "error",
    "SOC from 0 to 100 %",
    looks_at=("charger files",),
    rationale="Below zero CityLearn takes a SOC for one that is not there, above 100 % for full.",
    reference=f"{SIMULATION}.normalize_soc_series",
    cause="energies in the place of SOC, or a code such as -1 or -999",
    fix="write ratios from 0 to 1, and an empty cell where there is no vehicle",
)
def soc_range(folder: DatasetFolder) -> Iterator[Violation]:
    """Find SOC that no battery has."""
    for file, columns in folder.of("charger_simulation"):
        for name in (REQUIRED, ARRIVAL_SOC):
            values = columns.numbers.get(name, np.zeros(0))
            bad = (values > 100.0) | ((values < 0.0) & (values != NO_SOC))
            if bad.any():
                seen = f"{int(bad.sum())} values from {values[bad].min():.4g} to {values[bad].max():.4g}"
                yield at(file.name, name, bad, observed=seen, limit="0 to 1, or 0 to 100 %", message=f"no SOC: {seen}")


@folder_rule(
    "charger.soc_missing",
    "error",
    "a vehicle has its SOC",
    looks_at=("charger files",),
    rationale="Without the SOC wanted, a vehicle departs whatever it has; without the SOC at arrival, announced in "
    "the row before, it keeps the one that chance left it. Up to a tenth of the rows without are a warning.",
    reference=f"{SIMULATION}: an empty cell is {NO_SOC}",
    cause="sessions whose SOC nobody recorded",
    fix="write the SOC wanted into every connected row, the SOC expected into every incoming one",
)
def soc_missing(folder: DatasetFolder) -> Iterator[Violation]:
    """Find vehicles without one of the two."""
    for file, course in folder.courses.values():
        for name, rows, values in (
            (REQUIRED, course.connected, course.required),
            (ARRIVAL_SOC, course.state == INCOMING, course.arrival),
        ):
            bad = rows & np.isnan(values)
            if bad.any():
                seen = f"{int(bad.sum())} of {int(rows.sum())} rows without"
                mild = slip(int(bad.sum()), int(rows.sum()))
                message = f"`{name}`: {seen}"
                yield at(file.name, name, bad, observed=seen, limit="a SOC in each", message=message, severity=mild)


@folder_rule(
    "charger.vehicle",
    "error",
    "every vehicle at a charger is defined",
    looks_at=("charger files, schema.json",),
    rationale="A vehicle is found by its id among `electric_vehicles_def`; one that is not there, or left out by "
    "`include`, never charges.",
    reference=f"{CITYLEARN}, citylearn.py, associate_chargers_to_electric_vehicles",
    cause="an id misspelt or missing, or vehicles left out of the schema",
    fix="define the vehicle under `electric_vehicles_def`, or correct its id in the file",
)
def vehicle(folder: DatasetFolder) -> Iterator[Violation]:
    """Find ids that no vehicle has."""
    known = np.array([*folder.vehicles], dtype=np.str_)
    for file, course in folder.courses.values():
        bad = np.isin(course.state, (CONNECTED, INCOMING)) & ~np.isin(course.vehicle, known)
        if bad.any():
            names = listed([*map(str, np.unique(course.vehicle[bad]))])
            yield at(file.name, VEHICLE, bad, observed=names, limit="ids of `electric_vehicles_def`",
                     message=f"vehicles that the schema does not define: {names}")  # fmt: skip


@folder_rule(
    "charger.twice",
    "error",
    "a vehicle is at one charger at a time",
    looks_at=("charger files",),
    rationale="One id is one battery: at two chargers in one hour it is charged twice, or moves without a drive.",
    reference=f"{CITYLEARN}, citylearn.py, associate_chargers_to_electric_vehicles",
    cause="ids used for a class of vehicles, or a file copied",
    fix="give every vehicle, or every charger's vehicles, an id of their own",
)
def twice(folder: DatasetFolder) -> Iterator[Violation]:
    """Find rows in which a vehicle is at two chargers."""
    stays: dict[str, list[tuple[NamedFile, Rows]]] = defaultdict(list)
    for file, course in folder.courses.values():
        for name in np.unique(course.vehicle[course.connected]):
            if name:
                stays[str(name)].append((file, np.flatnonzero(course.connected & (course.vehicle == name))))
    for name, places in stays.items():
        rows, times = np.unique(np.concatenate([rows for _, rows in places]), return_counts=True)
        both = rows[times > 1]
        if both.size:
            file = places[1][0]
            seen = f"`{short_name(name)}` at {len(places)} chargers in {both.size} rows"
            yield at(file.name, VEHICLE, both, observed=seen, limit="one charger at a time", message=seen)


@folder_rule(
    "charger.never_away",
    "error",
    "a charger is free at times",
    looks_at=("charger files",),
    rationale="A vehicle that never leaves is a stationary battery, and a charger that nobody leaves serves one "
    "vehicle: its flexibility is free, and no departure is ever judged.",
    reference=f"{SIMULATION}: state 3, away",
    cause="states inverted or never filled in, or departures that were not recorded",
    fix="export arrivals and departures again",
)
def never_away(folder: DatasetFolder) -> Iterator[Violation]:
    """Find chargers that are occupied in nearly every row."""
    for file, course in folder.courses.values():
        share = float(course.connected[:-1].mean())
        if share > 0.995:
            seen = f"connected in {share:.1%} of the rows"
            yield Violation(
                short_name(file.name), STATE, seen, "free at times", f"a charger that is never away: {seen}"
            )


@folder_rule(
    "charger.never_used",
    "warning",
    "a charger is used",
    looks_at=("charger files",),
    rationale="A charger without any vehicle is an observation and an action that mean nothing.",
    reference=f"{SIMULATION}: state 1, connected",
    cause="sessions lost in the export, or a charger that is not built yet",
    fix="leave the charger out of the schema, or export its sessions",
)
def never_used(folder: DatasetFolder) -> Iterator[Violation]:
    """Find chargers without a vehicle."""
    for file, course in folder.courses.values():
        if course.whole and not course.connected.any():
            seen = f"connected in none of {course.state.size} rows"
            yield Violation(short_name(file.name), STATE, seen, "vehicles", "a charger that nobody ever uses")


@folder_rule(
    "charger.soc_falls",
    "warning",
    "vehicles want no less than they bring",
    looks_at=("charger files",),
    rationale="A vehicle that wants less at departure than it has at arrival needs no charging: it is served by doing "
    "nothing, and dilutes every share of departures met.",
    reference="departure SOC against arrival SOC of one stay",
    cause="arrival and departure exchanged",
    fix="check both columns",
)
def soc_falls(folder: DatasetFolder) -> Iterator[Violation]:
    """Compare the two SOC of each stay."""
    for file, course in folder.courses.values():
        begins, brought = _arrivals(course)
        bad = begins[course.required[begins] < brought]
        if bad.size:
            seen = f"{bad.size} of {begins.size} stays want less than they bring"
            yield at(file.name, REQUIRED, bad, observed=seen, limit="at least the SOC at arrival", message=seen)


def _arrivals(course: Course) -> tuple[Rows, FloatArray]:
    """First row of each stay and the SOC that it was announced with; the SOC in the row itself where none was."""
    begins = course.begins
    before = course.arrival[np.maximum(begins - 1, 0)]
    announced = (begins > 0) & (course.state[np.maximum(begins - 1, 0)] == INCOMING)
    return begins, np.where(announced, before, course.arrival[begins])


@folder_rule(
    "charger.feasible",
    "warning",
    "what vehicles want can be charged",
    looks_at=("charger files, schema.json",),
    rationale="No more than power times hours times efficiency goes into a battery. Beyond, every controller fails "
    "alike, and a reward for service only adds noise.",
    reference="docs/design.md, Actions: what no power can meet is counted as infeasible",
    cause="a power in the wrong unit, stays that are too short, or SOC on another scale",
    fix="check `max_charging_power` and `capacity` [kW, kWh] and the stays",
)
def feasible(folder: DatasetFolder) -> Iterator[Violation]:
    """Compare the energy wanted with what full power gives."""
    for file, course in folder.courses.values():
        power = _full_power(folder, file)
        if power is None or folder.hours_per_row is None:
            continue
        begins, brought = _arrivals(course)
        stay = (course.ends - begins + 1) * folder.hours_per_row
        capacity = np.array([_capacity(folder, str(name)) for name in course.vehicle[begins]], dtype=np.float64)
        short = (course.required[begins] - brought) * capacity - power * stay
        bad = begins[short > SLACK_KWH]
        if bad.size:
            seen = f"{bad.size} of {begins.size} stays, the worst short of {np.nanmax(short):.4g} kWh"
            limit = f"{power:g} kW into the battery"
            yield at(
                file.name, REQUIRED, bad, observed=seen, limit=limit, message=f"more is wanted than can be: {seen}"
            )


def _full_power(folder: DatasetFolder, file: NamedFile) -> float | None:
    """Power into the battery at full power [kW], None where the schema does not say it."""
    found = attributes(folder.chargers(file.building)[file.charger or ""])
    power, efficiency = number(found.get("max_charging_power")), number(found.get("efficiency", 1.0))
    return None if power is None or efficiency is None else power * efficiency


def _capacity(folder: DatasetFolder, name: str) -> float:
    """Capacity of a vehicle's battery [kWh], NaN where there is no such vehicle."""
    found = number(folder.vehicles.get(name, {}).get("capacity"))
    return np.nan if found is None else found


@folder_rule(
    "charger.vehicle_unused",
    "warning",
    "every vehicle comes to a charger",
    looks_at=("schema.json, charger files",),
    rationale="A vehicle that no file names is simulated away for ever.",
    reference="a dataset is what its files say",
    cause="ids misspelt in the files, or chargers that were left out",
    fix="correct the ids, or leave the vehicle out",
)
def vehicle_unused(folder: DatasetFolder) -> Iterator[Violation]:
    """Find vehicles that come nowhere."""
    if len(folder.courses) < len({str(file.name) for file in folder.named if file.kind == "charger_simulation"}):
        return  # who comes to a file that could not be read is unknown
    seen = {str(name) for _, course in folder.courses.values() for name in np.unique(course.vehicle)}
    idle = sorted(folder.vehicles.keys() - seen)
    if idle:
        names = listed(idle)
        key = f"electric_vehicles_def.{idle[0]}"
        yield said(key, f"{len(idle)} vehicles: {names}", "in a charger file", f"vehicles that come nowhere: {names}")
