"""Declared fills: hours that nobody could measure, filled from a named source and marked one by one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pvbesscar.oe2.pv import ac_energy_kwh
from pvbesscar.oe2.pvgis import with_origin
from pvbesscar.oe2.readers import READERS, input_path
from pvbesscar.oe2.series import Series
from pvbesscar.oe2.weather import sun
from schemas.errors import InputError
from schemas.filled import FilledHours
from schemas.frames import MALL, PV, WEATHER
from schemas.settings import FileSettings, Settings
from schemas.settings.fills import Fill

FILLS_FILE = "fills.parquet"
"""One row for each hour that was filled, beside the canonical series."""

DAY_ZENITH_DEG = 80.0
"""Apparent zenith below which every sky gives some light."""

IN_WORDS = {"file": "the same hours of {file}", "weather": "modelled from the weather of {file}",
            "typical_week": "the mean of the same weekday and hour over the rest of the year"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Declared:
    """One fill with its place in the configuration, and the hours that it names."""

    number: int
    fill: Fill
    hours: pd.DatetimeIndex

    @property
    def key(self) -> str:
        """Configuration key of the fill."""
        return f"fills.{self.number}"


def filled(series: Series, settings: Settings, weather: Series | None = None) -> Series:
    """Series with the fills that the scenario declares for it.

    Parameters
    ----------
    series
        As its file gives it, before any scaling.
    settings
        The scenario; `fills` names hours, source and reason.
    weather
        Canonical weather, for generation that is modelled from it.

    Returns
    -------
    Series
        Rows that were missing are added; steps, notes and `fills` of the provenance say which hours came from where.

    Raises
    ------
    InputError
        The source does not hold the hours, is dark where light is asked for, or is the series' own file.
    """
    name = series.provenance.series
    declared = [
        _Declared(number, fill, _hours(fill, f"fills.{number}", settings))
        for number, fill in enumerate(settings.fills)
        if fill.series == name
    ]
    every = [one.hours for one in declared]
    done = series
    for one in declared:
        done = _fill(done, one, _values(series, one, settings, weather, every))
    return done


def read_fill(number: int, settings: Settings) -> Series:
    """Series of the file that an entry of `fills` names, as that entry describes it.

    Raises
    ------
    InputError
        The file can not be read.
    """
    fill, key = settings.fills[number], f"fills.{number}.file"
    kind = WEATHER if fill.source == "weather" else fill.series
    if fill.file is None:
        raise InputError(f"`{key}` is not set.", hint=f"set `{key}` to the file.")
    path = input_path(settings, fill.file, key)
    found = READERS[kind].read(path, key, _as_section(kind, fill, settings))
    return with_origin(found, path) if kind == WEATHER else found


def hourly_marks(everything: Sequence[Series]) -> pd.DataFrame:
    """One row for each filled hour of each series: `timestamp`, `series`, `filled_series`, `source`, `file`, `reason`.

    A series that is modelled from a filled one has its rows too; `filled_series` is then the other.
    """
    parts = []
    for series in everything:
        for entry in series.provenance.fills:
            first = pd.Timestamp(entry.first_stamp)
            stamps = pd.date_range(first, periods=entry.hours, freq="h", unit="us")
            zone = pd.DatetimeIndex(series.frame["timestamp"]).tz
            part = pd.DataFrame({"timestamp": stamps.tz_convert(zone)})
            words = {"series": series.provenance.series, "filled_series": entry.series, "source": entry.source}
            parts.append(part.assign(**words, file=entry.file or "", reason=entry.reason))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _hours(fill: Fill, key: str, settings: Settings) -> pd.DatetimeIndex:
    zone = settings.site.timezone
    try:
        first = pd.Timestamp(fill.start).tz_localize(zone, ambiguous=True)
    except ValueError as error:  # pandas' and zoneinfo's errors of clock changes are ValueErrors
        raise InputError(
            f"`{key}.start`: {fill.start:%Y-%m-%d %H:%M} does not exist in {zone}: the clock was put forward.",
            hint="name the hour after it.",
        ) from error
    return pd.date_range(first, periods=fill.hours, freq="h", unit="us")


def _values(
    series: Series, one: _Declared, settings: Settings, weather: Series | None, every: Sequence[pd.DatetimeIndex]
) -> tuple[pd.DataFrame, Series | None]:
    """Values of the hours, and the series that they come from where it is a file."""
    if one.fill.source == "typical_week":
        return _typical_week(series, one, every), None
    source = _source(series, one, settings, weather)
    rows = _taken(source, one)
    if one.fill.series == PV and one.fill.source == "weather":
        energy = ac_energy_kwh(rows.reset_index(), settings.pv, settings.site)
        rows = pd.DataFrame({"pv_kwh": np.asarray(energy, dtype=np.float64)}, index=one.hours)
    _refuse_gaps(rows, source, one)
    if one.fill.series in {WEATHER, PV}:
        _refuse_dark(rows, source, one, settings)
    return rows, source


def _source(series: Series, one: _Declared, settings: Settings, weather: Series | None) -> Series:
    fill, key = one.fill, f"{one.key}.file"
    if fill.file is None:
        if weather is None:  # settings guarantee it; here for callers that fill one series alone
            raise InputError(f"`{one.key}`: there is no weather to model generation from.", hint=f"set `{key}`.")
        return weather
    found = read_fill(one.number, settings)
    if found.provenance.sha256 == series.provenance.sha256:
        raise InputError(
            f"{found.provenance.file} (named by `{key}`): the file to fill from is the one that is filled.",
            hint="name a file with data of another source: a second meter, or weather data (`pvbesscar fetch pvgis`).",
        )
    return found


def _as_section(kind: str, fill: Fill, settings: Settings) -> Settings:
    """Settings that read the fill's file as the fill describes it, whatever the file that is filled is like."""
    layout = {name: getattr(fill, name) for name in FileSettings.model_fields}
    name = READERS[kind].section
    section = getattr(settings, name)
    plain = type(section).model_fields
    update = {"source": section.source, **layout, "file": fill.file}
    if kind in {PV, MALL}:
        update |= {"column": fill.column, "unit": fill.unit}
    elif kind == WEATHER:
        update |= {"unit": None, "columns": plain["columns"].get_default(), "decomposition": None}
    return settings.model_copy(update={name: section.model_copy(update=update)})


