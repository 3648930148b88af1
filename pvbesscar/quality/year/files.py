"""One file judged on its own: all that is in it, read as `ingest` would, and the rules that can be asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pvbesscar.oe2.carbon_file import CARBON_HEADERS
from pvbesscar.oe2.cells import Table, plain
from pvbesscar.oe2.delimited import read_table
from pvbesscar.oe2.energy_file import MALL_HEADERS, PV_HEADERS
from pvbesscar.oe2.fills import filled
from pvbesscar.oe2.ingest import scaled
from pvbesscar.oe2.profile_file import CHARGER_HEADER, POSITION_HEADER, SOCKET_HEADER, read_profile
from pvbesscar.oe2.readers import READERS
from pvbesscar.oe2.series import Series
from pvbesscar.oe2.session_columns import is_sessions
from pvbesscar.oe2.weather import decomposed
from pvbesscar.oe2.weather_file import read_weather
from pvbesscar.quality.engine import JudgedFile, finding, violations_of, worst_first
from pvbesscar.quality.year.context import FILE_KEYS, QualityContext
from pvbesscar.quality.year.judge import STRUCTURE, YearRule
from pvbesscar.quality.year.rules import YEAR_RULES
from schemas.errors import InputError
from schemas.frames import CARBON, COLUMNS, EV_PROFILE, MALL, PV, SESSIONS, WEATHER
from schemas.results import Finding, Provenance
from schemas.settings import FileSettings, Settings

PATH_KEY = "PATH"
SPLIT = ("dni_w_m2", "dhi_w_m2")
OPTIONAL = ("relative_humidity",)
SPLIT_MODEL = "erbs"
"""Model that splits global irradiance where a rule needs its parts and the file does not have them."""


@dataclass(slots=True)
class _Found:
    """What a file holds.

    Attributes
    ----------
    series
        What was read, by its name.
    absent
        Canonical columns of the weather that are not in the file: no rule is heard about them.
    refused
        What is in the file and can not be read, by the series that it would be.
    why
        What is not judged, and why.
    """

    series: dict[str, Series] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    refused: dict[str, InputError] = field(default_factory=dict)
    why: list[str] = field(default_factory=list)


def judge_file(path: Path, settings: Settings) -> JudgedFile:
    """Say what a file holds and apply every rule that can be asked of it alone.

    The readers are those of `ingest` with the keys of the configuration; where these name the file or one of its
    columns, they say what it is, else its headers do. What can not be read is an error finding: `file.readable`.

    Parameters
    ----------
    path
        A delimited text file or a Parquet file.
    settings
        Site, ratings, declared energies and the columns and units that the readers are told.
    """
    try:
        table = _table(path, settings)
        found = _read(table, settings)
    except InputError as error:
        return JudgedFile(path=str(path), kinds=(), steps=(), findings=(_unreadable(path, error),))
    steps = dict.fromkeys(step for one in found.series.values() for step in one.provenance.transformations)
    findings, rules = _judge(found, settings)
    refused = [_unreadable(path, error, kind) for kind, error in found.refused.items()]
    return JudgedFile(
        path=str(path),
        kinds=tuple(found.series),
        steps=tuple(steps),
        findings=worst_first([*refused, *findings]),
        judged=tuple(_judged(one, found.absent) for one in found.series.values()),
        not_judged=(*found.why, *_unused(table, found), *rules),
    )


def _table(path: Path, settings: Settings) -> Table:
    """Cells of a file as it shows itself, or as the first section reads it that says how its file is written."""
    try:
        return read_table(path, PATH_KEY)
    except InputError:
        for kind, reader in READERS.items():
            section = getattr(settings, reader.section)
            layout = {name: getattr(section, name) for name in FileSettings.model_fields}
            if any(value is not None for value in layout.values()):
                try:
                    return read_table(path, FILE_KEYS[kind], section)
                except InputError:
                    continue
        raise


def _is_named(kind: str, path: Path, settings: Settings) -> bool:
    """Whether the configuration names this very file for a series."""
    section = getattr(settings, READERS[kind].section)
    if section.file is None or (
        kind in {EV_PROFILE, SESSIONS} and (section.source == "sessions") != (kind == SESSIONS)
    ):
        return False
    return bool((settings.data.oe2_dir / section.file).resolve() == path.resolve())


def _read(table: Table, settings: Settings) -> _Found:
    """Everything that is in a file.

    Raises
    ------
    InputError
        Nothing of it can be read, or nobody can tell whether it is generation or demand.
    """
    headers = {plain(header) for header in table.columns}
    named = [kind for kind in READERS if _is_named(kind, table.path, settings)]
    if is_sessions(table, settings.ev) and named in ([], [SESSIONS]):
        return _Found({SESSIONS: READERS[SESSIONS].read(table.path, FILE_KEYS[SESSIONS], settings)})
    if headers & set(CARBON_HEADERS) or named == [CARBON]:
        return _Found({CARBON: READERS[CARBON].read(table.path, FILE_KEYS[CARBON], settings)})
    found = _Found()
    errors: dict[str, InputError] = {}
    for kind in (WEATHER, PV, MALL):
        try:
            found.series[kind] = READERS[kind].read(table.path, FILE_KEYS[kind], settings)
        except InputError as error:
            errors[kind] = error
    if WEATHER in errors:
        _read_part_of_the_weather(table, settings, found, errors)
    _read_chargers(table, settings, found, errors, headers)
    _tell_apart(table, settings, found, named)
    for kind, refusal in errors.items():
        # A series that is not there is no fault of the file; one that is there and can not be read is.
        if kind in named or not _is_missing(refusal):
            found.refused[kind] = refusal
    _one_refusal(table, settings, found, named)
    if not found.series:
        raise next(iter(found.refused.values()), _unknown(table))
    for kind, series in found.series.items():
        found.series[kind] = _as_ingested(kind, series, found, settings, named=kind in named)
    return found


def _is_missing(error: InputError) -> bool:
    return "no column holds" in error.message and "no column holds stamps" not in error.message


def _unknown(table: Table) -> InputError:
    return InputError(
        f"{table.path}: none of its headers says what the file is: {', '.join(f'`{h}`' for h in table.header[:8])}.",
        hint="weather has a column `ghi_w_m2`, generation `pv_kwh`, demand `mall_kwh`, charging `Charger_01` and "
        "so on, sessions `arrival` and `departure`; other headers are named by `pv.column`, `mall.column` and "
        "`weather.columns.ghi`.",
    )


def _read_part_of_the_weather(table: Table, settings: Settings, found: _Found, errors: dict[str, InputError]) -> None:
    """Read irradiance where the file has no more of the weather: light at midnight is false without DNI, too."""
    try:
        part = read_weather(table.path, FILE_KEYS[WEATHER], settings.site, settings.weather, partial=True)
    except InputError as error:
        errors[WEATHER] = error if _is_missing(errors[WEATHER]) else errors[WEATHER]
        return
    if not _is_missing(errors[WEATHER]):
        return
    del errors[WEATHER]
    absent = tuple(
        column.name for column in COLUMNS[WEATHER] if column.name not in part.frame and column.name not in OPTIONAL
    )
    if set(SPLIT) <= set(absent):
        # Rules about the plane of the modules need a split; what they say of the split itself is not heard.
        part = decomposed(part, settings.site, SPLIT_MODEL)
        found.why.append(
            f"{' and '.join(f'`{name}`' for name in SPLIT)}: not in the file; split from the global irradiance by "
            f"`{SPLIT_MODEL}` where a rule about generation needs them (`weather.decomposition`)"
        )
    rest = [name for name in absent if name not in part.frame]
    if rest:
        found.why.append(f"{', '.join(f'`{name}`' for name in rest)}: not in the file")
    frame = part.frame.assign(**dict.fromkeys(rest, np.nan))
    found.series = {WEATHER: Series(frame, part.provenance), **found.series}
    found.absent = absent


def _read_chargers(
    table: Table, settings: Settings, found: _Found, errors: dict[str, InputError], headers: Iterable[str]
) -> None:
    patterns = (CHARGER_HEADER, SOCKET_HEADER, POSITION_HEADER)
    if not any(pattern.fullmatch(header) for header in headers for pattern in patterns):
        return
    try:
        # Beside other series the profile is a part of the file; a file of its own holds nothing else.
        found.series[EV_PROFILE] = read_profile(
            table.path, FILE_KEYS[EV_PROFILE], settings.site, settings.ev, alone=not found.series
        )
    except InputError as error:
        errors[EV_PROFILE] = error


def _raw_column(series: Series) -> str | None:
    """Header of the one energy that a series was read from."""
    canonical = {PV: "pv_kwh", MALL: "mall_kwh"}[series.provenance.series]
    marks = (step.partition(f"` is `{canonical}`") for step in series.provenance.transformations)
    return next((before.rpartition("`")[2] for before, mark, _ in marks if mark), None)


def _tell_apart(table: Table, settings: Settings, found: _Found, named: list[str]) -> None:
    """Keep one of generation and demand where both were read from the same column.

    Raises
    ------
    InputError
        Neither the configuration nor the rest of the file says which it is.
    """
    if not {PV, MALL} <= set(found.series):
        return
    column = _raw_column(found.series[PV])
    if column != _raw_column(found.series[MALL]):
        return
    header = plain(str(column))
    stated = [kind for kind in (PV, MALL) if getattr(settings, READERS[kind].section).column == column]
    known = [kind for kind, names in ((PV, PV_HEADERS), (MALL, MALL_HEADERS)) if header in names]
    kept = next(
        (one[0] for one in ([k for k in named if k in {PV, MALL}], stated, known) if len(one) == 1),
        PV if WEATHER in found.series else None,
    )
    if kept is None:
        raise _undecided(table, header)
    other = MALL if kept == PV else PV
    del found.series[other]
    found.why.append(f"{other}: `{column}` is taken for {kept}")


def _one_refusal(table: Table, settings: Settings, found: _Found, named: list[str]) -> None:
    """Keep one of two refusals of a column that may be generation or demand.

    Raises
    ------
    InputError
        Nothing else is in the file, and nobody says which of the two it is.
    """
    if not {PV, MALL} <= set(found.refused):
        return
    stated = [kind for kind in (PV, MALL) if getattr(settings, READERS[kind].section).column in table.columns]
    kept = next((one[0] for one in ([k for k in named if k in {PV, MALL}], stated) if len(one) == 1), None)
    if kept is None and not found.series:
        both = sorted({plain(header) for header in table.columns} & {*PV_HEADERS} & {*MALL_HEADERS})
        raise _undecided(table, both[0]) if both else found.refused[PV]
    del found.refused[MALL if kept in {None, PV} else PV]


def _undecided(table: Table, column: str) -> InputError:
    return InputError(
        f"{table.path}: column `{column}` may be generation or demand.",
        hint="name the column for what it is, for example `pv_kwh` or `mall_kwh`, or set `pv.column` or `mall.column` "
        "to it.",
    )


def _as_ingested(kind: str, series: Series, found: _Found, settings: Settings, *, named: bool) -> Series:
    """Series as `ingest` hands it on: with the fills declared for this file, and scaled where a key says so."""
    if named and not found.absent:
        series = filled(series, settings, found.series.get(WEATHER))
    if kind == MALL and settings.mall.scale_to_declared:
        series = scaled(series, settings.mall.declared_kwh)
    return series


def _judge(found: _Found, settings: Settings) -> tuple[list[Finding], list[str]]:
    """Findings of the rules about series, and the rules that could not be asked.

    Whoever names a file wants all of it judged, whatever a scenario uses.
    """
    used = settings.model_copy(update={"pv": settings.pv.model_copy(update={"source": "model"})})
    series = found.series.values()
    provenance = Provenance(scenario=settings.name, seed=0, series=tuple(one.provenance for one in series), files={})
    context = QualityContext(used, {one.provenance.series: one.frame for one in series}, provenance)
    rules = [rule for rule in YEAR_RULES.all() if rule.looks_at and rule.id != STRUCTURE]
    findings = [
        finding(rule, one, context)
        for rule in rules
        for one in violations_of(rule, context)
        if not (one.series == WEATHER and one.column in found.absent)
    ]
    return findings, _not_asked(rules, context)


def _not_asked(rules: Iterable[YearRule], context: QualityContext) -> list[str]:
    """Rules that compare what is here with what is not."""
    needs: dict[str, list[str]] = {}
    for rule in rules:
        lacking = [name for name in rule.looks_at if name not in context.frames]
        if rule.joint and lacking and len(lacking) < len(rule.looks_at):
            needs.setdefault(" and ".join(lacking), []).append(rule.id)
    return [f"{', '.join(ids)}: no {lacking} in the file to compare with" for lacking, ids in needs.items()]


def _judged(series: Series, absent: tuple[str, ...]) -> str:
    """What was judged, in words."""
    columns = [str(name) for name in series.frame.columns if name != "timestamp" and name not in absent]
    shown = ", ".join(columns[:6]) + (f" and {len(columns) - 6} more" if len(columns) > 6 else "")
    return f"{series.provenance.series}: {len(series.frame):,} rows of {shown}"


def _unused(table: Table, found: _Found) -> list[str]:
    """Columns that no reader took."""
    said: Mapping[str, None] = dict.fromkeys(
        step for one in found.series.values() for step in (*one.provenance.transformations, *one.provenance.notes)
    )
    text = " ".join(said)
    if EV_PROFILE in found.series or SESSIONS in found.series:
        return []  # their columns are many, and told by number
    left = [header for header in table.columns if f"`{header}`" not in text and not _is_time(header, found)]
    return [f"{', '.join(f'`{header}`' for header in left)}: no series of a scenario"] if left else []


def _is_time(header: str, found: _Found) -> bool:
    words = {"time", "timestamp", "date", "datetime", "hour", "fecha", "hora", "fechahora", "year", "month", "day"}
    decided = " ".join(f"{d.value} {d.why}" for one in found.series.values() for d in one.provenance.decisions)
    return bool({*plain(header).split("_")} & words) or f"`{header}`" in decided


def _unreadable(path: Path, error: InputError, kind: str | None = None) -> Finding:
    return Finding(
        rule="file.readable",
        severity="error",
        source=str(path),
        column="",
        observed=error.message,
        limit="a file that is read without a guess",
        message="the file can not be read as anything" if kind is None else f"the file can not be read as {kind}",
        cause="see what was seen",
        fix=error.hint or "export the file again",
    )
