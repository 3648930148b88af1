"""Irradiance and generation compared with the sun at the site; none of these rules can be waived."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.hours import Hours
from pvbesscar.quality.sun import BoolArray, FloatArray
from pvbesscar.quality.year.context import IRRADIANCE, QualityContext, rule
from schemas.frames import PV, WEATHER

LONG_SHI = "Long and Shi (2008), doi:10.2174/1874282300802010023, physically possible limits"
SUNRISE = "solar position: Reda and Andreas (2004), doi:10.1016/j.solener.2003.12.003"

DARK_W_M2 = 2.0
"""Irradiance that counts as none [W/m2]; full sun in kW/m2, read as W/m2, stays below it."""

DARK_PV_SHARE = 2e-4
"""PV output that counts as none, as a share of the AC rating [1]."""

ZERO_SHARE_LIMIT = 0.10
"""Share of daylight hours that may be without light [1]; real years have none, plants with outages a few percent."""

MONTHLY_ZERO_SHARE = 0.15
"""The same within one month, days without any light left out: those are outages, and judged by the day [1]."""

DARK_DAY_CLEARNESS = 0.005
"""Clearness of a day that counts as dark [1]; under the heaviest cloud some 2 to 3 % of the light come through."""

NIGHT_LIMIT_W_M2 = 5.0
NIGHT_LIMIT_PV_SHARE = 1e-3

CLEARNESS_LIMITS = (0.20, 0.80)
"""Yearly global irradiation over the extraterrestrial one [1]: cloudiest coasts 0.30, high deserts 0.75."""

CLEAN_SKY_FACTOR = 1.10
CLEAN_SKY_SLACK_WH = 200.0


def _light(context: QualityContext) -> Iterator[tuple[str, str, FloatArray, float, str]]:
    """Series, column, values, level that counts as dark, and unit, of all columns that follow the sun."""
    if WEATHER in context.frames:
        for column in IRRADIANCE:
            yield WEATHER, column, context.values(WEATHER, column), DARK_W_M2, "W/m2"
    if PV in context.frames:
        yield PV, "pv_kwh", context.values(PV, "pv_kwh"), DARK_PV_SHARE * context.settings.pv.ac_kw, "kWh"


def sums_by(keys: Hours, values: FloatArray) -> tuple[FloatArray, Hours]:
    """Sums of values by day or month: one per distinct key, and the group of each row."""
    distinct, group = np.unique(keys, return_inverse=True)
    sums: FloatArray = np.bincount(group, weights=values, minlength=distinct.size).astype(np.float64)
    return sums, group.astype(np.int64)


def greatest(values: FloatArray) -> float:
    """Return the greatest finite value, 0 where there is none."""
    good = values[np.isfinite(values)]
    return float(good.max()) if good.size else 0.0


@rule(
    "solar.all_zero",
    "error",
    "there is light",
    looks_at=(WEATHER, PV),
    rationale="No place between the polar circles is without sun for a year. A year of zeros is a missing file.",
    reference="docs/design.md, What it is for: a missing solar file once became a year of zeros",
    cause="the file was emptied, a failed export wrote zeros, or the unit is a thousandth of what is expected",
    fix="export the irradiance (or the generation) again from its source; where there is none, choose "
    "`weather.source: synthetic` and `pv.source: synthetic`, and the report says so; for generation alone, "
    "`pv.source: model`",
    waivable=False,
)
def all_zero(context: QualityContext) -> Iterator[Violation]:
    """Refuse a column that never rises above the dark."""
    for series, column, values, dark, unit in _light(context):
        top = greatest(values)
        if top <= dark:
            zeros = int((values == 0.0).sum())
            yield Violation(
                series,
                column,
                f"{zeros} of {values.size} values are zero, the greatest is {top:.6g} {unit}",
                f"a maximum above {dark:.4g} {unit}",
                f"the whole year is dark: {zeros} of {values.size} values are zero, the greatest is {top:.6g} {unit}",
                hours=np.arange(values.size),
            )


@rule(
    "solar.mostly_zero",
    "error",
    "light in the hours of daylight",
    looks_at=(WEATHER, PV),
    rationale="While the sun stands more than 10 deg above the horizon even the darkest cloud lets diffuse light "
    "through; hours without any are missing data. Beam (DNI) may be zero under cloud and is not judged here.",
    reference=SUNRISE,
    cause="part of the year is missing and was written as zeros",
    fix="export the hours named from the source again",
    waivable=False,
)
def mostly_zero(context: QualityContext) -> Iterator[Violation]:
    """Refuse a column that is dark in more than a tenth of the daylight hours."""
    for series, column, values, dark, _unit in _light(context):
        day = context.sun(series).day
        if column == "dni_w_m2" or not day.any() or greatest(values) <= dark:
            continue
        without = np.flatnonzero(day & (values <= 0.0))
        share = without.size / int(day.sum())
        if share <= ZERO_SHARE_LIMIT:
            yield from _mostly_zero_months(context, series, column, values)
        else:
            yield Violation(
                series,
                column,
                f"{without.size} of {int(day.sum())} daylight hours ({share:.1%}) are zero",
                f"at most {ZERO_SHARE_LIMIT:.0%} of the hours with the sun above 10 deg",
                f"{share:.1%} of the daylight hours are zero",
                hours=without,
            )


def _mostly_zero_months(context: QualityContext, series: str, column: str, values: FloatArray) -> Iterator[Violation]:
    """Months whose days have light in a part of their hours only, as mornings that were lost do."""
    total, group = sums_by(context.local_days(series), np.nan_to_num(values))
    day = context.sun(series).day & (total[group] > 0.0)
    months = context.local_months(series)
    hours, of_month = sums_by(months, day.astype(np.float64))
    zero, _ = sums_by(months, (day & (values <= 0.0)).astype(np.float64))
    lost = (hours >= 30) & (zero > MONTHLY_ZERO_SHARE * hours)
    if lost.any():
        rows = np.flatnonzero(lost[of_month] & day & (values <= 0.0))
        yield Violation(
            series,
            column,
            f"{rows.size} daylight hours of {int(lost.sum())} months are zero on days that have light",
            f"at most {MONTHLY_ZERO_SHARE:.0%} of a month's hours with the sun above 10 deg",
            f"{rows.size} daylight hours of {int(lost.sum())} months are zero",
            hours=rows,
        )


def _dark_groups(context: QualityContext, keys_of: str) -> Iterator[tuple[str, str, Hours, int, FloatArray]]:
    """Days or months without light although the sun rose: series, column, rows, number of groups, sums."""
    for series, column, values, dark, _unit in _light(context):
        sun = context.sun(series)
        if column == "dni_w_m2" or greatest(values) <= dark:
            continue
        keys = getattr(context, keys_of)(series)
        extra, group = sums_by(keys, sun.horizontal)
        total, _ = sums_by(keys, np.nan_to_num(values))
        daylight, _ = sums_by(keys, sun.day.astype(np.float64))
        # PV: the energy of a plant that turns light into power one to one, kWh for W/m2.
        full = extra if series == WEATHER else extra / 1000.0 * context.settings.pv.dc_kwp
        is_dark = (daylight >= 3) & (total < DARK_DAY_CLEARNESS * full)
        if is_dark.any():
            rows = np.flatnonzero(is_dark[group] & sun.day)
            yield series, column, rows, int(is_dark.sum()), total[is_dark]


@rule(
    "solar.zero_month",
    "error",
    "light in every month",
    looks_at=(WEATHER, PV),
    rationale="A month in which the sun rises above 10 deg and nothing arrives is a month of missing data.",
    reference=SUNRISE,
    cause="a month was not exported and was written as zeros",
    fix="export the month again from the source",
    waivable=False,
)
def zero_month(context: QualityContext) -> Iterator[Violation]:
    """Refuse dark months."""
    for series, column, rows, count, totals in _dark_groups(context, "local_months"):
        yield Violation(
            series,
            column,
            f"{count} months with at most {totals.max():.4g} in all",
            f"at least {DARK_DAY_CLEARNESS:.1%} of the light above the atmosphere in each month",
            f"{count} months are dark",
            hours=rows,
        )


@rule(
    "solar.zero_day",
    "error",
    "irradiance on every day",
    looks_at=(WEATHER,),
    rationale="Under the heaviest cloud 2 to 3 % of the light above the atmosphere still arrive; a day below 0.5 % was "
    "not measured.",
    reference=SUNRISE,
    cause="a logger that was off, its gap written as zeros",
    fix="declare a fill: `fills` names the hours, the reason, and a file with weather data of them, from a second "
    "sensor or a satellite source (`pvbesscar fetch pvgis`)",
    waivable=False,
)
def zero_day(context: QualityContext) -> Iterator[Violation]:
    """Refuse dark days of irradiance; those of PV are outages and judged by `pv.zero_day`."""
    for series, column, rows, count, totals in _dark_groups(context.only((WEATHER,)), "local_days"):
        yield Violation(
            series,
            column,
            f"{count} days with at most {totals.max():.4g} Wh/m2",
            f"at least {DARK_DAY_CLEARNESS:.1%} of the light above the atmosphere on each day",
            f"{count} days are dark",
            hours=rows,
        )


@rule(
    "solar.night",
    "error",
    "no light at night",
    looks_at=(WEATHER, PV),
    rationale="Through an hour in which the sun stays more than 3 deg below the horizon, neither light nor generation "
    "is possible; twilight and refraction are within that margin.",
    reference=SUNRISE,
    cause="stamps in UTC instead of local time, morning and afternoon exchanged, wrong coordinates, or noise added to "
    "the nights",
    fix="check `site.timezone`, `site.latitude` and `site.longitude`, and the file's stamps; where the series "
    "itself is false, export it again",
    waivable=False,
)
def night(context: QualityContext) -> Iterator[Violation]:
    """Find light and generation with the sun below the horizon."""
    for series, column, values, _dark, unit in _light(context):
        limit = NIGHT_LIMIT_W_M2 if series == WEATHER else NIGHT_LIMIT_PV_SHARE * context.settings.pv.ac_kw
        at_night = context.sun(series).night
        lit = np.flatnonzero(at_night & (values > limit))
        if lit.size:
            yield Violation(
                series,
                column,
                f"up to {values[lit].max():.4g} {unit} in {lit.size} of {int(at_night.sum())} night hours",
                f"at most {limit:.3g} {unit} while the sun is below -3 deg",
                f"{lit.size} night hours have up to {values[lit].max():.4g} {unit}",
                hours=lit,
            )


def _physical_limits(context: QualityContext) -> Iterator[tuple[str, FloatArray]]:
    sun = context.sun(WEATHER)
    mu = sun.mu_max
    yield "ghi_w_m2", 1.5 * sun.extra * mu**1.2 + 100.0
    yield "dhi_w_m2", 0.95 * sun.extra * mu**1.2 + 50.0
    yield "dni_w_m2", sun.extra


@rule(
    "solar.physical_limit",
    "error",
    "no more light than physically possible",
    looks_at=(WEATHER,),
    rationale="Global, diffuse and direct irradiance are bounded by the light above the atmosphere and the height of "
    "the sun: 1.5 E0 mu^1.2 + 100, 0.95 E0 mu^1.2 + 50 and E0 in W/m2, at the highest sun of the hour.",
    reference=LONG_SHI,
    cause="a wrong unit or scale, spikes of the sensor, or stamps that are shifted against the sun",
    fix="check the unit (W/m2, mean of the hour) and the time zone of the file; remove spikes in the source",
    waivable=False,
)
def physical_limit(context: QualityContext) -> Iterator[Violation]:
    """Find irradiance above the physically possible limits."""
    for column, limit in _physical_limits(context):
        values = context.values(WEATHER, column)
        above = np.flatnonzero(values > limit)
        if above.size:
            worst = above[np.argmax(values[above] - limit[above])]
            yield Violation(
                WEATHER,
                column,
                f"{values[worst]:.5g} W/m2 in hour {worst}",
                f"{limit[worst]:.5g} W/m2 in that hour",
                f"{above.size} hours are above what is physically possible, the worst {values[worst]:.5g} W/m2 where "
                f"{limit[worst]:.5g} is the limit",
                hours=above,
            )


@rule(
    "solar.clean_sky_day",
    "error",
    "no day brighter than a cloudless one",
    looks_at=(WEATHER,),
    rationale="Clouds can brighten minutes, not days: a day's sum stays below that of a cloudless sky of very clean "
    "air (Linke turbidity 2), with 10 % for the model.",
    reference="Ineichen and Perez (2002), doi:10.1016/S0038-092X(02)00045-2",
    cause="a wrong scale or unit, or the irradiance of a tilted plane in the place of the horizontal one",
    fix="check the unit and the sensor's calibration factor; export horizontal irradiance",
    waivable=False,
)
def clean_sky_day(context: QualityContext) -> Iterator[Violation]:
    """Compare each day's global irradiation with that of a clean, cloudless sky."""
    limit, group = sums_by(context.local_days(WEATHER), context.clean_sky)
    total, _ = sums_by(context.local_days(WEATHER), np.nan_to_num(context.values(WEATHER, "ghi_w_m2")))
    limit = CLEAN_SKY_FACTOR * limit + CLEAN_SKY_SLACK_WH
    above = total > limit
    if above.any():
        worst = int(np.argmax(np.where(above, total / limit, 0.0)))
        yield Violation(
            WEATHER,
            "ghi_w_m2",
            f"{total[worst]:.0f} Wh/m2 on the worst of {int(above.sum())} days",
            f"{limit[worst]:.0f} Wh/m2 on that day",
            f"{int(above.sum())} days are brighter than a cloudless sky can be, the worst with {total[worst]:.0f} "
            f"Wh/m2 where {limit[worst]:.0f} is the limit",
            hours=np.flatnonzero(above[group] & (context.sun(WEATHER).mu > 0)),
        )


