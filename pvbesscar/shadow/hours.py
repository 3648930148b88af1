"""An hour of the shadow: its beginning, the decision before it is known, its account when it has ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from pvbesscar.controllers.forecast import WEEK
from pvbesscar.oe2.calendar import day_types
from pvbesscar.plant.tariff import in_band
from pvbesscar.shadow import judge
from pvbesscar.shadow.client import Adviser, asked_of, request_of
from pvbesscar.shadow.course import Asked, run_hour, seen_before, state_at, turned
from pvbesscar.shadow.expect import LEAST_HOURS, History, expected
from pvbesscar.shadow.site import Site
from pvbesscar.shadow.stays import Stays, has_no_place
from pvbesscar.shadow.telemetry import HOUR_S, Reading, Telemetry
from schemas.dispatch import HISTORY_DAYS, DispatchResponse, ModelDescription
from schemas.settings import Settings
from schemas.shadow import COURSES, Begin, Decision, Demand, HourOfCourse, HourRow, PlantNow

GAP, NO_STATE, NO_HISTORY, NO_CALENDAR = "time.gaps", "telemetry.state", "telemetry.history", "telemetry.calendar"
SOUND = ("", NO_STATE, NO_HISTORY, NO_CALENDAR)
"""What is written of hours whose reading can be built on, whether they are counted or not."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a pass has read.

    Attributes
    ----------
    telemetry, stays
        Of the site.
    refused
        Hours whose row can not be counted, whatever is beside it.
    """

    telemetry: Telemetry
    stays: Stays
    refused: Mapping[int, judge.Refusal]


@dataclass
class Hours:
    """Decides and accounts for hours, one after another.

    Parameters
    ----------
    settings, site, adviser
        The scenario, the plant, and who is asked.
    describe
        What the service says of itself, asked when the first hour is decided.
    seen
        What has been read.
    begin
        Where the shadow began.
    rows
        Hours that have ended, the last ones in order; `account` adds to them.
    clock
        The present time.
    """

    settings: Settings
    site: Site
    adviser: Adviser
    describe: Callable[[], ModelDescription]
    seen: Seen
    begin: Begin
    rows: list[HourRow]
    clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    _sound: dict[int, bool] = field(init=False)

    def __post_init__(self) -> None:
        self._sound = {row.hour: row.rule in SOUND for row in self.rows}

    def plants(self, hour: int) -> dict[str, PlantNow]:
        """Simulated plants when an hour begins; empty where nothing is known of the hour before."""
        last = self.rows[-1] if self.rows else None
        if last is not None and last.plants:
            return last.plants
        reading = self.seen.telemetry.readings.get(hour - HOUR_S)
        if reading is None or not self._is_sound(hour - HOUR_S):
            return {}
        demand = self._demand(hour)
        return {name: self._from_site(hour, reading, demand[name]) for name in COURSES}

    def decide(self, hour: int) -> Decision | None:
        """What the controller would do in an hour, by the hours before it; None where it can not be asked."""
        plants, history = self.plants(hour), self._history(hour)
        if not plants or history is None or has_no_place(self.site.stamp(hour)):
            return None
        pv_kw, mall_kw = expected(self.site, history)
        answer = self._ask(hour, plants["shadow"], history, pv_kw, mall_kw)
        return Decision(
            hour=hour,
            time=self._time(hour),
            asked=self.clock().isoformat(timespec="seconds"),
            expected_pv_kw=pv_kw,
            expected_mall_kw=mall_kw,
            bess_kw=answer.bess_kw,
            socket_kw={k: kw for k, kw in enumerate(answer.socket_kw) if kw},
            decided_by=answer.decided_by,
            replaced=None if answer.replaced is None else f"{answer.replaced.reason}: {answer.replaced.detail}",
            model=_model(answer),
        )

    def account(self, hour: int, decision: Decision | None) -> HourRow:
        """Account of an hour that has ended; it becomes the last of `rows`."""
        row = self._refusal(hour, decision) or self._counted(hour, decision)
        self.rows.append(row)
        self._sound[hour] = row.rule in SOUND
        return row

    def _refusal(self, hour: int, decision: Decision | None) -> HourRow | None:
        why = self._why_not(hour, decision)
        if why is None:
            return None
        after = {name: turned(self.site, hour, seen) for name, seen in self._demand(hour).items()}
        return HourRow(hour=hour, time=self._time(hour), rule=why[0], why=why[1], demand_kw=after)

    def _why_not(self, hour: int, decision: Decision | None) -> judge.Refusal | None:
        seen = self.seen
        if hour in seen.refused:
            return seen.refused[hour]
        if hour not in seen.telemetry.readings:
            return GAP, "no row has come"
        found = judge.stuck(self.settings, self.site, seen.telemetry, hour)
        if found is not None or decision is not None:
            return found
        return self._undecided(hour)

    def _undecided(self, hour: int) -> judge.Refusal:
        """Why nothing was decided for an hour whose reading is sound."""
        if has_no_place(self.site.stamp(hour)):
            return NO_CALENDAR, "a leap year has no place for the vehicles of its last day"
        if not self.plants(hour):
            return NO_STATE, "the hour before it has no reading to begin from"
        return NO_HISTORY, f"fewer than {hours_needed(self.describe())} hours without a gap stand before it"

    def _counted(self, hour: int, decision: Decision | None) -> HourRow:
        assert decision is not None  # `_why_not` says so
        reading, plants, stays = self.seen.telemetry.readings[hour], self.plants(hour), self.seen.stays
        brought = reading.pv_kw, reading.mall_kw
        history = self._history(hour)
        assert history is not None  # there was a decision
        answer = self._ask(hour, plants["hindsight"], history, *brought)
        socket_kw = np.zeros(self.site.plant.params.sockets)
        for socket, kw in decision.socket_kw.items():
            socket_kw[socket] = kw
        asked = {"shadow": Asked(decision.bess_kw, socket_kw), "hindsight": asked_of(answer)}
        after = {name: run_hour(self.site, hour, plants[name], stays, brought, asked[name]) for name in COURSES}
        taken_up = not (self.rows and self.rows[-1].plants)
        before = self.seen.telemetry.readings.get(hour - HOUR_S)
        return HourRow(
            hour=hour,
            time=self._time(hour),
            in_time=dt.datetime.fromisoformat(decision.asked).timestamp() < hour + HOUR_S,
            replaced=decision.replaced is not None,
            model=decision.model,
            pv_kw=reading.pv_kw,
            mall_kw=reading.mall_kw,
            site=site_hour(reading),
            courses={name: of_hour for name, (_, of_hour) in after.items()},
            began=plants if taken_up else {},
            site_soc_before=before.soc if taken_up and before is not None else None,
            plants={name: then for name, (then, _) in after.items()},
            demand_kw={name: then.demand_kw for name, (then, _) in after.items()},
        )

    def _ask(self, hour: int, now: PlantNow, history: History, pv_kw: float, mall_kw: float) -> DispatchResponse:
        state = state_at(self.site, hour, now, self.seen.stays, pv_kw, mall_kw)
        return self.adviser.ask(request_of(self.site, hour, state, history, self.describe()))

    def _demand(self, hour: int) -> dict[str, Demand]:
        """Demand that the charges of each simulated plant have seen when an hour begins."""
        if self.rows:
            return self.rows[-1].demand_kw
        return dict.fromkeys(COURSES, seen_before(self.site, hour, self.begin.peaks))

    def _is_sound(self, hour: int) -> bool:
        """Whether a reading can be built on."""
        return hour not in self.seen.refused and self._sound.get(hour, hour < self.begin.hour)

    def _history(self, hour: int) -> History | None:
        """Hours before one without a gap; None where they are too few."""
        readings, own = self.seen.telemetry.readings, list[Reading]()
        before = hour - HOUR_S
        while before in readings and self._is_sound(before) and len(own) < 24 * HISTORY_DAYS:
            own.append(readings[before])
            before -= HOUR_S
        if len(own) < hours_needed(self.describe()):
            return None
        own.reverse()
        return History(hour, np.array([one.pv_kw for one in own]), np.array([one.mall_kw for one in own]))

    def _from_site(self, hour: int, reading: Reading, demand: Demand) -> PlantNow:
        """The site's own state: where a simulated plant begins, and begins again behind a gap."""
        own = reading.socket_kwh or ()
        return PlantNow(
            soc=float(np.float32(reading.soc)),
            vehicles=self._charged(hour),
            delivered_kwh={k: kwh for k, kwh in enumerate(own) if kwh},
            import_kwh=max(reading.grid_kw, 0.0),
            net_kwh=reading.grid_kw,
            demand_kw=demand,
        )

    def _charged(self, hour: int) -> dict[str, float]:
        """State of charge of the vehicles at the site, where the energy of their sockets is known since they came."""
        there = self.seen.stays.between(hour, hour + HOUR_S, known_until=hour - HOUR_S)
        result, efficiency = {}, self.site.plant.params.charger_efficiency
        for name, socket, arrival, _, battery_kwh, arrival_soc, _ in zip(*there, strict=True):
            hours = range(int(arrival), hour, HOUR_S)
            own = [self.seen.telemetry.readings.get(one) for one in hours]
            known = [one.socket_kwh[socket] for one in own if one is not None and one.socket_kwh]
            if len(known) == len(hours):
                soc = arrival_soc + sum(known) * efficiency / battery_kwh
                result[name] = float(np.float32(min(soc, 1.0)))
        return result

    def _time(self, hour: int) -> str:
        return self.site.stamp(hour).isoformat(timespec="minutes")