def _taken(source: Series, one: _Declared) -> pd.DataFrame:
    """Rows of the source for the hours of the fill, indexed by them."""
    frame = source.frame.set_index("timestamp")
    wanted = one.hours
    if one.fill.from_year is not None:
        wanted = _in_year(one, one.fill.from_year)
    held = pd.DatetimeIndex(frame.index)
    missing = wanted.difference(held)
    if len(missing) or held.has_duplicates:
        raise InputError(
            f"{source.provenance.file} (named by `{one.key}.file`): holds {len(wanted) - len(missing)} of the "
            f"{len(wanted)} hours from {wanted[0]:%Y-%m-%d %H:%M}, from {held.min():%Y-%m-%d %H:%M} to "
            f"{held.max():%Y-%m-%d %H:%M}.",
            hint=f"name a file with all of these hours, or set `{one.key}.from_year` to a year that it has.",
        )
    rows = pd.DataFrame(frame.loc[wanted])
    rows.index = one.hours.rename("timestamp")
    return rows


def _in_year(one: _Declared, year: int) -> pd.DatetimeIndex:
    """Same hours by the clock in another year."""
    naive = one.hours.tz_localize(None)
    try:
        moved = [dt.datetime(year, s.month, s.day, s.hour) for s in naive]  # noqa: DTZ001 (local, as the stamps are)
        return pd.DatetimeIndex(moved).as_unit("us").tz_localize(one.hours.tz, ambiguous="infer")
    except ValueError as error:
        raise InputError(
            f"`{one.key}.from_year`: {year} does not have all hours from {naive[0]:%m-%d %H:%M} on ({error}).",
            hint="name another year, or leave 29 February out of the fill.",
        ) from error


def _refuse_gaps(rows: pd.DataFrame, source: Series, one: _Declared) -> None:
    names = [name for name in rows.columns if not one.fill.columns or name in one.fill.columns]
    bad = int((~np.isfinite(rows[names].to_numpy(np.float64))).any(axis=1).sum())
    if bad:
        raise InputError(
            f"{source.provenance.file} (named by `{one.key}.file`): {bad} of the {len(rows)} hours to fill from have "
            "no number.",
            hint="name a file that holds them all; a fill is not filled again.",
        )


