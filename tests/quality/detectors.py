"""What other tools see of the fault catalogues: `python -m tests.quality.detectors` measures it and writes the counts.

Three ways of checking data as they are commonly used, each on every table that a fault changes:

* pandera: the types of the columns, nothing missing (what one writes by default);
* Great Expectations: columns exist and hold their type, nothing missing, as many rows as before (what a suite usually
  begins with);
* pvanalytics: its quality functions on irradiance, generation, demand and temperature, with their defaults, given the
  sun's position where they ask for it.

A fault counts as seen where a check flags the spoilt year and does not flag the clean one. pvanalytics is no dependency
of this project: where it can not be imported its column is left as it was measured.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pvlib
from pandera.errors import SchemaErrors

from pvbesscar.quality.year.context import QualityContext
from pvbesscar.store.files import write_json
from schemas.frames import PV, WEATHER
from tests.quality.blind_faults import BLIND_FAULTS, BlindFault
from tests.quality.faults import FAULTS, Fault
from tests.quality.years import PLACES, Place, clean_context

COUNTS = Path(__file__).with_name("detectors.json")
SEEDS = (0,)
WORKERS = 2
CATALOGUES: Mapping[str, tuple[Fault | BlindFault, ...]] = {"known": FAULTS, "blind": BLIND_FAULTS}
RUNS = tuple((place, seed) for place in PLACES for seed in SEEDS)
"""Years that each kind of fault is planted in."""

Check = tuple[str, Callable[[], bool]]
"""Name of a check, and whether it flags the year."""

Columns = Mapping[str, tuple[str, ...]]
"""Columns by series."""

Detector = Callable[[QualityContext, QualityContext, Columns], Iterator[Check]]
"""Checks of a tool, of a year and the clean one whose columns, types and rows are known, on the columns named."""

LIGHT = ("ghi_w_m2", "dni_w_m2", "dhi_w_m2")
JUDGED = (*LIGHT, "temp_air_c", "pv_kwh", "mall_kwh")
"""Columns that pvanalytics has functions for."""


def columns_of(clean: QualityContext) -> dict[str, tuple[str, ...]]:
    """All columns of a year."""
    return {name: tuple(map(str, frame.columns)) for name, frame in clean.frames.items()}


def changed(year: QualityContext, clean: QualityContext) -> dict[str, tuple[str, ...]]:
    """Columns of the clean year that differ, by series: what is said of the others is said of the clean year too."""
    found = {}
    for name, before in clean.frames.items():
        after = year.frames.get(name)
        if after is None or not after.columns.equals(before.columns) or len(after) != len(before):
            found[name] = tuple(map(str, before.columns))
        elif after is not before:
            found[name] = tuple(str(column) for column in before if not after[column].equals(before[column]))
    # What happens to the stamps happens to every column.
    return {name: columns_of(clean)[name] if "timestamp" in names else names for name, names in found.items() if names}


def by_pandera(year: QualityContext, clean: QualityContext, columns: Columns) -> Iterator[Check]:
    """Types of the columns, nothing missing."""

    def refused(series: str) -> bool:
        types = clean.frames[series].dtypes
        schema = pa.DataFrameSchema({str(column): pa.Column(kind, nullable=False) for column, kind in types.items()})
        try:
            schema.validate(year.frames[series], lazy=True)
        except SchemaErrors:
            return True
        return False

    for name in columns:
        yield name, functools.partial(refused, name)


@functools.cache
def _gx() -> tuple[Any, Any]:
    """Great Expectations and a source of frames in it; importing takes some 7 s."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("years")
    return gx, source.add_dataframe_asset("series").add_batch_definition_whole_dataframe("year")


def by_gx(year: QualityContext, clean: QualityContext, columns: Columns) -> Iterator[Check]:
    """What a suite usually begins with: the clean year's rows, columns and types, nothing missing."""
    gx, batches = _gx()
    expect = gx.expectations

    def failed(series: str) -> bool:
        before = clean.frames[series]
        asked = [expect.ExpectTableRowCountToEqual(value=len(before))]
        for column in columns[series]:
            asked += [expect.ExpectColumnToExist(column=column), expect.ExpectColumnValuesToNotBeNull(column=column)]
            if before[column].dtype.kind in "if":
                kind = str(before[column].dtype)
                asked.append(expect.ExpectColumnValuesToBeOfType(column=column, type_=kind))
        batch = batches.get_batch({"dataframe": year.frames[series]})
        suite = gx.ExpectationSuite(name=series, expectations=asked)
        return not batch.validate(suite, result_format="BOOLEAN_ONLY").success

    for name in columns:
        yield name, functools.partial(failed, name)


