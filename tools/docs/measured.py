"""docs/measured-oe2.md: what is false in the site's measured OE2 files, with the evidence, computed from the files.

python -m tools.docs.measured FOLDER writes the page; tests/docs/test_measured.py compares it with the files, and skips
where they are missing: they are not part of the repository.
"""

# ruff: noqa: E501 (a statement of the page, a line)
from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pvlib

from pvbesscar.config import load_settings
from pvbesscar.oe2.ingest import ingest
from pvbesscar.quality.gate import validate
from pvbesscar.store.files import write_text
from pvbesscar.store.workspace import Workspace
from schemas.errors import QualityError
from schemas.results import QualityReport

PAGE = Path("docs/measured-oe2.md")
HOURLY, SERIES = "solar/pv_generation_hourly_citylearn_v2.csv", "solar/pv_generation_timeseries.csv"
PROFILES, CHARGERS = "chargers/chargers_hourly_profiles_annual.csv", "chargers/individual_chargers.json"
MALL, METERED = "mall_demand_hourly.csv", "demandamallkwh/demandamallhorakwh.csv"

READINGS = {
    "as configured": (),
    f"PV from {HOURLY}": ("pv.source=file", f"pv.file={HOURLY}"),
    f"PV from {SERIES}": ("pv.source=file", f"pv.file={SERIES}"),
    f"weather from {SERIES}": (f"weather.file={SERIES}", "weather.decomposition=erbs"),
    "mall not scaled": ("mall.scale_to_declared=false",),
    f"mall from {METERED}": ("mall.scale_to_declared=false", f"mall.file={METERED}"),
}
"""Ways to read the files: config/iquitos_oe2.yaml with these settings."""


@dataclass(frozen=True)
class Falsehood:
    """What is false in a file, the numbers that show it, and the rules that find it."""

    what: str
    evidence: str
    rules: tuple[str, ...] = ()


def findings(folder: Path) -> dict[str, QualityReport]:
    """Report of the gate on each reading of the files."""
    reports = {}
    for name, overrides in READINGS.items():
        with tempfile.TemporaryDirectory() as root:
            places = [f"data.root={root}", f"data.oe2_dir={folder.resolve()}"]
            settings = load_settings(Path("config/iquitos_oe2.yaml"), [*places, *overrides]).settings
            workspace = Workspace.of(settings)
            ingest(settings, workspace)
            try:
                reports[name] = validate(settings, workspace)
            except QualityError:
                text = (workspace.quality / "quality_report.json").read_text(encoding="utf-8")
                reports[name] = QualityReport.model_validate_json(text)
    return reports


def _days(values: pd.Series) -> np.ndarray:
    return values.to_numpy(np.float64).reshape(-1, 24)


def _closure(w: pd.DataFrame, minutes: int) -> float:
    """Mean distance of GHI from DHI + DNI cos(zenith) with the sun so many minutes after the stamp [W/m2]."""
    stamps = pd.DatetimeIndex(w.timestamp, tz="America/Lima") + pd.Timedelta(minutes=minutes)
    zenith = np.radians(pvlib.solarposition.get_solarposition(stamps, -3.75, -73.25, 104.0).zenith.to_numpy())
    lit = (w.ghi_wm2 > 50).to_numpy()
    return float(np.abs(w.ghi_wm2 - w.dhi_wm2 - w.dni_wm2 * np.cos(zenith).clip(0))[lit].mean())


