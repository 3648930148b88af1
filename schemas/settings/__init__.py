"""Settings of a scenario: frozen, every number with its unit and the source of its default.

`pvbesscar config show` prints them all with unit and origin; `docs/configuration.md` is made from this package.
"""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Literal

from pydantic import model_validator

from schemas.settings.control import (
    ControlSettings,
    EvaluationSettings,
    Mode,
    ScenarioSettings,
    WeightSettings,
)
from schemas.settings.fields import HOURS_PER_YEAR, Frozen, PlainName, quantity
from schemas.settings.fills import MOST_OF_A_YEAR, Fill
from schemas.settings.plant import (
    FUEL_KG_PER_TJ,
    TJ_PER_KWH,
    BessSettings,
    CarbonSettings,
    DataSettings,
    EvSettings,
    FileSettings,
    GridSettings,
    MallSettings,
    PvSettings,
    SiteSettings,
    VehicleClass,
    WeatherSettings,
)
from schemas.settings.shadow import ShadowSettings
from schemas.settings.tariff import DAYS, LOOK_BACK, Band, DemandCharge, EconomicsSettings, EnergyBand, TariffSettings
from schemas.settings.training import (
    AGENTS,
    A2cSettings,
    Agent,
    NominalOn,
    PpoSettings,
    Profile,
    ProfileName,
    SacSettings,
    TrainingSettings,
)

__all__ = [
    "AGENTS", "DAYS", "FUEL_KG_PER_TJ", "HOURS_PER_YEAR", "LOOK_BACK", "TJ_PER_KWH", "A2cSettings", "Agent", "Band",
    "BessSettings", "CarbonSettings", "ControlSettings", "DataSettings", "DemandCharge", "EconomicsSettings",
    "EnergyBand", "EvSettings", "EvaluationSettings", "FileSettings", "Fill", "Frozen", "GridSettings", "Language",
    "MallSettings", "Mode", "NominalOn", "PlainName", "PpoSettings", "Profile", "ProfileName", "PvSettings",
    "QualitySettings", "ReportSettings", "RunSettings", "SacSettings", "ScenarioSettings", "Settings",
    "ShadowSettings", "SiteSettings", "TariffSettings", "TrainingSettings", "VehicleClass", "Waiver",
    "WeatherSettings", "WeightSettings", "quantity",
]  # fmt: skip

Language = Literal["en", "es"]


class Waiver(Frozen):
    """A finding that the site has looked at and accepts until a date; false solar can not be waived."""

    rule: str = quantity(..., "", "id of the rule", min_length=3, max_length=64)
    reason: str = quantity(..., "", "why the finding is accepted, in words for the report", min_length=10)
    until: dt.date = quantity(..., "date", "last day on which the waiver holds")


class QualitySettings(Frozen):
    """Limits of the quality gate that the site may set, and the findings that it accepts."""

    waivers: tuple[Waiver, ...] = quantity(
        (), "", "findings accepted for a while: rule, reason, until (a date); judged against `date`", "none"
    )
    second_reading: bool = quantity(
        True,
        "",
        "let Great Expectations judge the files of dataset and results on disk; where it is off, the report says so",
        "on: it is independent of the code that writes the files",
    )

    fill_share: float = quantity(
        0.03, "1", "share of a year's hours that `fills` may fill in one series", "an assumption", ge=0.0,
        le=MOST_OF_A_YEAR,
    )  # fmt: skip
    energy_tolerance: float = quantity(
        0.01, "1", "how far a yearly energy may be from the declared one", "an assumption", gt=0.0, le=0.5
    )


class RunSettings(Frozen):
    """How runs get on with one another; no result depends on it."""

    when_busy: Literal["wait", "refuse"] = quantity(
        "wait", "", "what a run does while another one is at work in the same project folder", "nothing is lost"
    )


class ReportSettings(Frozen):
    """For whom reports are written; no figure depends on it."""

    language: Language = quantity("en", "", "language of the report and of the quality report", "that of the code")


