"""Files judged on their own, before any run: what each one is, how it was read, and what the rules find in it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pvbesscar.oe2.carbon_file import CARBON_HEADERS
from pvbesscar.oe2.cells import Table, plain
from pvbesscar.oe2.delimited import read_table
from pvbesscar.oe2.energy_file import MALL_HEADERS, PV_HEADERS
from pvbesscar.oe2.profile_file import CHARGER_HEADER, POSITION_HEADER, SOCKET_HEADER
from pvbesscar.oe2.readers import READERS
from pvbesscar.oe2.series import Series
from pvbesscar.oe2.session_columns import is_sessions
from pvbesscar.oe2.weather_file import WEATHER_HEADERS
from pvbesscar.quality.engine import JudgedFile, apply, worst_first
from pvbesscar.quality.year.context import FILE_KEYS, QualityContext
from pvbesscar.quality.year.judge import STRUCTURE
from pvbesscar.quality.year.rules import YEAR_RULES
from schemas.errors import InputError
from schemas.results import Finding, Provenance
from schemas.settings import Settings

Kind = Literal["weather", "pv", "mall", "ev_profile", "sessions", "carbon"]
PATH_KEY = "PATH"


def judge_file(path: Path, settings: Settings) -> JudgedFile:
    """Say what a file is and apply every rule that can be asked of it alone.

    A file that can not be read, or be taken for anything, is an error finding: `file.readable`.

    Parameters
    ----------
    path
        A delimited text file.
    settings
        Site, ratings, declared energies and the columns and units that the readers are told.
    """
    try:
        kinds = kinds_of(read_table(path, PATH_KEY))
        series = [READERS[kind].read(path, FILE_KEYS[kind], settings) for kind in kinds]
    except InputError as error:
        return JudgedFile(path=str(path), kinds=(), steps=(), findings=(_unreadable(path, error),))
    steps = dict.fromkeys(step for one in series for step in one.provenance.transformations)
    return JudgedFile(path=str(path), kinds=tuple(kinds), steps=tuple(steps), findings=_judge(series, settings))


def kinds_of(table: Table) -> tuple[Kind, ...]:
    """What a file holds, by its headers; weather and the generation that was measured with it may share a file.

    Raises
    ------
    InputError
        The headers are of nothing known, or of generation and demand alike.
    """
    headers = {plain(header) for header in table.columns}
    if is_sessions(table):
        return ("sessions",)
    if any(pattern.fullmatch(name) for name in headers for pattern in (CHARGER_HEADER, SOCKET_HEADER, POSITION_HEADER)):
        return ("ev_profile",)
    if headers & set(CARBON_HEADERS):
        return ("carbon",)
    generation, demand = headers & set(PV_HEADERS), headers & set(MALL_HEADERS)
    if headers & set(WEATHER_HEADERS["ghi_w_m2"]):
        return ("weather", "pv") if generation else ("weather",)
    if generation - demand:
        return ("pv",)
    if demand - generation:
        return ("mall",)
    if generation:
        raise InputError(
            f"{table.path}: column {', '.join(f'`{name}`' for name in sorted(generation))} may be generation or "
            "demand.",
            hint="name the column for what it is, for example `pv_kwh` or `mall_kwh`.",
        )
    raise InputError(
        f"{table.path}: none of its headers says what the file is: {', '.join(f'`{h}`' for h in table.header[:8])}.",
        hint="weather has a column `ghi_w_m2`, generation `pv_kwh`, demand `mall_kwh`, charging `Charger_01` and "
        "so on, sessions `arrival` and `departure`.",
    )


def _judge(series: list[Series], settings: Settings) -> tuple[Finding, ...]:
    """Findings of the rules about series: whoever names a file wants all of it judged, whatever a scenario uses."""
    used = settings.model_copy(update={"pv": settings.pv.model_copy(update={"source": "model"})})
    provenance = Provenance(scenario=settings.name, seed=0, series=tuple(one.provenance for one in series), files={})
    context = QualityContext(used, {one.provenance.series: one.frame for one in series}, provenance)
    rules = [rule for rule in YEAR_RULES.all() if rule.looks_at and rule.id != STRUCTURE]
    found = [finding for rule in rules for finding in apply(rule, context)]
    return worst_first(found)


def _unreadable(path: Path, error: InputError) -> Finding:
    return Finding(
        rule="file.readable",
        severity="error",
        source=str(path),
        column="",
        observed=error.message,
        limit="a file that is read without a guess",
        message="the file can not be read as anything",
        cause="see what was seen",
        fix=error.hint or "export the file again",
    )
