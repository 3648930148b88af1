"""The pages of the docs that are made from the code: `python -m tools.docs.pages` writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from pvbesscar.config import configuration_table
from pvbesscar.evaluation import kpis
from pvbesscar.plant.ledger import LEDGER_COLUMNS
from pvbesscar.plant.observation import FEATURES, HORIZONS, observation_names
from pvbesscar.quality.engine import QualityRule
from pvbesscar.quality.folder.dataset_folder import DatasetFolder
from pvbesscar.quality.folder.rules import FOLDER_RULES
from pvbesscar.quality.year.judge import YearRule
from pvbesscar.quality.year.rules import YEAR_RULES
from schemas.frames import COLUMNS, EV_PROFILE, ColumnContract
from tests.oe2.foreign_files import FORMATS
from tests.oe2.layouts import STAMPS
from tests.quality.blind_faults import BLIND_FAULTS
from tests.quality.detectors import CATALOGUES, COUNTS, DETECTORS, RUNS, SEEDS
from tests.quality.faults import FAULTS
from tests.quality.folder_faults import FOLDER_FAULTS
from tests.quality.years import PLACES
from tools.docs import results, weights
from tools.docs.architecture import architecture_page
from tools.docs.stamps import tell

DOCS = Path(__file__).resolve().parents[2] / "docs"
LAYOUTS_BEGIN = "<!-- layouts: made by python -m tools.docs.pages -->"
LAYOUTS_END = "<!-- end of layouts -->"
MADE = "`python -m tools.docs.pages`"

CONFIGURATION = """# Configuration

One YAML file a scenario; what it leaves out has the default below. `--set key=value` overrides a key. Unknown keys are
errors that name the nearest known one. `pvbesscar config show --config FILE` prints the values of a scenario with unit
and origin. This table is made from `schemas/settings` ({made}).

{table}
"""
QUALITY = """# Quality rules

`validate` applies every rule to the canonical year. An *error* stops the run before anything downstream changes; a
*warning* is shown. An error in a column that the scenario does not use is a warning. At each run the gate is first
given a year of zeros, and must refuse it. These {count} rules are made from the registry in `pvbesscar/quality`
({made}); the faults that they are tested with are in [quality-catalogue.md](quality-catalogue.md). On the
terminal, `pvbesscar quality rules` lists the rules, and `pvbesscar validate FILE` applies those that need one file.
Each later stage checks the tables that it reads against their contracts again.

## Waivers

A finding that you accept for a while is waived in the configuration, with a reason and a last day:

```yaml
date: 2026-05-04
quality:
  waivers:
    - rule: mall.outage
      reason: blackout of the isolated grid, see the log of the shift
      until: 2026-12-31
```

A waived error does not stop the run. The finding stays in the report, on its first screen, with reason and day. The
last day is compared with `date`, or with the day at the site where `date` is not set. A waiver that has ended is a
warning; a waiver that matches no finding is an info. Rules with *no* under *waivable* can not be waived, false solar
among them; such a waiver is an error of the configuration.

## Declared fills

Hours that could not be measured are filled where the configuration says so, and nowhere else:

```yaml
fills:
  - series: weather
    start: 2025-03-12 00:00
    hours: 168
    source: file
    file: pvgis_2025.csv
    reason: the logger was off for a week; nothing else was measured on site
  - series: mall
    start: 2025-06-16 16:00
    hours: 60
    source: typical_week
    reason: the meter was replaced
```

| series | sources |
| --- | --- |
| `weather` | `file`: a weather file with these hours (`pvbesscar fetch pvgis`), or with the same dates of `from_year` |
| `pv` | `file`: a second meter; `weather`: modelled from the scenario's weather, or from the weather of `file` |
| `mall`, `ev_profile` | `file`; `typical_week`: the mean of the same weekday and hour over the unfilled hours |

`ingest` applies them, before any scaling; rows that are missing are added. Light is never filled from zeros or from
itself: a source that is dark by day, or is the file that is filled, is refused. In one series at most
`quality.fill_share` of the year (3 %, and never more than 5 %) may be filled. Every hour is marked in `fills.parquet`
of the canonical folder, the provenance names source, digest and reason, and the fills stand on the first screen of the
quality report and in the first line of the pipeline's report. The filled year is judged like any other.

