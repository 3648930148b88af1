"""Chargers: profiles within their rating, and chargers that differ from one another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.year.context import QualityContext, rule
from schemas.frames import EV_PROFILE, SESSIONS
from schemas.settings import HOURS_PER_YEAR

ALWAYS_TAKEN = 0.98


@rule(
    "ev.profile_rating",
    "error",
    "chargers within their rating",
    looks_at=(EV_PROFILE,),
    rationale="A charger of four sockets delivers at most four times a socket's power in an hour.",
    reference="docs/design.md, The plant: 3.5 kW per socket, four sockets per charger",
    cause="a wrong unit (W for kW), energies of a day, or another charger",
    fix="check the unit of the profile and `ev.socket_kw`",
)
def profile_rating(context: QualityContext) -> Iterator[Violation]:
    """Find hours above a charger's (or a socket's) power."""
    ev = context.settings.ev
    columns = context.columns(EV_PROFILE)
    limit = ev.socket_kw * (ev.sockets_per_charger if len(columns) <= ev.chargers else 1)
    for column in columns:
        values = context.values(EV_PROFILE, column)
        above = np.flatnonzero(values > limit * (1 + 1e-6))
        if above.size:
            yield Violation(
                EV_PROFILE,
                column,
                f"up to {values[above].max():.6g} kWh in an hour",
                f"{limit:g} kWh",
                f"{above.size} hours are above the rating, the greatest with {values[above].max():.6g} kWh",
                hours=above,
            )


@rule(
    "ev.profile_copied",
    "warning",
    "chargers differ from one another",
    looks_at=(EV_PROFILE,),
    rationale="Vehicles come one by one: two chargers with the same energy in all 8,760 hours are one series written "
    "twice, and what is learnt from them knows nothing of the spread of arrivals.",
    reference="docs/design.md, What it is for: 32 profiles silently stretched to 128 sockets",
    cause="one estimated profile divided by the number of chargers",
    fix="use metered sessions (`ev.source: sessions`); until then the report names the copies",
)
def profile_copied(context: QualityContext) -> Iterator[Violation]:
    """Group chargers by equal values."""
    groups: dict[bytes, list[str]] = {}
    for column in context.columns(EV_PROFILE):
        groups.setdefault(context.values(EV_PROFILE, column).tobytes(), []).append(column)
    for same in groups.values():
        if len(same) > 1:
            yield Violation(
                EV_PROFILE,
                same[0],
                f"{len(same)} equal columns, `{same[0]}` to `{same[-1]}`",
                "no two columns equal",
                f"{len(same)} chargers have one and the same profile",
            )


@rule(
    "ev.profile_idle",
    "warning",
    "every charger is used",
    looks_at=(EV_PROFILE,),
    rationale="A charger that delivers nothing in a year is out of order, or its column was not recorded.",
    reference="docs/design.md, The plant",
    cause="a charger out of order, or a column that was not recorded",
    fix="check the charger's meter; a charger that is not there is left out of the file and of `ev.chargers`, and the "
    "others are numbered through",
)
def profile_idle(context: QualityContext) -> Iterator[Violation]:
    """Find chargers without energy."""
    for column in context.columns(EV_PROFILE):
        if not (np.nan_to_num(context.values(EV_PROFILE, column)) > 0).any():
            yield Violation(EV_PROFILE, column, "0 kWh in the year", "more than 0 kWh", "the charger is never used")


@rule(
    "sessions.never_away",
    "warning",
    "sockets are free at times",
    looks_at=(SESSIONS,),
    rationale="A socket that is taken in more than 98 % of all hours has a vehicle that never drives.",
    reference="sessions: arrival inclusive, departure exclusive",
    cause="departures that were not recorded, so that a session lasts until the next arrival",
    fix="correct the departures in the sessions file",
)
def never_away(context: QualityContext) -> Iterator[Violation]:
    """Find sockets that are always taken."""
    frame = context.frames[SESSIONS]
    stay = (frame["departure"] - frame["arrival"]).clip(lower=0).groupby(frame["socket"]).sum() / HOURS_PER_YEAR
    taken = stay[stay > ALWAYS_TAKEN]
    if len(taken):
        yield Violation(
            SESSIONS,
            "departure",
            f"{len(taken)} sockets, the first {taken.index[0]}, are taken in {taken.max():.1%} of all hours",
            f"at most {ALWAYS_TAKEN:.0%}",
            f"{len(taken)} sockets are practically never free",
        )