def _weather(folder: Path) -> list[Falsehood]:
    w = pd.read_csv(folder / HOURLY)
    top = w.ac_power_kw.max()
    lit = w[w.ghi_wm2 > 300]
    free = w[(w.dc_power_kw > 0) & (w.ac_power_kw < 0.999 * top)]
    kwp = 4162.0
    return [
        Falsehood(
            "The generation is that of another plant, and more than the sun gave on this one.",
            f"{w.pv_generation_kwh.sum():,.0f} kWh are {w.pv_generation_kwh.sum() / kwp:,.0f} kWh/kWp of 4,162 kWp, from "
            f"{w.ghi_wm2.sum() / 1000:,.1f} kWh/m2 of global irradiation. DC power reaches {w.dc_power_kw.max():,.0f} kW "
            f"and is above the DC rating in {int((w.dc_power_kw > kwp).sum()):,} hours; it is "
            f"{(lit.dc_power_kw / lit.ghi_wm2).median():.2f} kW for each W/m2, as of a plant of some 7,200 kWp.",
            ("pv.performance_ratio", "pv.energy_balance"),
        ),
        Falsehood(
            "Its inverters are not the site's.",
            f"AC power is cut off at {top:,.2f} kW in {int((w.ac_power_kw > 0.999999 * top).sum()):,} hours; the design's "
            f"inverters have 3,201.2 kW. Below that end AC over DC is {(free.ac_power_kw / free.dc_power_kw).median():.4f} "
            "at the median.",
            ("pv.cut_off",),
        ),
        Falsehood(
            "A wind speed is below zero.",
            f"{w.wind_speed_ms.min():.2f} m/s in row {int(w.wind_speed_ms.idxmin())} ({w.timestamp[w.wind_speed_ms.idxmin()]}).",
            ("weather.negative_wind",),
        ),
        Falsehood(
            "Irradiance is of the instant of the stamp, not the mean of the hour.",
            f"Global, direct and diffuse irradiance close within {_closure(w, 0):.1f} W/m2 with the sun where it stands at "
            f"the stamp, and within {_closure(w, 30):.1f} W/m2 with the sun of half an hour later, the middle of the hour.",
        ),
        Falsehood(
            "Six columns are three, and `pv_generation_kwh` is the AC energy again.",
            f"Power equals energy in all {len(w):,} rows for DC ({bool((w.dc_power_kw == w.dc_energy_kwh).all())}) and AC "
            f"({bool((w.ac_power_kw == w.ac_energy_kwh).all())}); generation equals AC energy "
            f"({bool((w.pv_generation_kwh == w.ac_energy_kwh).all())}).",
        ),
    ]


def _series(folder: Path) -> list[Falsehood]:
    p, w = pd.read_csv(folder / SERIES), pd.read_csv(folder / HOURLY)
    ghi, air = _days(p.irradiancia_ghi), _days(p.temperatura_c)
    night = ghi[:, [19, 20, 21, 22, 23, 0, 1, 2, 3, 4]]
    mean, warm = ghi.mean(0), air.mean(0)
    ratio = (p.potencia_kw / p.irradiancia_ghi)[p.irradiancia_ghi > 1]
    mirrored = np.abs(mean[8:12] - mean[16:12:-1]).max()
    return [
        Falsehood(
            "There is light at midnight.",
            f"{int((night > 0).sum()):,} of {night.size:,} hours from 19 h to 4 h have irradiance, up to {night.max():.1f} "
            f"W/m2: {(night > 0).mean():.0%}, as of noise around zero whose lower half was cut off.",
            ("solar.night",),
        ),
        Falsehood(
            "The mean day is a mirror image around noon, which no sky is.",
            f"Hours 8 to 11 and 16 to 13 differ by at most {mirrored:.1f} W/m2 in the mean of the year, at up to "
            f"{mean.max():.0f} W/m2. The weather file of the same site and year has {w.ghi_wm2.sum() / 1000:,.0f} kWh/m2, "
            f"this one {p.irradiancia_ghi.sum() / 1000:,.0f}; hour by hour their correlation is "
            f"{np.corrcoef(p.irradiancia_ghi, w.ghi_wm2)[0, 1]:.2f}.",
            ("pv.time_shift", "pv.energy_balance"),
        ),
        Falsehood(
            "Generation is irradiance times a number.",
            f"`potencia_kw` over `irradiancia_ghi` is {ratio.min():.3f} to {ratio.max():.3f}, in nine of ten hours within "
            f"{ratio.quantile(0.95) / ratio.quantile(0.05) - 1:.1%}, by night as by day; `energia_kwh` equals "
            f"`potencia_kw` in every row ({bool((p.potencia_kw == p.energia_kwh).all())}). No inverter limit is reached: "
            f"at most {p.potencia_kw.max():,.0f} kW.",
        ),
        Falsehood(
            "The air is warmest at night.",
            f"The mean day has {warm.max():.1f} deg C at {int(warm.argmax())} h and {warm.min():.1f} deg C at "
            f"{int(warm.argmin())} h; its correlation with the other file's temperature is "
            f"{np.corrcoef(p.temperatura_c, w.temp_air_c)[0, 1]:.2f}.",
            ("weather.temperature_course",),
        ),
        Falsehood(
            "The two solar files contradict each other.",
            f"{w.pv_generation_kwh.sum():,.0f} kWh in one, {p.energia_kwh.sum():,.0f} kWh in the other, for one plant and "
            "one year.",
        ),
    ]