class Settings(Frozen):
    """One scenario, whole."""

    name: PlainName = quantity(..., "", "name of the scenario")
    description: str = quantity("", "", "one line for the report", "none")
    seed: int = quantity(42, "", "seed of the data: synthetic series, drawing of years", "any", ge=0, lt=2**31)
    date: dt.date | None = quantity(None, "", "declared date of the run, for waivers", "today, when not set")
    data: DataSettings = DataSettings()
    site: SiteSettings = SiteSettings()
    weather: WeatherSettings
    pv: PvSettings
    mall: MallSettings
    ev: EvSettings
    fills: tuple[Fill, ...] = quantity(
        (), "", "hours that could not be measured: series, start, hours, source, reason; docs/quality.md", "none"
    )
    bess: BessSettings = BessSettings()
    grid: GridSettings = GridSettings()
    carbon: CarbonSettings = CarbonSettings()
    tariff: TariffSettings = TariffSettings()
    economics: EconomicsSettings = EconomicsSettings()
    weights: WeightSettings = WeightSettings()
    control: ControlSettings = ControlSettings()
    training: TrainingSettings = TrainingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    scenarios: ScenarioSettings = ScenarioSettings()
    quality: QualitySettings = QualitySettings()
    report: ReportSettings = ReportSettings()
    runs: RunSettings = RunSettings()
    shadow: ShadowSettings = ShadowSettings()

    @property
    def constant_carbon_kg_per_kwh(self) -> float:
        """Carbon intensity of all hours [kgCO2/kWh], where none is read from a file."""
        return self.grid.fuel_kg_per_kwh() if self.carbon.source == "fuel" else self.grid.carbon_kg_per_kwh

    def profile(self, name: str) -> Profile:
        """Profile of the training, one of `ProfileName`."""
        profile: Profile = getattr(self.training, name)
        return profile

    def trained_as(self, profile: str) -> Settings:
        """The scenario as a profile trains it: `reference` with the settings of the original specification."""
        if profile != "reference":
            return self
        return self.model_copy(update={"training": self.training.as_specified()})

    @model_validator(mode="after")
    def _check(self) -> Settings:
        for key, section in (("weather", self.weather), ("pv", self.pv), ("mall", self.mall)):
            if section.source == "file" and section.file is None:
                raise ValueError(f"`{key}.file` is required for `{key}.source: file`")
        if self.pv.source == "synthetic" and self.weather.source != "synthetic":
            raise ValueError(
                "`pv.source: synthetic` needs `weather.source: synthetic`; for measured weather use `pv.source: model`"
            )
        if self.pv.source == "model" and self.weather.source != "file":
            raise ValueError(
                "`pv.source: model` needs `weather.source: file`; for synthetic weather use `pv.source: synthetic`"
            )
        self._check_fills()
        for key, hours in (
            ("mall.open_hours", self.mall.open_hours),
            ("ev.peak_hours", self.ev.peak_hours),
        ):
            if not 0 <= hours[0] < hours[1] <= 24:
                raise ValueError(f"`{key}` = {list(hours)} is no half open interval within [0, 24]")
        return self

    def _check_fills(self) -> None:
        """Refuse fills of what is not measured, fills that overlap, and more of them than a measured year can bear."""
        measured = {
            "weather": self.weather.source == "file",
            "pv": self.pv.source == "file",
            "mall": self.mall.source == "file",
            "ev_profile": self.ev.source == "profile",
        }
        for number, fill in enumerate(self.fills):
            if not measured[fill.series]:
                raise ValueError(
                    f"`fills.{number}`: the series `{fill.series}` is not read from a file: nothing to fill"
                )
            if fill.source == "weather" and fill.file is None and not measured["weather"]:
                raise ValueError(f"`fills.{number}`: synthetic weather fills no measured series: name a `file`")
        for series in measured:
            own = sorted((fill for fill in self.fills if fill.series == series), key=lambda fill: fill.start)
            if any(before.end > after.start for before, after in itertools.pairwise(own)):
                raise ValueError(f"`fills` of `{series}` overlap: one hour has one source")
            total, most = sum(fill.hours for fill in own), int(self.quality.fill_share * HOURS_PER_YEAR)
            if total > most:
                raise ValueError(
                    f"`fills` of `{series}` add up to {total} h, where {most} h are allowed (`quality.fill_share`, at "
                    f"most {MOST_OF_A_YEAR:g}): a year with more of them is not a measured one"
                )
