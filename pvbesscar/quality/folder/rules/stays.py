"""Stays at chargers: a countdown to each departure, one vehicle after another, no charger a copy of the next."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.folder.columns import DEPARTURE, SESSION, STATE, Course
from pvbesscar.quality.folder.dataset_folder import DatasetFolder, NamedFile, folder_rule, short_name
from pvbesscar.quality.folder.dataset_folder import rows_of as at
from pvbesscar.quality.folder.rules.chargers import SIMULATION, slip


@folder_rule(
    "charger.countdown",
    "error",
    "hours to departure count down to it",
    looks_at=("charger files",),
    rationale="`electric_vehicle_departure_time` is the number of rows until the vehicle leaves, one less in each row. "
    "Agents plan by it. Up to a tenth of the stays without one, or with another, are a warning.",
    reference=f"{SIMULATION}: number of time steps until the EV departs",
    cause="a clock time or a fixed length in the place of the hours left, or rows lost within a stay",
    fix="write the rows left until departure into every connected row",
)
def countdown(folder: DatasetFolder) -> Iterator[Violation]:
    """Find rows whose countdown does not fit the stay, to whichever of its two ends the file counts."""
    for file, course in folder.courses.values():
        end = 0.0 if _ends_in_zero(course) else 1.0
        left = course.countdown
        last = np.zeros(left.size, dtype=np.bool_)
        last[course.ends] = True
        last[-1] = False
        falls = np.append(course.stays & (left[1:] != left[:-1] - 1.0), [False])
        bad = course.connected & (~(left >= end) | falls | (last & (left != end)))
        if bad.any():
            stays = np.unique(np.searchsorted(course.begins, np.flatnonzero(bad), side="right"))
            seen = (
                f"{int(bad.sum())} of {int(course.connected.sum())} connected rows, in {stays.size} of "
                f"{course.begins.size} stays, do not count down to the departure"
            )
            limit, mild = f"rows left, {end:g} in the last", slip(stays.size, course.begins.size)
            yield at(file.name, DEPARTURE, bad, observed=seen, limit=limit, message=seen, severity=mild)


def _ends_in_zero(course: Course) -> bool:
    """Whether most stays count down to 0 in their last row; the last row of a file ends none."""
    last = course.countdown[course.ends[course.ends < course.countdown.size - 1]]
    return bool((last == 0.0).sum() > (last == 1.0).sum())


@folder_rule(
    "charger.countdown_to_zero",
    "warning",
    "the countdown ends in 1",
    looks_at=("charger files",),
    rationale="CityLearn takes the countdown for the number of rows, the present one included, in which a vehicle can "
    "still charge: one that has reached 1 leaves when its row ends. With 0 in the last row an agent is told of one row "
    "too few in every row, and of none in the last; physics and departures follow the state and are the same. Files "
    "of the CityLearn Challenge 2022 with vehicles count to 0.",
    reference="CityLearn 3.0.2, internal/loading.py: `A vehicle whose countdown reaches one leaves at the boundary "
    "after the final controlled interval`; internal/building_ops.py: hours_until_departure; docs/files.md, the dataset",
    cause="a file of an older version, or rows counted from 0",
    fix="add 1 to the countdown of every connected row",
)
def countdown_to_zero(folder: DatasetFolder) -> Iterator[Violation]:
    """Find files that count to 0."""
    for file, course in folder.courses.values():
        if _ends_in_zero(course):
            seen = f"it counts down to 0 where 1 is expected, in all {int(course.connected.sum())} connected rows"
            yield Violation(short_name(file.name), DEPARTURE, seen, "rows left, 1 in the last", seen)


@folder_rule(
    "charger.sessions",
    "warning",
    "vehicles that follow one another are told apart",
    looks_at=("charger files",),
    rationale="Where one vehicle follows another without an empty row, CityLearn tells them apart by "
    "`electric_vehicle_session_id`; without it, the second starts with what the first had.",
    reference="CityLearn 3.0.2, internal/runtime.py, associate_chargers_to_electric_vehicles",
    cause="a file of an older version",
    fix="add the column, with a name for each session",
)
def sessions(folder: DatasetFolder) -> Iterator[Violation]:
    """Find vehicles that follow directly, without sessions."""
    for file, course in folder.courses.values():
        both = course.connected[:-1] & course.connected[1:]
        jump = both & (course.countdown[1:] > course.countdown[:-1])
        bad = np.flatnonzero(jump & (course.session[:-1] == course.session[1:])) + 1
        if bad.size:
            seen = f"{bad.size} vehicles follow the one before directly, without a session id of their own"
            yield at(file.name, SESSION, bad, observed=seen, limit="an id for each session", message=seen)


@folder_rule(
    "charger.copied",
    "warning",
    "no two chargers have one course",
    looks_at=("charger files",),
    rationale="Two chargers whose vehicles come and go in the same hours with the same SOC all year are copies: a "
    "measured profile multiplied to fill a larger site.",
    reference="docs/design.md, What it is for: 32 measured profiles were once stretched to 128 sockets",
    cause="profiles multiplied",
    fix="use the sessions of each charger, or fewer chargers",
)
def copied(folder: DatasetFolder) -> Iterator[Violation]:
    """Compare every course with those before it."""
    first: dict[bytes, NamedFile] = {}
    for file, course in folder.courses.values():
        if not course.connected.any():
            continue
        known = b"".join(part.tobytes() for part in (course.state, course.required, course.arrival))
        other = first.setdefault(known, file)
        if other is not file:
            seen = f"the course of `{short_name(other.name)}`"
            yield Violation(short_name(file.name), STATE, seen, "a course of its own", f"a copy: {seen}")