def _chargers(folder: Path) -> list[Falsehood]:
    profiles = pd.read_csv(folder / PROFILES)
    chargers = pd.DataFrame(json.loads((folder / CHARGERS).read_text(encoding="utf-8")))
    day = _days(profiles.iloc[:, 0])
    share = day / day.sum(1, keepdims=True)
    equal = sum(bool((profiles[name] == profiles.iloc[:, 0]).all()) for name in profiles)
    weekday = [day.sum(1)[start::7].mean() for start in range(7)]
    battery, together, hours = (
        chargers[name] for name in ("energía_por_batería_kwh", "baterias_simultáneas", "tiempo_carga_h")
    )
    power = battery * together / hours
    volt_ampere = chargers.voltaje_v * chargers.corriente_max_a / 1000
    return [
        Falsehood(
            "32 chargers were not measured: one profile stands in every column.",
            f"{equal} of {profiles.shape[1]} columns are equal in all {len(profiles):,} hours, motos and mototaxis alike, "
            f"though the list rates them {chargers.potencia_max_kw.min():g} and {chargers.potencia_max_kw.max():g} kW.",
            ("ev.profile_copied",),
        ),
        Falsehood(
            "That profile was computed.",
            f"Every day has the same shape: no hour's share of its day moves by more than "
            f"{np.abs(share - share.mean(0)).max():.2%} of the day over the year. The first five weekdays of the file "
            f"differ by at most {np.ptp(weekday[:5]) / np.mean(weekday[:5]):.1%} in energy, the other two are "
            f"{1 - np.mean(weekday[5:]) / np.mean(weekday[:5]):.1%} lower. Its peak is {day.max():.6g} kW, the rating.",
        ),
        Falsehood(
            "The list of chargers contradicts itself.",
            "Charging so many batteries of that size in that time takes "
            f"{power[chargers.tipo == 'moto'].iloc[0]:.2f} kW (motos) and {power[chargers.tipo != 'moto'].iloc[0]:.2f} kW "
            f"(mototaxis) where `potencia_max_kw` says {chargers.potencia_max_kw.min():g} and "
            f"{chargers.potencia_max_kw.max():g}, and voltage times current gives {volt_ampere.min():g} and "
            f"{volt_ampere.max():g}. The design's sockets have 3.5 kW each, 14 kW a charger; the design rules.",
        ),
    ]