def _refuse_dark(rows: pd.DataFrame, source: Series, one: _Declared, settings: Settings) -> None:
    """Refuse zeros in the place of light."""
    column = "ghi_w_m2" if one.fill.series == WEATHER else "pv_kwh"
    if one.fill.columns and column not in one.fill.columns:
        return
    high = sun(one.hours, settings.site)["apparent_zenith"].to_numpy() < DAY_ZENITH_DEG
    dark = int((high & (rows[column].to_numpy() <= 0.0)).sum())
    if dark and dark > 0.1 * high.sum():
        raise InputError(
            f"{source.provenance.file} (source of `{one.key}`): {dark} of {int(high.sum())} hours of daylight to fill "
            f"from are dark in `{column}`. Likely cause: the source lacks these hours too, and holds zeros.",
            hint="light is filled from data that has it: a second sensor, or `pvbesscar fetch pvgis`.",
        )


def _typical_week(series: Series, one: _Declared, every: Sequence[pd.DatetimeIndex]) -> pd.DataFrame:
    """Mean of the same weekday and hour over all hours that no fill names."""
    frame = series.frame.set_index("timestamp")
    index = pd.DatetimeIndex(frame.index)
    measured = ~np.logical_or.reduce([index.isin(hours) for hours in every])
    kind = index.day_of_week * 24 + index.hour
    usual = frame[measured].groupby(kind[measured]).mean()
    wanted = one.hours.day_of_week * 24 + one.hours.hour
    rows = pd.DataFrame(usual.reindex(wanted))
    rows.index = one.hours.rename("timestamp")
    if not np.isfinite(rows.to_numpy(np.float64)).all():
        raise InputError(
            f"{series.provenance.file}: has no value for some weekdays and hours that `{one.key}` fills.",
            hint="name a file (`source: file`).",
        )
    return rows


def _fill(series: Series, one: _Declared, found: tuple[pd.DataFrame, Series | None]) -> Series:
    """Series with the rows of one fill in their places."""
    values, source = found
    frame, fill = series.frame, one.fill
    known = [str(name) for name in frame.columns if name != "timestamp"]
    columns = [*(fill.columns or known)]
    strange = [name for name in columns if name not in known or name not in values.columns]
    if strange:
        raise InputError(
            f"`{one.key}`: {', '.join(f'`{name}`' for name in strange)} is in the series `{fill.series}` or in its "
            f"source, not in both; the series has {', '.join(f'`{name}`' for name in known)}.",
            hint=f"name the columns to fill in `{one.key}.columns`.",
        )
    index = pd.DatetimeIndex(frame["timestamp"])
    missing = one.hours.difference(index).as_unit(index.unit)
    if len(missing):
        if columns != known:
            raise InputError(
                f"`{one.key}`: {len(missing)} of its hours are in no row of {series.provenance.file}, and only "
                f"{', '.join(f'`{name}`' for name in columns)} would be filled.",
                hint=f"leave `{one.key}.columns` out: whole rows are missing.",
            )
        if not index.is_monotonic_increasing:
            raise InputError(
                f"{series.provenance.file}: rows are missing and the others are not in order; `{one.key}` can not add "
                "them.",
                hint="sort the file by time.",
            )
        added = pd.DataFrame({"timestamp": missing}).reindex(columns=frame.columns)
        added = added.astype(dict.fromkeys(known, np.float64))
        frame = pd.concat([frame, added], ignore_index=True).sort_values("timestamp", kind="stable", ignore_index=True)
        index = pd.DatetimeIndex(frame["timestamp"])
    here = index.isin(one.hours)
    frame = frame.copy()
    frame.loc[here, columns] = values.loc[index[here], columns].to_numpy(np.float64)
    return _told(series, frame, one, columns, source, len(missing))


def _told(
    series: Series, frame: pd.DataFrame, one: _Declared, columns: Sequence[str], source: Series | None, added: int
) -> Series:
    fill, first, last = one.fill, one.hours[0], one.hours[-1]
    file = None if source is None else source.provenance.file
    words = IN_WORDS[fill.source].format(file=file)
    origin = "" if source is None or not source.provenance.notes else f" ({'; '.join(source.provenance.notes)})"
    said = f"{fill.hours} hours filled as declared, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}: {words}{origin}"
    entry = FilledHours(
        series=fill.series,
        first_stamp=first.isoformat(),
        last_stamp=last.isoformat(),
        hours=fill.hours,
        rows_added=added,
        columns=tuple(columns),
        source=words,
        file=file,
        sha256=None if source is None else source.provenance.sha256,
        reason=fill.reason,
    )
    step = f"{said}{f'; {added} rows were missing' if added else ''} (`{one.key}`)"
    done = series.then(frame, step).noting(f"{said}. Reason: {fill.reason}")
    fills = (*done.provenance.fills, entry)
    return Series(done.frame, done.provenance.model_copy(update={"fills": fills}))
