"""What each rule advises, followed to the letter on the fault that was planted for it."""

# ruff: noqa: E501 (one piece of advice, one line)
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from pvbesscar.oe2.fills import filled
from pvbesscar.oe2.series import Series
from pvbesscar.quality.year.context import FILE_KEYS, QualityContext
from schemas.results import Finding, Provenance, SeriesProvenance
from schemas.settings import Fill, Settings, TariffSettings
from tests.quality.years import clean_mall

Apply = Callable[[QualityContext, QualityContext, Finding, Any], QualityContext]
"""Spoilt year, clean year, the finding, and a folder to write files in; gives the mended year."""


@dataclass(frozen=True)
class Mend:
    """Words of a fix, and what a person does who follows them."""

    says: str
    apply: Apply


def _again(spoilt: QualityContext, clean: QualityContext, _finding: Finding, _folder: Any) -> QualityContext:
    """Have the data as it was measured; what the clean year has none of is left out."""
    frames = {name: clean.frames.get(name, frame) for name, frame in spoilt.frames.items()}
    return replace(spoilt, frames={**clean.frames, **{k: v for k, v in frames.items() if k in clean.frames}})


def _settings(**sections: Mapping[str, Any]) -> Apply:
    def apply(spoilt: QualityContext, _c: QualityContext, _f: Finding, _d: Any) -> QualityContext:
        return replace(spoilt, settings=with_settings(spoilt.settings, **sections))

    return apply


def with_settings(settings: Settings, **sections: Mapping[str, Any]) -> Settings:
    raw = settings.model_dump()
    return Settings.model_validate({**raw, **{name: {**raw[name], **values} for name, values in sections.items()}})


def _declare(section: str) -> Apply:
    """Set the declared energy to the figure that the fix names."""

    def apply(spoilt: QualityContext, clean: QualityContext, found: Finding, folder: Any) -> QualityContext:
        figure = float(found.fix.partition(f"set `{section}.declared_kwh` to ")[2].split()[0])
        return _settings(**{section: {"declared_kwh": figure}})(spoilt, clean, found, folder)

    return apply


def _scale(spoilt: QualityContext, *_: Any) -> QualityContext:
    values = spoilt.values("mall", "mall_kwh")
    frame = spoilt.frames["mall"].assign(mall_kwh=values * spoilt.settings.mall.declared_kwh / values.sum())
    return spoilt.with_frame("mall", frame)