## What can not be told

* **Months exchanged under right stamps.** Away from the tropics the light of most of them is more than its new sky can
  give (`solar.other_season`); near the equator, and for months as far before a solstice as the other is behind it, it
  is not. Demand shows it where the mall has a week (`mall.other_weekdays`) and the two months do not begin on the same
  weekday.
* **Copies.** A stretch of five days or more that is another one times a number is found, with noise of up to about a
  sixth of the series' own; a single day only where it is equal to the last digit. Which of the two is the copy is said
  where the sky, the generation beside it, the weekdays or the digits tell it; else both are named.
  It is the likelier of the two and no proof: where the generation or the weather beside it is the false one, or the
  genuine week is the odd one, the other is named. Shorter copies under noise or times a number are not found.
* **A clock that is not put forward.** At a site with a summer clock, demand that is late by it from spring to autumn
  may be a building whose controls keep standard time, or stamps that were put forward twice: a warning
  (`mall.season_shift`).
* **Another unit** for less than a factor of 1.8, or 2.5 for a day alone, looks like a busy day. A step of all hours
  alike by more than that is refused although a site may know a reason for it: such a finding can be waived.
* **Straight lines** shorter than ten hours of demand, seven of daylight or twelve of temperature.

{sections}
# Rules for a dataset folder

`pvbesscar validate FOLDER` judges any folder in CityLearn's format ([inputs.md](inputs.md)). These {folder_count}
rules look at its schema, files, physics, series and chargers. The rules above are applied too, as far as the folder
holds their data; the verdict says which were not applied, and why. None can be waived, because a folder has no
configuration. `tests/quality/test_datasets.py` plants {fault_count} kinds of fault in copies of a clean folder, and
each rule has to find its own.

{folder_sections}"""
CATALOGUE = """# Fault catalogues

Faults are injected into clean years at {sites} sites from 60 N to 46 S; each has a rule that must find it. Made from
`tests/quality` ({made}); `make test-slow` repeats both catalogues at every site, the rules themselves are in
[quality.md](quality.md).

| catalogue | kinds | pandera | Great Expectations | pvanalytics | this gate, today |
| --- | --- | --- | --- | --- | --- |
{summary}
*This gate, today* is what `make test-slow` demands, at {sites} sites and with two seeds: all of both catalogues but
*PV is DC power* in the years in which DC stays below the AC rating, where the two can not be told apart. The other
columns are measured by `python -m tests.quality.detectors`, in {years} years: each site with seed {seeds}.

* **pandera** {pandera}: the types of the columns, nothing missing, which is what one writes by default;
* **Great Expectations** {gx}: columns exist and hold their type, nothing missing, as many rows as before, which is what
  a suite usually begins with;
* **pvanalytics** {pvanalytics}: its functions on gaps, stale and interpolated values, outliers, the QCRad limits and
  consistency of irradiance, clear sky, daily insolation, spacing and shifts of stamps, clipping and tracking, with
  their defaults (`zmax` 3), given our position of the sun. Its own detection of day and night fails on pandas 3.

A fault counts as seen where a check flags the spoilt year and does not flag the clean one; a check that stops with an
error counts as one that flags. A tool that flags a year need not name the fault; a rule of this gate must. None of the
three looks at vehicles or at the configuration beyond their types. These checks of pvanalytics flag clean years too, so
their flags prove nothing there: {useless}.

The tests measure a sample again, pvanalytics where it is installed (it is no dependency); the figures of a tool that is
missing stay as they were measured.

## Written from the rules' descriptions alone

The author of these faults had seen neither thresholds nor code of the rules. On the *first run*, before any rule was
changed, the rules that should find a fault found {found:,} of {runs:,} injections ({share:.1%}; {sites} sites, two
seeds), and {whole} of {kinds} kinds at every site. Rules were mended afterwards, so what they find today is no blind
result; `tests/quality/test_blind_faults.py` tests it.

{blind}
## Written with the rules

{known}"""
QUALITY_HEAD = ("rule", "severity", "waivable", "series", "what holds", "why", "likely cause of a violation", "fix")
FOLDER_HEAD = ("rule", "severity", "looks at", "what holds", "why", "likely cause of a violation", "fix")

OBSERVATION = """# Observation and action, entry by entry