def by_pvanalytics(year: QualityContext, _clean: QualityContext, columns: Columns) -> Iterator[Check]:
    """Quality functions on each column, on irradiance and on power, the quick ones first; sessions have none."""
    hourly = [(name, column) for name, names in columns.items() for column in names if column in JUDGED]
    for name in {name for name, _ in hourly}:
        yield f"{name}: time.spacing", functools.partial(_spacing, year, name)
    if WEATHER in columns and {*LIGHT} & {*columns[WEATHER]}:
        yield from _of_irradiance(year)
    if PV in columns:
        yield from _of_power(year)
    for name, column in hourly:
        yield f"{column}: gaps.complete", functools.partial(_incomplete, year, name, column)
    for quick in (True, False):
        for name, column in hourly:
            for what, flags in _of_values(quick=quick):
                yield f"{column}: {what}", functools.partial(_on_column, flags, year, name, column)


def _spacing(year: QualityContext, series: str) -> bool:
    from pvanalytics.quality import time

    return not time.spacing(year.stamps(series), "1h").all()


def _incomplete(year: QualityContext, series: str, column: str) -> bool:
    from pvanalytics.quality import gaps

    return not gaps.complete(pd.Series(year.values(series, column), index=year.stamps(series)), freq="1h").all()


def _on_column(flags: Callable[[pd.Series], pd.Series], year: QualityContext, series: str, column: str) -> bool:
    """Whether a function flags a row; columns that follow the sun are judged while it is up."""
    values = pd.Series(year.values(series, column), index=year.stamps(series))
    return bool(flags(values if column in {"mall_kwh", "temp_air_c"} else values[year.sun(series).day]).any())


def _of_values(*, quick: bool) -> Iterator[tuple[str, Callable[[pd.Series], pd.Series]]]:
    """Functions for any series; each marks the rows at fault. Hampel's filter takes a second or two."""
    from pvanalytics.quality import gaps, outliers

    if not quick:
        yield "outliers.hampel", outliers.hampel
        return
    yield "outliers.zscore", functools.partial(outliers.zscore, zmax=3.0)
    yield "outliers.tukey", outliers.tukey
    yield "gaps.stale_values_diff", gaps.stale_values_diff
    yield "gaps.interpolation_diff", gaps.interpolation_diff


def _of_irradiance(year: QualityContext) -> Iterator[Check]:
    from pvanalytics.quality import irradiance

    def series(*names: str) -> list[pd.Series]:
        sun, stamps = year.sun(WEATHER), year.stamps(WEATHER)
        made = {"zenith": sun.zenith, "extra": sun.extra, "sky": _clear_sky(year) if "sky" in names else None}
        return [
            pd.Series(made[name] if name in made else year.values(WEATHER, f"{name}_w_m2"), index=stamps)
            for name in names
        ]

    def limits(name: str) -> bool:
        check = getattr(irradiance, f"check_{name}_limits_qcrad")
        return not check(*series(name, "zenith", "extra")).all()

    def inconsistent(part: int) -> bool:
        check = irradiance.check_irradiance_consistency_qcrad
        return not check(*series("zenith", "ghi", "dhi", "dni"), outside_domain=True)[part].all()

    for name in ("ghi", "dni", "dhi"):
        yield f"irradiance.check_{name}_limits_qcrad", functools.partial(limits, name)
    for part, name in enumerate(("components", "diffuse ratio")):
        yield f"irradiance.check_irradiance_consistency_qcrad, {name}", functools.partial(inconsistent, part)
    yield "irradiance.clearsky_limits", lambda: not irradiance.clearsky_limits(*series("ghi", "sky")).all()
    yield (
        "irradiance.daily_insolation_limits",
        lambda: not irradiance.daily_insolation_limits(*series("ghi", "sky")).all(),
    )
    yield "time.shifts_ruptures", lambda: _shifted(series("ghi")[0], year)


@functools.lru_cache(maxsize=4)
def _clear_sky_of(stamps: bytes, latitude: float, longitude: float, altitude_m: float) -> Any:
    """Clear sky of pvlib, with its own table of turbidity."""
    times = pd.DatetimeIndex(np.frombuffer(stamps, dtype="M8[s]")).tz_localize("UTC")
    return pvlib.location.Location(latitude, longitude, altitude=altitude_m).get_clearsky(times)["ghi"].to_numpy()


def _clear_sky(year: QualityContext) -> Any:
    """Clear sky in the middle of each hour."""
    site = year.settings.site
    middle = (year.stamps(WEATHER).tz_convert("UTC") + pd.Timedelta(minutes=30)).as_unit("s")
    return _clear_sky_of(middle.asi8.tobytes(), site.latitude, site.longitude, site.altitude_m)


def _shifted(light: pd.Series, year: QualityContext) -> bool:
    """Whether the middle of the light moves against the sun's transit on any day, in minutes of the day."""
    from pvanalytics.quality import time

    stamps = year.stamps(WEATHER)
    minutes = pd.Series(stamps.hour * 60.0 + 30.0, index=light.index)
    day = stamps.tz_localize(None).normalize()
    weight = light.clip(lower=0.0)
    events = (minutes * weight).groupby(day).sum() / weight.groupby(day).sum()
    extra = pd.Series(year.sun(WEATHER).horizontal, index=light.index)
    noon = (minutes * extra).groupby(day).sum() / extra.groupby(day).sum()
    shifted, _ = time.shifts_ruptures(events.dropna(), noon[events.notna()])
    return bool(shifted.any())