def _frame(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Apply:
    """Change the table of the series that the finding is about."""

    def apply(spoilt: QualityContext, _c: QualityContext, found: Finding, _d: Any) -> QualityContext:
        name = found.source.removesuffix(".parquet")
        return spoilt.with_frame(name, change(spoilt.frames[name]).reset_index(drop=True))

    return apply


def _open_hours(spoilt: QualityContext, clean: QualityContext, found: Finding, folder: Any) -> QualityContext:
    hours = found.fix.partition("`mall.open_hours` to [")[2].partition("]")[0]
    if not hours:
        return _again(spoilt, clean, found, folder)
    return _settings(mall={"open_hours": tuple(int(hour) for hour in hours.split(", "))})(spoilt, clean, found, folder)


def fill(source: str) -> Apply:
    """Declare fills for the stretches that the finding names, a day more on each side, and apply them."""

    def apply(spoilt: QualityContext, clean: QualityContext, found: Finding, folder: Any) -> QualityContext:
        series = found.source.removesuffix(".parquet")
        section = FILE_KEYS[series].partition(".")[0]
        if source == "file":
            second = clean.frames[series if series in clean.frames else "mall"].copy()
            second["timestamp"] = [stamp.isoformat() for stamp in second["timestamp"]]
            second.to_csv(folder / "second.csv", index=False)
        year = clean.stamps("mall")
        first = max(min(one.first for one in found.hours), 0)
        last = min(max(one.last for one in found.hours) + 8, 8759)
        fills = [
            Fill(
                series=series, start=year[start].tz_localize(None).to_pydatetime(), hours=min(438, last + 1 - start),
                source=source, file=folder / "second.csv" if source == "file" else None,
                reason="the hours were not measured",
            )
            for start in range(first, last + 1, 438)
        ]  # fmt: skip
        settings = spoilt.settings.model_copy(update={"fills": tuple(fills)})
        entry = SeriesProvenance(
            series=series, source="file", reader="csv", file=f"{section}.csv", sha256="0" * 64, transformations=()
        )
        weather = Series(spoilt.frames["weather"], entry.model_copy(update={"series": "weather", "file": "w.csv"}))
        done = filled(Series(spoilt.frames[series], entry), settings, weather)
        origin = Provenance(scenario="x", seed=0, series=(done.provenance,), files={})
        return replace(spoilt.with_frame(series, done.frame), provenance=origin)

    return apply


def _synthetic(spoilt: QualityContext, clean: QualityContext, found: Finding, folder: Any) -> QualityContext:
    sections = {name: {"source": "synthetic", "file": None} for name in ("weather", "pv")}
    return _settings(**sections)(_again(spoilt, clean, found, folder), clean, found, folder)


def _leap_day(spoilt: QualityContext, clean: QualityContext, found: Finding, folder: Any) -> QualityContext:
    """Leave out 29 February and keep 31 December, in all series."""
    if "leave out 29 February" not in found.fix:
        return _again(spoilt, clean, found, folder)
    zone = clean.settings.site.timezone
    stamps = pd.date_range(f"{spoilt.stamps('mall')[0].year}-01-01", periods=8784, freq="h", tz=zone)
    stamps = stamps[~((stamps.month == 2) & (stamps.day == 29))]
    frames = {
        name: frame.assign(timestamp=stamps) if "timestamp" in frame else frame for name, frame in clean.frames.items()
    }
    frames["mall"] = clean_mall(spoilt.settings, frames["mall"]["timestamp"])
    return replace(spoilt, frames=frames)


AGAIN = Mend("", _again)
FILL_FILE = Mend("fill", fill("file"))
FILL_WEEK = Mend("fill", fill("typical_week"))
PLANT = {"bess": {"capacity_kwh": 4520.0, "power_kw": 2712.0, "efficiency": 0.9}, "pv": {"dc_kwp": 4162.0},
         "grid": {"carbon_kg_per_kwh": 0.7}, "tariff": TariffSettings().model_dump()}  # fmt: skip
KEYS = Mend("`", _settings(**PLANT))

MENDS: Mapping[str, tuple[Mend, ...]] = {
    "time.order": (AGAIN, Mend("sort the file", _frame(lambda f: f.sort_values("timestamp")))),
    "time.duplicates": (Mend("remove the repeated rows", _frame(lambda f: f.drop_duplicates("timestamp"))),),
    "time.gaps": (AGAIN, FILL_FILE),
    "time.step": (Mend("resample the file", _frame(lambda f: f.resample("h", on="timestamp").sum().reset_index())),),
    "time.calendar": (Mend("", _leap_day),),
    "values.finite": (AGAIN, FILL_FILE),
    "solar.all_zero": (AGAIN, Mend("`pv.source: synthetic`", _synthetic)),
    "solar.zero_day": (Mend("declare a fill", fill("file")),),
    "pv.zero_day": (Mend("`source: weather`", fill("weather")),),
    "solar.straight_line": (AGAIN, FILL_FILE),
    "mall.straight_line": (AGAIN, FILL_FILE, FILL_WEEK),
    "weather.straight_line": (AGAIN, FILL_FILE),
    "mall.flat_line": (AGAIN, FILL_FILE, FILL_WEEK),
    "mall.outage": (FILL_FILE, FILL_WEEK),
    "mall.repeated_day": (AGAIN, FILL_WEEK),
    "mall.time_shift": (AGAIN, Mend("", _open_hours)),
    "energy.mall_declared": (
        Mend("set `mall.declared_kwh` to", _declare("mall")),
        Mend("`mall.scale_to_declared: true`", _scale),
    ),
    "energy.ev_declared": (AGAIN, Mend("set `ev.declared_kwh` to", _declare("ev"))),
    "pv.cut_off": (
        AGAIN,
        Mend("set `pv.ac_kw`", lambda y, c, f, d: _settings(pv={"ac_kw": float(y.values("pv", "pv_kwh").max())})(y, c, f, d)),
    ),
    "weather.negative_wind": (Mend("write 0 for calm", _frame(lambda f: f.assign(wind_speed_m_s=f["wind_speed_m_s"].clip(0)))),),
    **dict.fromkeys(
        (
            "bess.c_rate", "bess.efficiency", "pv.dc_ac_ratio", "tariff.constant", "tariff.feed_in", "tariff.price_ratio",
            "tariff.demand_price", "tariff.demand_bands", "tariff.classification", "carbon.range", "carbon.fuel",
        ),
        (KEYS,),
    ),
    "fills.declared": (Mend("remove the entry of `fills`", lambda y, *_: replace(y, provenance=None)),),
}  # fmt: skip
"""Rules whose advice is more than to have the data again as it was measured; the others get `AGAIN`."""


def mends_of(rule: str) -> tuple[Mend, ...]:
    """Everything that a rule advises."""
    return MENDS.get(rule, (AGAIN,))