def _mall(folder: Path) -> list[Falsehood]:
    small, metered = pd.read_csv(folder / MALL), pd.read_csv(folder / METERED, sep=";")
    day, real = _days(small.demanda_kw), _days(metered.kWh)
    weekday = np.array([day[start::7].mean() for start in range(7)]) / day.mean()
    true_weekday = np.array([real[start::7].mean() for start in range(7)]) / real.mean()
    dead = metered[metered.kWh == 0]
    return [
        Falsehood(
            f"`{MALL}` is not this mall's energy.",
            f"{small.demanda_kw.sum():,.0f} kWh: {small.demanda_kw.sum() / 3_358_876:.1%} of the 3,358,876 kWh that the "
            f"design declares, {small.demanda_kw.sum() / metered.kWh.sum():.1%} of what the meter counted "
            f"(`{METERED}`: {metered.kWh.sum():,.0f} kWh).",
            ("energy.mall_declared",),
        ),
        Falsehood(
            "Nor its shape: it was computed.",
            f"Monday to Friday draw the same ({weekday[:5].min():.3f} to {weekday[:5].max():.3f} of the mean), Saturday and "
            f"Sunday {weekday[5:].min():.3f} to {weekday[5:].max():.3f}, in every hour of the day alike; the meter has "
            f"{true_weekday.min():.3f} to {true_weekday.max():.3f}. By night (0 to 5 h) it keeps "
            f"{day[:, :6].mean() / day.max(1).mean():.0%} of the day's peak, the meter {real[:, :6].mean() / real.max(1).mean():.0%}.",
        ),
        Falsehood(
            "The declared 3.36 GWh are not the mall's either.",
            f"The meter's {metered.kWh.sum() / 1e6:.2f} GWh are {metered.kWh.sum() / 3_358_876:.2f} times that. "
            "config/iquitos_oe2.yaml keeps the declared energy, as the design does; config/iquitos_metered.yaml takes the "
            "meter's.",
            ("energy.mall_declared",),
        ),
        Falsehood(
            "The meter has hours without demand.",
            f"{len(dead)} hours at 0 kWh, on {', '.join(dict.fromkeys(stamp[:10] for stamp in dead.FECHAHORA))}.",
            ("mall.outage",),
        ),
    ]


def page(folder: Path) -> str:
    """The page, from the files of a folder.

    Raises
    ------
    AssertionError
        A rule that the page names finds nothing in any reading.
    """
    reports = findings(folder)
    found = {finding.rule for report in reports.values() for finding in report.findings}
    years = [pd.read_csv(folder / HOURLY).timestamp, pd.read_csv(folder / METERED, sep=";").FECHAHORA]
    calendar = Falsehood(
        "All series have 8,760 rows of a leap year.",
        f"They hold 29 February and end on {years[0].iloc[-1]} (`{HOURLY}`) and {years[1].iloc[-1]} (`{METERED}`): New "
        "Year's Eve is missing. Stamps are kept; nothing is shifted.",
        ("time.calendar",),
    )
    parts = [
        "# The measured OE2 files",
        "",
        "What is false in the files of 2024, with the evidence. Every number is computed from the files by",
        "`python -m tools.docs.measured FOLDER`, and a test compares this page with them where they are at hand; the files",
        "themselves are not part of this repository. Each rule named was seen to find its falsehood in one of these",
        "readings of config/iquitos_oe2.yaml:",
        "",
        "| reading | errors | warnings | rules |",
        "| --- | ---: | ---: | --- |",
    ]
    for name, report in reports.items():
        rules = ", ".join(f"`{rule}`" for rule in dict.fromkeys(finding.rule for finding in report.findings))
        warnings = sum(finding.severity == "warning" for finding in report.findings)
        parts.append(f"| {name} | {len(report.errors)} | {warnings} | {rules} |")
    for title, falsehoods in (
        ("All files", [calendar]),
        (f"`{HOURLY}`", _weather(folder)),
        (f"`{SERIES}`", _series(folder)),
        (f"`{PROFILES}` and `{CHARGERS}`", _chargers(folder)),
        (f"`{MALL}` and `{METERED}`", _mall(folder)),
    ):
        parts += ["", f"## {title}", ""]
        for falsehood in falsehoods:
            silent = set(falsehood.rules) - found
            assert not silent, f"{falsehood.what} {silent} find nothing"
            seen = f" Found by {', '.join(f'`{rule}`' for rule in falsehood.rules)}." if falsehood.rules else ""
            parts.append(f"* **{falsehood.what}** {falsehood.evidence}{seen}")
    parts += [
        "",
        "What has no rule named is a statement about several files, or about columns that no scenario uses; it was found by",
        "comparing them, and the numbers are here so that nobody has to find it again.",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    write_text(PAGE, page(Path(sys.argv[1])))