def _of_power(year: QualityContext) -> Iterator[Check]:
    from pvanalytics import system
    from pvanalytics.features import clipping

    def power() -> pd.Series:
        return pd.Series(year.values(PV, "pv_kwh"), index=year.stamps(PV))

    def tracks() -> bool:
        made = power()
        day = pd.Series(year.sun(PV).day, index=made.index)
        none = pd.Series(data=False, index=made.index)
        return bool(system.is_tracking_envelope(made, day, none) == system.Tracker.TRACKING)

    yield "features.clipping.levels", lambda: bool(clipping.levels(power()).any())
    yield "features.clipping.threshold", lambda: bool(clipping.threshold(power(), freq="1h").any())
    yield "system.is_tracking_envelope", tracks


def flags(call: Callable[[], bool]) -> bool:
    """Whether a check flags the year; one that stops with an error counts as one that flags, in the tool's favour."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return call()
        except Exception:  # noqa: BLE001, whatever a tool stops with
            return True


DETECTORS: Mapping[str, Detector] = {"pandera": by_pandera, "great_expectations": by_gx, "pvanalytics": by_pvanalytics}


def available() -> tuple[str, ...]:
    """Tools that can be measured here."""
    return tuple(name for name in DETECTORS if find_spec(name) is not None)


@functools.lru_cache(maxsize=2)
def year_at(place: Place, seed: int) -> QualityContext:
    """Clean year of a site."""
    return clean_context(place, seed)


@functools.lru_cache(maxsize=16)
def flags_of_the_clean(tool: str, place: Place, seed: int) -> frozenset[str]:
    """Checks of a tool that flag a clean year: what they say of a spoilt one tells nothing."""
    clean = year_at(place, seed)
    return frozenset(name for name, call in DETECTORS[tool](clean, clean, columns_of(clean)) if flags(call))


def sees(tool: str, spoilt: QualityContext, place: Place, seed: int) -> bool:
    """Whether a tool flags a spoilt year of a site with a check that the clean one passes."""
    clean = year_at(place, seed)
    useless = flags_of_the_clean(tool, place, seed)
    checks = DETECTORS[tool](spoilt, clean, changed(spoilt, clean))
    return any(flags(call) for name, call in checks if name not in useless)


def named(place: Place, seed: int) -> str:
    """Name of a year in the counts."""
    return f"{place.name}, seed {seed}"


def spoilt_by(fault: Fault | BlindFault, place: Place, seed: int) -> QualityContext:
    """Year of a site with a fault in it, the same in every run."""
    return fault.inject(year_at(place, seed), np.random.default_rng([seed, *fault.kind.encode()]))


def measure(tools: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Plant every kind in every year, and ask every tool.

    Returns
    -------
    dict
        For each tool its `version`; the `years`; `seen`, by catalogue and kind a text with a 0 or 1 for each year; and
        `useless`, the number of clean years that each of its checks flags.
    """
    kinds = {catalogue: {fault.kind: "" for fault in faults} for catalogue, faults in CATALOGUES.items()}
    told: dict[str, dict[str, Any]] = {
        tool: {
            "version": version(tool),
            "years": [named(*run) for run in RUNS],
            "seen": deepcopy(kinds),
            "useless": Counter[str](),
        }
        for tool in tools
    }
    # Great Expectations keeps a state per process.
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        for number, year in enumerate(pool.map(_measured, RUNS, [tools] * len(RUNS)), start=1):
            sys.stderr.write(f"{number} of {len(RUNS)} years\n")
            for (tool, catalogue, kind), one in year.seen.items():
                told[tool]["seen"][catalogue][kind] += "01"[one]
            for tool, names in year.useless.items():
                told[tool]["useless"].update(sorted(names))
    return told


@dataclass(frozen=True, slots=True)
class YearSeen:
    """What the tools say of one year: of each kind of fault, by tool, catalogue and kind, and of the clean year."""

    seen: dict[tuple[str, str, str], bool]
    useless: dict[str, frozenset[str]]


def _measured(run: tuple[Place, int], tools: tuple[str, ...]) -> YearSeen:
    seen: dict[tuple[str, str, str], bool] = {}
    for catalogue, faults in CATALOGUES.items():
        for fault in faults:
            spoilt = spoilt_by(fault, *run)
            seen |= {(tool, catalogue, fault.kind): sees(tool, spoilt, *run) for tool in tools}
    return YearSeen(seen, {tool: flags_of_the_clean(tool, *run) for tool in tools})


def main() -> None:
    """Measure with the tools that are here; what the others saw stays as it was measured."""
    tools = available()
    known = json.loads(COUNTS.read_text(encoding="utf-8")) if COUNTS.exists() else {}
    write_json(COUNTS, known | measure(tools))
    left = sorted(set(DETECTORS) - set(tools))
    if left:
        sys.exit(f"{', '.join(left)}: not installed here; its column is left as it was measured.")


if __name__ == "__main__":
    main()