@rule(
    "solar.yearly_clearness",
    "error",
    "yearly irradiation plausible for the latitude",
    looks_at=(WEATHER,),
    rationale="Of the light above the atmosphere at a site's latitude, between 20 % and 80 % arrive over a year "
    "anywhere on Earth.",
    reference="clearness index: Liu and Jordan (1960), doi:10.1016/0038-092X(60)90062-1; range: Global Solar Atlas",
    cause="a wrong unit (kW/m2, J/cm2), a wrong scale, or coordinates of another place",
    fix="check the unit of the column (W/m2) and `site.latitude`",
    waivable=False,
)
def yearly_clearness(context: QualityContext) -> Iterator[Violation]:
    """Compare the year's global irradiation with the extraterrestrial one."""
    ghi = np.nan_to_num(context.values(WEATHER, "ghi_w_m2"))
    extra = float(context.sun(WEATHER).horizontal.sum())
    low, high = CLEARNESS_LIMITS
    if extra <= 0 or greatest(ghi) <= DARK_W_M2:
        return
    clearness = float(ghi.sum()) / extra
    if not low <= clearness <= high:
        yield Violation(
            WEATHER,
            "ghi_w_m2",
            f"{ghi.sum() / 1000:.4g} kWh/m2, {clearness:.1%} of the light above the atmosphere",
            f"{low * extra / 1000:.4g} to {high * extra / 1000:.4g} kWh/m2 at this latitude",
            f"the year's irradiation of {ghi.sum() / 1000:.4g} kWh/m2 is implausible for the latitude",
        )