Made from `pvbesscar.plant.observation.observation_names()` ({made}); the blocks are explained in
[design.md](design.md#observation). Scales are those of the default site: 128 sockets of 3.5 kW, 32 at each of the
positions A-D (112 kW together), 3,201.2 kW AC, a battery of 2,712 kW. Every entry is clipped to [-5, 5].

The entries of a demand charge that the tariff does not have are 0. The net load ahead is yesterday's course of mall and
PV, corrected by the forecasts of the next hour and of the next three; the correction fades until the 24th hour
(`net_load_forecast` in `pvbesscar/plant/data.py`).

## Action, 129 entries in [0, 1]

| entry | name | what |
| --- | --- | --- |
| 0 | `bess` | battery, see the modes in [design.md](design.md#actions) |
| 1 to 128 | `charger_01_A`, `charger_01_B`, ... `charger_32_D` | share of 3.5 kW asked for at that socket |

## Observation, {size} entries

{observation}
"""
TIME = {
    "hour": ("hour of the day, 0 to 23", "x / 11.5 - 1"),
    "month": ("1 to 12", "(x - 1) / 5.5 - 1"),
    "day_type": ("1 Monday ... 7 Sunday, 8 holiday", "(x - 1) / 3.5 - 1"),
    "position_in_year": ("hour of the year t, 0 to 8,759", "2 t / 8760 - 1"),
}
POSITION = {
    "connected": ("vehicles at the 32 sockets of the position", "x / 32"),
    "energy_required_kwh": ("energy that they still need, at the charger", "x / 112 kWh"),
    "average_power_required_kw": ("sum of energy needed / hours left", "x / 112 kW"),
    "power_available_kw": ("3.5 kW for each vehicle that still needs energy", "x / 112 kW"),
    "energy_delivered_last_hour_kwh": ("energy drawn in the last hour", "x / 112 kWh"),
    "mean_soc": ("mean state of charge of the vehicles, 0 when none is there", "x"),
}
EXCHANGE = "x / the greater of 3,201.2 kWh and the mall's peak"
PLANT = {
    "pv_kwh": ("PV of this hour", "x / 3,201.2 kWh"),
    "pv_forecast_1h_kwh": ("forecast of the next hour", "x / 3,201.2 kWh"),
    "pv_forecast_mean_3h_kwh": ("mean forecast of the next three hours", "x / 3,201.2 kWh"),
    "mall_kwh": ("mall demand of this hour", "x / the year's peak"),
    "mall_forecast_1h_kwh": ("forecast of the next hour", "x / the year's peak"),
    "mall_forecast_mean_3h_kwh": ("mean forecast of the next three hours", "x / the year's peak"),
    "bess_soc": ("state of charge of the battery", "x"),
    "bess_can_deliver_kw": ("power that it can deliver in this hour", "x / 2,712 kW"),
    "bess_can_take_kw": ("power that it can take in this hour", "x / 2,712 kW"),
    "grid_exchange_last_hour_kwh": ("import less export of the last hour, 0 in the first", EXCHANGE),
    "price_pen_per_kwh": ("price of this hour", "x / the higher price"),
    "price_next_hour_pen_per_kwh": ("price of the next hour", "x / the higher price"),
    "hours_to_tariff_change": ("hours until the price differs", "x / 24"),
    "carbon_kg_per_kwh": ("carbon intensity of the import", "x / the highest of the year"),
}
CHARGE = {
    "billed_kw": ("demand that the charge bills for the month so far", "x / (the mall's peak + 448 kW)"),
    "free_import_kw": ("import in its band up to which the month costs no more", "x / (the mall's peak + 448 kW)"),
    "in_band": ("1 where this hour is in its band", "x"),
    "hours_to_band_change": ("hours until the band begins or ends, at most 24", "x / 24"),
    "price_share": ("its price, of the prices of all charges", "x"),
}
BILL = {
    "hours_left_in_month": ("hours of the billing month that are left, with this one", "x / 744"),
    "net_load_kwh": ("mall less PV of this hour", EXCHANGE),
    "net_load_forecast_greatest_kwh": ("greatest of the 24 forecasts", EXCHANGE),
    "net_load_forecast_least_kwh": ("least of the 24 forecasts", EXCHANGE),
}
SOCKETS = {
    "presence": ("-1 empty, else energy still to be put into the battery / its capacity", "x"),
    "urgency": ("energy needed / hours left / 3.5 kW; 0 when empty", "x"),
}

KPIS = """# Key figures

What `evaluate` computes for each controller, made from the registry in `pvbesscar/evaluation/kpis.py` ({made}). Columns
named in a formula are those of the hourly ledgers ([columns.md](columns.md)); sums and maxima run over the hours
judged. A figure without meaning on those hours, such as the share of departures met where nobody departs, stays empty.

Terms whose total under no control is zero have no scale: they are left out of J, of the optimum and of both
shares, and the report names them. Intervals are explained in [evaluation.md](evaluation.md#intervals).

{table}
"""

TABLES = """# Columns of the tables

Of the files in [files.md](files.md); made from the code ({made}). Energies are of one hour,
so a kWh is also the hour's mean power in kW. Stamps are the *start* of the hour, in local time.

## Canonical series, `data/interim/canonical/NAME/`

{canonical}`ev_profile.parquet` has one column more for each charger or socket [kWh].

## CityLearn's charger files, `charger_NN_P.csv`

{charger}
## `hourly.parquet` of the dataset

Energies are as CityLearn holds them, float32 values; forecasts use nothing later than the hour they stand in.

{hourly}
## `scenarios.parquet` of the dataset

One row a scenario and day: what the year is made of ([scenarios.md](scenarios.md)).

{scenarios}
## `outputs/evaluation/ledgers/SCENARIO/CONTROLLER.parquet`

{ledger}
## `outputs/evaluation/evaluation_comparison.csv`

{comparison}
## `outputs/AGENT_training/AGENT_training_curve.csv`

{curve}"""
CHARGER = {
    "electric_vehicle_charger_state": ("", "1 connected, 2 arrives in the next hour, 3 away"),
    "electric_vehicle_id": ("", "one name for all vehicles of a socket; sessions are told apart by their id"),
    "electric_vehicle_departure_time": ("h", "hours until departure, counting down to 1"),
    "electric_vehicle_required_soc_departure": ("1", "state of charge wanted at departure"),
    "electric_vehicle_estimated_arrival_time": ("h", "1 in the hour before an arrival"),
    "electric_vehicle_estimated_soc_arrival": ("1", "state of charge at arrival, in every row of the session"),
    "electric_vehicle_session_id": ("", "name of the session"),
}
HOURLY = {
    "timestamp": ("local time", "start of the hour"),
    "pv_kwh": ("kWh", "PV generation, AC"),
    "pv_w_per_kw": ("W/kW", "the same per kWp, as in `building.csv`"),
    "mall_kwh": ("kWh", "demand of the mall"),
    "price": ("PEN/kWh", "price of import"),
    "carbon": ("kgCO2/kWh", "carbon intensity of import"),
    "hour": ("h", "hour of the day, 0 to 23"),
    "month": ("", "1 to 12"),
    "day_type": ("", "1 Monday ... 7 Sunday, 8 holiday"),
    "clear_ghi_w_m2": ("W/m2", "irradiance under a cloudless sky, what the PV forecast is scaled by"),
    "pv_next_kwh": ("kWh", "forecast of PV, next hour"),
    "pv_next3_kwh": ("kWh", "forecast of PV, mean of the next three hours"),
    "mall_next_kwh": ("kWh", "forecast of the mall, next hour"),
    "mall_next3_kwh": ("kWh", "forecast of the mall, mean of the next three hours"),
    "rule_import_kwh": (
        "kWh",
        "import of the rule, where demand is billed: what a stretch inside the year begins from",
    ),
}
SCENARIOS = {
    "scenario": ("", "name, e.g. `test-01`"),
    "day": ("", "day of the scenario, 0 to 364"),
    "weather_day": ("", "day of the validated year that its weather and PV come from"),
    "demand_day": ("", "day of the validated year that its demand, kind of day and sessions come from"),
    "load_factor": ("1", "factor on the mall's demand of that day"),
}
TERMS = {
    "co2_kg": ("kgCO2", "import x carbon intensity"),
    "solar_kwh": ("kWh", "PV neither used nor stored"),
    "cost_pen": ("PEN", "import x price - export x feed-in + `demand_pen` + `wear_pen`"),
    "ev_short_kwh": ("kWh", "energy short of the required SOC at departure, in the battery"),
    "ramping_kwh": ("kWh", "change of the import from the hour before"),
}
LEDGER = {
    "pv_kwh": ("kWh", "PV generation"),
    "mall_kwh": ("kWh", "demand of the mall"),
    "ev_kwh": ("kWh", "energy drawn by all sockets"),
    "charge_kwh": ("kWh", "energy into the battery, at its terminals"),
    "discharge_kwh": ("kWh", "energy out of the battery, at its terminals"),
    "import_kwh": ("kWh", "energy from the grid"),
    "export_kwh": ("kWh", "energy to the grid"),
    "bess_soc": ("1", "state of charge of the battery at the end of the hour"),
    **TERMS,
    "departures": ("", "vehicles that leave at the end of the hour"),
    "departures_met": ("", "of them, with their required SOC"),
    "departures_feasible": ("", "of them, those that could be served when they came"),
    "departures_met_feasible": ("", "of these, with their required SOC"),
    "infeasible_sockets": ("", "sockets whose vehicle no power can serve in time any more"),
    "curtailed_kwh": ("kWh", "PV beyond the export limit"),
    "demand_pen": ("PEN", "what the hour adds to demand charges and fee"),
    "wear_pen": ("PEN", "wear of the battery, `bess.wear_pen_per_kwh` x (charge + discharge); on no invoice"),
}
AROUND_LEDGER = {
    "t": ("h", "hour of the year, 0 to 8,759"),
    "timestamp": ("local time", "start of the hour"),
    "price": ("PEN/kWh", "price of import"),
    "carbon": ("kgCO2/kWh", "carbon intensity of import"),
    "day_type": ("", "1 Monday ... 7 Sunday, 8 holiday"),
    "reward": ("1", "reward of the hour"),
    "window": ("", "stretch of hours that the row belongs to"),
}
COMPARISON = {
    "scenario": ("", "`nominal`, the validated year, or a drawn one"),
    "rank": ("", "by J, from 1; controllers that can not be told apart share one"),
    "controller": ("", "name"),
    "kind": ("", "agent, untrained, baseline, constant or random"),
    **{kpi.name: (kpi.unit, kpi.title) for kpi in kpis.KPIS},
    "gap_closed_low": ("1", "low end of the 95 % interval of the gap closed, over the year's resampled weeks"),
    "gap_closed_high": ("1", "its high end"),
    "reward_std": ("1", "spread of the mean reward over the windows (sample standard deviation)"),
    "optimum_j": ("1", "J*, the bound of both shares"),
    "ev_kwh": ("kWh", "energy drawn by all sockets"),
    "charge_kwh": ("kWh", "energy into the battery, at its terminals"),
    "discharge_kwh": ("kWh", "energy out of the battery, at its terminals"),
    "departures": ("", "vehicles that left"),
    "departures_met": ("", "of them, with their required SOC"),
    "departures_infeasible": ("", "of them, those that no power could serve"),
    "hours": ("h", "hours judged"),
}
CURVE = {
    "steps": ("", "environment steps so far"),
    "mean_reward": ("1", "mean reward of an hour since the point before"),
}


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(_cell(str(cell)) for cell in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def quality_page() -> str:
    """Every rule of the registry, by topic."""
    by_topic: dict[str, list[YearRule]] = {}
    for rule in YEAR_RULES.all():
        by_topic.setdefault(rule.topic, []).append(rule)
    sections = "\n".join(f"## {topic}\n\n{_rules(rules)}" for topic, rules in by_topic.items())
    by_folder_topic: dict[str, list[QualityRule[DatasetFolder]]] = {}
    for rule in FOLDER_RULES.all():
        by_folder_topic.setdefault(rule.topic, []).append(rule)
    folder_sections = "\n".join(
        f"## {topic} of a folder\n\n{_folder_rules(rules)}" for topic, rules in by_folder_topic.items()
    )
    return QUALITY.format(
        made=MADE,
        count=len(YEAR_RULES.all()),
        sections=sections,
        folder_count=len(FOLDER_RULES.all()),
        fault_count=len(FOLDER_FAULTS),
        folder_sections=folder_sections,
    )


def _folder_rules(rules: Sequence[QualityRule[DatasetFolder]]) -> str:
    return table(
        FOLDER_HEAD,
        (
            (f"`{rule.id}`", rule.severity, ", ".join(rule.looks_at), rule.title,
             f"{rule.rationale} ({rule.reference})", rule.cause, rule.fix)
            for rule in rules
        ),
    )  # fmt: skip


def _rules(rules: Sequence[YearRule]) -> str:
    return table(
        QUALITY_HEAD,
        (
            (f"`{rule.id}`", rule.severity, "yes" if rule.waivable else "no",
             ", ".join(rule.looks_at) or "configuration", rule.title,
             f"{rule.rationale} ({rule.reference})", rule.cause, rule.fix)
            for rule in rules
        ),
    )  # fmt: skip


def catalogue_page() -> str:
    """Both fault catalogues, what the first run found of the blind one, and what other tools see of both."""
    first = json.loads(COUNTS.with_name("blind_first_run.json").read_text(encoding="utf-8"))
    counts = json.loads(COUNTS.read_text(encoding="utf-8"))
    found, runs = (sum(entry[name] for entry in first.values()) for name in ("found", "of"))
    blind = (
        (
            fault.kind,
            fault.description,
            ", ".join(f"`{rule}`" for rule in fault.rules),
            "{found} of {of}".format(**first[fault.kind]),
            *_seen(counts, "blind", fault.kind),
        )
        for fault in BLIND_FAULTS
    )
    known = ((fault.kind, f"`{fault.rule}`", *_seen(counts, "known", fault.kind)) for fault in FAULTS)
    useless = sorted(counts["pvanalytics"]["useless"].items(), key=lambda entry: (-entry[1], entry[0]))
    names = {"known": "written with the rules", "blind": "written from their descriptions"}
    summary = "".join(
        f"| {names[catalogue]} | {len(faults)} | "
        + " | ".join(_share(counts[tool]["seen"][catalogue].values()) for tool in DETECTORS)
        + " | all |\n"
        for catalogue, faults in CATALOGUES.items()
    )
    return CATALOGUE.format(
        made=MADE,
        sites=len(PLACES),
        summary=summary,
        pandera=counts["pandera"]["version"],
        gx=counts["great_expectations"]["version"],
        pvanalytics=counts["pvanalytics"]["version"],
        years=len(RUNS),
        seeds=" and ".join(map(str, SEEDS)),
        useless=", ".join(f"`{name}` ({n})" for name, n in useless),
        found=found,
        runs=runs,
        share=found / runs,
        whole=sum(entry["found"] == entry["of"] for entry in first.values()),
        kinds=len(first),
        blind=table(("kind", "how it comes to be", "rules that promise it", "first run", *OTHERS), blind),
        known=table(("kind", "rule", *OTHERS), known),
    )


OTHERS = ("pandera", "Great Expectations", "pvanalytics")


def _seen(counts: Mapping[str, Any], catalogue: str, kind: str) -> tuple[str, ...]:
    """In how many years each of the other tools sees a kind of fault."""
    years = (counts[tool]["seen"][catalogue][kind] for tool in DETECTORS)
    return tuple(f"{one.count('1')} of {len(one)}" for one in years)


def _share(kinds: Iterable[str]) -> str:
    """Injections that a tool sees, of all of a catalogue."""
    years = "".join(kinds)
    return f"{years.count('1'):,} of {len(years):,} ({years.count('1') / len(years):.0%})"


def observation_page() -> str:
    """Every entry of the observation; entries that differ only by socket or hour stand in one row."""
    names = observation_names()
    described = [(index, *_entry(name)) for index, name in enumerate(names)]
    rows = []
    for (shown, what, scale), group in groupby(described, key=lambda entry: entry[1:]):
        indices = [index for index, *_ in group]
        where = str(indices[0]) if len(indices) == 1 else f"{indices[0]} to {indices[-1]}"
        rows.append((where, f"`{shown}`", what, scale))
    return OBSERVATION.format(
        made=MADE, size=len(names), observation=table(("entry", "name", "what", "scaled"), rows).rstrip()
    )


def _entry(name: str) -> tuple[str, str, str]:
    """Name to show, meaning and scale of one entry."""
    alone = TIME | BILL | PLANT
    if name in alone:
        return (name, *alone[name])
    if name.startswith("net_load_forecast_"):
        return ("net_load_forecast_<k>h_kwh", "mall less PV in k = 1, 2, ... 24 h, as it is known now", EXCHANGE)
    if name.startswith("demand_charge_"):
        return (name, *CHARGE[name[len("demand_charge_1_") :]])
    if name.startswith("charger_"):
        kind = name.rpartition("_")[2]
        return (f"charger_NN_P_{kind}", *SOCKETS[kind])
    position, feature = name[:9], name[10:]
    if feature.startswith("energy_due_within_"):
        what = f"energy needed by the vehicles that leave within k = {', '.join(map(str, HORIZONS))} h"
        return f"{position}_energy_due_within_<k>h_kwh", what, "x / 112 kWh"
    return (name, *POSITION[feature])


def columns_page() -> str:
    """Columns of every table that a run writes."""
    canonical = "".join(
        f"`{series}.parquet`\n\n"
        + table(("column", "unit", "what"), ((f"`{c.name}`", c.unit, _meaning(c)) for c in contracts))
        + "\n"
        for series, contracts in COLUMNS.items()
        if series != EV_PROFILE
    )
    ledger = {name: LEDGER[name] for name in LEDGER_COLUMNS}
    around = AROUND_LEDGER
    return TABLES.format(
        made=MADE,
        canonical=canonical,
        charger=_columns(CHARGER),
        hourly=_columns(HOURLY),
        scenarios=_columns(SCENARIOS),
        ledger=_columns({name: around[name] for name in ("t", "timestamp")} | ledger | around),
        comparison=_columns(COMPARISON),
        curve=_columns(CURVE),
    )


def _meaning(contract: ColumnContract) -> str:
    return contract.meaning + ("" if contract.required else ", where the source has it")


def _columns(columns: Mapping[str, tuple[str, str]]) -> str:
    return table(("column", "unit", "what"), ((f"`{name}`", *about) for name, about in columns.items()))


def kpis_page() -> str:
    """Every key figure with unit and formula."""
    rows = ((f"`{kpi.name}`", kpi.unit, kpi.title, kpi.formula) for kpi in kpis.KPIS)
    return KPIS.format(made=MADE, table=table(("key figure", "unit", "what", "formula"), rows).rstrip())


def inputs_page() -> str:
    """The page of the input files, with the table of layouts that its test writes and reads."""
    page = (DOCS / "inputs.md").read_text(encoding="utf-8")
    before, _, rest = page.partition(LAYOUTS_BEGIN)
    rows = [(stamps.name, stamps.read_as, f"`{stamps.reader}`") for stamps in STAMPS]
    stamps = table(("stamps", "read as", "by `pvbesscar.oe2`"), rows)
    formats = table(
        ("format", "read as", "by `pvbesscar.oe2`", "keys that it needs"),
        [
            (form.name, form.read_as, f"`{form.reader}`", ", ".join(f"`{form.holds}.{key}`" for key in form.keys))
            for form in FORMATS
        ],
    )
    made = f"{stamps.strip()}\n\nAnd these formats of other programs:\n\n{formats.strip()}"
    return f"{before}{LAYOUTS_BEGIN}\n\n{made}\n\n{LAYOUTS_END}{rest.partition(LAYOUTS_END)[2]}"


def pages() -> dict[Path, str]:
    """Text of each page that is made from the code."""
    assert len(POSITION) + len(HORIZONS) == FEATURES
    return {
        DOCS / "configuration.md": CONFIGURATION.format(made=MADE, table=configuration_table().strip()),
        DOCS / "quality.md": quality_page(),
        DOCS / "quality-catalogue.md": catalogue_page(),
        DOCS / "observation.md": observation_page(),
        DOCS / "columns.md": columns_page(),
        DOCS / "kpis.md": kpis_page(),
        DOCS / "architecture.md": architecture_page(),
        DOCS / "evaluation.md": weights.page((DOCS / "evaluation.md").read_text(encoding="utf-8"), weights.kept()),
        DOCS / "inputs.md": inputs_page(),
        results.PAGE: results.page(results.kept()),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    tell()