def hours_needed(description: ModelDescription) -> int:
    """Hours without a gap that a decision needs: a day, or the week that a rolling program's forecasts look back at."""
    return WEEK if description.outlook_hours else LEAST_HOURS


def site_hour(reading: Reading) -> HourOfCourse:
    """An hour of the site as it has metered it."""
    return HourOfCourse(
        soc=reading.soc,
        battery_kw=reading.battery_kw,
        ev_kw=reading.ev_kw,
        import_kwh=max(reading.grid_kw, 0.0),
        export_kwh=max(-reading.grid_kw, 0.0),
    )


def peaks_before(site: Site, hour: int, seen: Seen) -> dict[int, float]:
    """Hours of the site before `hour` in which it imported most, by charge and month, with their imports [kWh]."""
    sound = {
        one: max(reading.grid_kw, 0.0)
        for one, reading in seen.telemetry.readings.items()
        if one < hour and one not in seen.refused
    }
    hours = np.array(sorted(sound), np.int64)
    stamps = site.stamps(hours)
    kinds, month = day_types(stamps, site.place.holidays), np.asarray(stamps.year * 12 + stamps.month, np.int64)
    kwh = np.array([sound[one] for one in hours.tolist()])
    found: dict[int, float] = {}
    for charge in site.tariff.demand:
        inside = in_band(charge, np.asarray(stamps.hour, np.int64), kinds)
        for own in np.unique(month):
            at = np.flatnonzero(inside & (month == own))
            if at.size:
                greatest = at[np.argmax(kwh[at])]
                found[int(hours[greatest])] = float(kwh[greatest])
    return found


def _model(answer: DispatchResponse) -> str:
    own = answer.identity
    return own.controller if own.model_sha256 is None else f"{own.controller} ({own.model_sha256[:8]})"