@rule(
    "solar.closure",
    "error",
    "global irradiance is direct plus diffuse",
    looks_at=(WEATHER,),
    rationale="GHI = DNI cos(zenith) + DHI. Hours are compared at the lowest and the highest sun of the hour, with "
    "15 % and 30 W/m2 for sensors; at most a twentieth of the daylight hours may fall outside.",
    reference="Long and Shi (2008), doi:10.2174/1874282300802010023, comparison tests",
    cause="components from different sources or sensors, another unit in one of them, or one of them shifted in time",
    fix="take GHI, DNI and DHI from one source; check their units",
    waivable=False,
)
def closure(context: QualityContext) -> Iterator[Violation]:
    """Compare global irradiance with the sum of its components."""
    sun = context.sun(WEATHER)
    ghi, dni, dhi = (context.values(WEATHER, column) for column in IRRADIANCE)
    least, most = dni * sun.mu_min + dhi, dni * sun.mu_max + dhi
    judged: BoolArray = (sun.highest > 5.0) & (np.maximum(ghi, most) > 50.0)
    with np.errstate(invalid="ignore"):
        off = judged & ((ghi < 0.85 * least - 30.0) | (ghi > 1.15 * most + 30.0))
    share = float(off.sum()) / max(int(judged.sum()), 1)
    if share > 0.05:
        gap = np.where(off, np.maximum(least - ghi, ghi - most), -np.inf)
        worst = int(np.argmax(gap))
        yield Violation(
            WEATHER,
            "ghi_w_m2",
            f"{int(off.sum())} of {int(judged.sum())} daylight hours ({share:.1%}); in hour {worst} GHI "
            f"{ghi[worst]:.4g}, DNI {dni[worst]:.4g}, DHI {dhi[worst]:.4g} W/m2",
            "at most 5 % of the daylight hours off by more than 15 % and 30 W/m2",
            f"GHI is not DNI cos(zenith) + DHI in {share:.1%} of the daylight hours",
            hours=np.flatnonzero(off),
        )
