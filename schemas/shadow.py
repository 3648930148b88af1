"""What the shadow writes down: decisions, hours and days, one JSON line each."""

from __future__ import annotations

from pydantic import Field

from schemas.terms import Result

Demand = tuple[tuple[float, ...], ...]
"""Demand that each charge of the tariff has seen, in this month and in those before it [kW]."""

COURSES = ("shadow", "hindsight")
"""Simulated plants: that of the controller, and that of the same controller told beforehand what each hour brings."""


class PlantNow(Result):
    """A simulated plant when an hour begins.

    Attributes
    ----------
    soc
        State of charge of the battery.
    vehicles
        State of charge of the vehicles that were there in the last hour and stay on, by name of the stay.
    delivered_kwh
        Energy of each socket in the last hour, where there was any.
    import_kwh, net_kwh
        Import and net exchange of the last hour.
    demand_kw
        Demand that the charges have seen.
    """

    soc: float
    vehicles: dict[str, float]
    delivered_kwh: dict[int, float]
    import_kwh: float
    net_kwh: float
    demand_kw: Demand


class HourOfCourse(Result):
    """What an hour came to: of a simulated plant, or of the site (which tells nothing of departures).

    `battery_kw` is above zero where it charges; `soc` is that at the end of the hour.
    """

    soc: float
    battery_kw: float
    ev_kw: float
    import_kwh: float
    export_kwh: float
    ev_short_kwh: float = 0.0
    departures: int = 0
    departures_met: int = 0


class Begin(Result):
    """Where a shadow began, written once.

    Attributes
    ----------
    hour
        First hour, seconds since 1970.
    dataset_digest
        Dataset that the controller was validated on.
    peaks
        Hours of the site before the first that its demand charges have seen, each with its import [kWh].
    """

    hour: int
    dataset_digest: str
    peaks: dict[int, float]


class Decision(Result):
    """What the controller would do in an hour, written before the hour is known.

    Attributes
    ----------
    hour, time
        Start of the hour: seconds since 1970, and local time in words.
    asked
        When it was asked, UTC.
    expected_pv_kw, expected_mall_kw
        What was expected of the hour, from hours before it.
    bess_kw, socket_kw
        Setpoints; of the sockets those above zero, by number from 0.
    decided_by, replaced
        Whose setpoints these are, and why the rule stood in, where it did.
    model
        Name and digest of what was asked.
    """

    hour: int
    time: str
    asked: str
    expected_pv_kw: float
    expected_mall_kw: float
    bess_kw: float
    socket_kw: dict[int, float]
    decided_by: str
    replaced: str | None
    model: str

    @property
    def ev_kw(self) -> float:
        """Setpoints of all sockets together [kW]."""
        return sum(self.socket_kw.values())

    @property
    def words(self) -> str:
        """The decision in one line."""
        verb = "charge" if self.bess_kw >= 0.0 else "discharge"
        return (
            f"{self.time}: {self.decided_by} would {verb} the battery with {abs(self.bess_kw):,.0f} kW and give the "
            f"vehicles {self.ev_kw:,.1f} kW (expected: PV {self.expected_pv_kw:,.0f}, mall "
            f"{self.expected_mall_kw:,.0f} kW)"
        )


class HourRow(Result):
    """An hour that has ended: what the site did, what the simulated plants would have done, or why it is not counted.

    Attributes
    ----------
    hour, time
        Start of the hour: seconds since 1970, and local time in words.
    rule, why
        Quality rule and reason for which the hour is not counted; both empty where it is.
    in_time
        Whether the decision was made before the hour had ended.
    replaced
        Whether the rule stood in for the controller.
    pv_kw, mall_kw
        What the site has metered.
    site, courses
        What the hour came to at the site and for each simulated plant.
    began, site_soc_before
        Where the simulated plants take up the site's state: that state, and the state of charge of the site's battery.
    plants
        State of each simulated plant when the next hour begins; empty where the hour is not counted.
    demand_kw
        Demand that the charges have seen by then, of each simulated plant.
    """

    hour: int
    time: str
    rule: str = ""
    why: str = ""
    in_time: bool = False
    replaced: bool = False
    model: str = ""
    pv_kw: float | None = None
    mall_kw: float | None = None
    site: HourOfCourse | None = None
    courses: dict[str, HourOfCourse] = Field(default_factory=dict)
    began: dict[str, PlantNow] = Field(default_factory=dict)
    site_soc_before: float | None = None
    plants: dict[str, PlantNow] = Field(default_factory=dict)
    demand_kw: dict[str, Demand] = Field(default_factory=dict)

    @property
    def counted(self) -> bool:
        """Whether the hour is counted."""
        return not self.why


class CourseDay(Result):
    """A day of the site or of a simulated plant, over the hours that are counted.

    Attributes
    ----------
    energy_pen, demand_pen, fee_pen, export_pen
        What the day has added to the month's bill.
    stock_kwh, stock_pen
        What the battery can give more than the site's than it could when the day began, and its worth at the lowest
        price of a kWh: a bill that is lower because the battery was emptied is no saving.
    saved_pen
        The site's bill less this one, with `stock_pen`.
    """

    energy_pen: float
    demand_pen: float
    fee_pen: float
    export_pen: float
    import_kwh: float
    export_kwh: float
    ev_kwh: float
    battery_in_kwh: float
    ev_short_kwh: float = 0.0
    departures: int = 0
    departures_met: int = 0
    saved_pen: float = 0.0
    stock_kwh: float = 0.0
    stock_pen: float = 0.0

    @property
    def bill_pen(self) -> float:
        """What the day has added to the month's bill [PEN]."""
        return self.energy_pen + self.demand_pen + self.fee_pen + self.export_pen


class DayRow(Result):
    """A day that has ended.

    Attributes
    ----------
    hours, counted
        Hours of the local day, and those that are counted.
    in_time, replaced
        Hours decided before they had ended, and those in which the rule stood in for the controller.
    not_counted
        Reasons, each with its hours.
    stretches
        Runs of counted hours; more than one where hours between them are not counted.
    courses
        `site`, `shadow`, `hindsight`, and `optimum` where there is one.
    optimum_refused
        Why there is no optimum.
    line
        The day in one sentence.
    """

    day: str
    hours: int
    counted: int
    in_time: int
    replaced: int
    not_counted: dict[str, int]
    stretches: int
    models: tuple[str, ...]
    courses: dict[str, CourseDay]
    optimum_refused: str | None
    line: str
