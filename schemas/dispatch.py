"""What the dispatch service is asked and what it answers: the plant's state before an hour, and the hour's setpoints.

Powers are means of the hour [kW], energies those of an hour [kWh]. A power of the battery is above zero where it
charges. Sockets are numbered from 1 in the order of the chargers; lists by socket begin with socket 1.
"""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, with_config
from typing_extensions import TypedDict

HISTORY_DAYS = 42
"""Days before the hour that forecasts look back at: four Saturdays and Sundays, some of them holidays."""
MOST_SOCKETS = 1024
GREATEST_KWH = 1e6
Need = Literal["forecast", "outlook"]
"""What a controller decides by besides the state; either is made from `history` where the request holds none."""
Guard = Literal["departure", "required_soc", "least_power", "infeasible", "pv_surplus", "no_export", "battery_limit"]


Reason = Literal["not_finite", "out_of_contract", "late", "failed", "not_ready"]
"""Why the rule stands in for the controller."""


class Message(BaseModel):
    """Base of what goes over the wire: immutable, unknown keys are errors, no NaN, no text for a number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True, hide_input_in_errors=True)


def measured(unit: str, description: str, default: Any = ..., **limits: Any) -> Any:  # noqa: ANN401
    """Declare a field with its unit; without a default the field must be there."""
    text = f"{description} [{unit}]" if unit else description
    return Field(default, description=text, **limits)


Energy = Annotated[float, Field(ge=0.0, le=GREATEST_KWH)]
Exchange = Annotated[float, Field(ge=-GREATEST_KWH, le=GREATEST_KWH)]
Ratio = Annotated[float, Field(ge=0.0, le=1.0)]
SocketNumber = Annotated[int, Field(ge=1, le=MOST_SOCKETS)]


class Vehicle(Message):
    """A vehicle at a socket when the hour begins, those that arrive at its beginning included."""

    socket: SocketNumber = measured("", "number of the socket, 1 for the first")
    soc: Ratio = measured("1", "state of charge now")
    required_soc: Ratio = measured("1", "state of charge that it must leave with")
    battery_kwh: float = measured("kWh", "capacity of its battery", gt=0.0, le=500.0)
    departure: AwareDatetime = measured(
        "", "when it leaves, with offset from UTC; a part of an hour before it does not count, but in the last one"
    )


class Forecast(Message):
    """What a policy sees ahead: the entries of the observation that are forecasts (docs/observation.md)."""

    pv_next_kwh: Energy = measured("kWh", "PV of the hour after the one decided")
    pv_mean_3h_kwh: Energy = measured("kWh", "mean PV of the three hours after it")
    mall_next_kwh: Energy = measured("kWh", "demand of the mall in the hour after it")
    mall_mean_3h_kwh: Energy = measured("kWh", "mean demand of the three hours after it")
    net_load_kwh: tuple[Exchange, ...] = measured(
        "kWh", "demand of the mall less PV of the 24 hours after it", min_length=24, max_length=24
    )


class Outlook(Message):
    """What a rolling program plans with: the hours after the one decided, as many as `GET /v1/model` says."""

    pv_kwh: tuple[Energy, ...] = measured("kWh", "expected PV", min_length=1, max_length=168)
    mall_kwh: tuple[Energy, ...] = measured("kWh", "expected demand of the mall", min_length=1, max_length=168)


class History(Message):
    """Metered hours before the one decided, the oldest first and the last one the hour before, none left out.

    Forecasts are made from it as in training. The more hours, up to 42 days, the more like days they know. The MPC asks
    for a week, or for all hours of the year so far in its first week.
    """

    pv_kwh: tuple[Energy, ...] = measured("kWh", "metered PV", min_length=24, max_length=24 * HISTORY_DAYS)
    mall_kwh: tuple[Energy, ...] = measured(
        "kWh", "metered demand of the mall", min_length=24, max_length=24 * HISTORY_DAYS
    )


class DispatchRequest(Message):
    """The plant's state before an hour."""

    time: AwareDatetime = measured("", "start of the hour to decide, with offset from UTC; a full hour")
    pv_kwh: Energy = measured("kWh", "PV that the caller expects of this hour")
    mall_kwh: Energy = measured("kWh", "demand of the mall that the caller expects of this hour")
    bess_soc: Ratio = measured("1", "state of charge of the battery")
    grid_exchange_kwh: Exchange | None = measured(
        "kWh", "net exchange with the grid in the hour before, above zero imported; null: the site had no hour before"
    )
    delivered_kwh: tuple[Energy, ...] = measured(
        "kWh", "energy that each socket drew in the hour before, one number a socket", max_length=MOST_SOCKETS
    )
    demand_kw: dict[str, tuple[Energy, ...]] = measured(
        "kW",
        "greatest import in the band of each demand charge, by its name: of the month of `time` so far, then of the "
        "months before it, the latest first; one number, six for `two_of_six_months`",
        {},
        max_length=8,
    )
    vehicles: tuple[Vehicle, ...] = measured(
        "", "the vehicles at the sockets; an empty list: none", max_length=MOST_SOCKETS
    )
    forecast: Forecast | None = measured("", "for policies, unless `history` is given", None)
    outlook: Outlook | None = measured("", "for the MPC, unless `history` is given", None)
    history: History | None = measured("", "what forecasts are made from where none are given", None)

    @cached_property
    def until_departure(self) -> tuple[dt.timedelta, ...]:
        """Time until each of the vehicles departs."""
        return tuple([vehicle.departure - self.time for vehicle in self.vehicles])


class Powers(Message):
    """Setpoints of an hour."""

    bess_kw: float = measured("kW", "power of the battery, above zero charges")
    socket_kw: tuple[float, ...] = measured("kW", "power of each socket")


@with_config(Message.model_config)
class GuardAction(TypedDict):
    """A limit that decided a setpoint, where, and why; a dictionary, for an answer holds one for each socket."""

    guard: Guard
    socket: Annotated[int | None, measured("", "number of the socket; null: the battery")]
    asked_kw: Annotated[
        float | None, measured("kW", "what the controller asked for; null where it plans within the limits")
    ]
    set_kw: Annotated[float, measured("kW", "the setpoint")]
    why: str


class Replacement(Message):
    """Why the rule's setpoints stand in for the controller's."""

    reason: Reason
    detail: str


class Identity(Message):
    """Which controller answers, and what it was validated on; every digest is a SHA-256."""

    controller: str
    kind: Literal["agent", "baseline", "constant"]
    scenario: str
    mode: Literal["dispatch", "bidirectional"]
    model_sha256: str | None = measured("", "of the model's file, or of what was fitted; null: nothing is learned")
    dataset_digest: str
    certificate_sha256: str
    evaluation_sha256: str
    card_sha256: str | None = measured("", "of the card of a promoted model; null: a controller of the project", None)
    plant_code: str = measured("", "digest of the code of actions, guard and observation")


class DispatchResponse(Message):
    """The setpoints of an hour, and how they came about."""

    time: AwareDatetime
    decided_by: str = measured("", "name of the controller whose setpoints these are; `rule` where it stood in")
    bess_kw: float = measured("kW", "power of the battery, above zero charges")
    socket_kw: tuple[float, ...] = measured("kW", "power of each socket")
    guards: tuple[GuardAction, ...]
    infeasible_sockets: tuple[int, ...] = measured("", "sockets whose vehicle no power can serve in time any more")
    rule: Powers = measured("", "what the rule would have done")
    replaced: Replacement | None
    notes: tuple[str, ...] = measured("", "what was odd about the request and did not change the answer")
    identity: Identity


class ModelDescription(Message):
    """What is served, and what a request must hold: the answer of `GET /v1/model`."""

    identity: Identity
    ready: bool
    reason: str | None = measured("", "why the controller does not answer, and the rule does")
    needs: tuple[Need, ...] = measured("", "what a request must hold besides the state, itself or by `history`")
    outlook_hours: int = measured("h", "hours that `outlook` must hold; 0 where none is needed")
    sockets: int
    socket_kw: float = measured("kW", "power of a socket")
    bess_kw: float = measured("kW", "power of the battery")
    bess_kwh: float = measured("kWh", "capacity of the battery")
    timezone: str
    demand_charges: dict[str, int] = measured("", "months that `demand_kw` must hold, by the name of the charge")
    score: float | None = measured("", "J of the controller on the validated year or its windows; lower is better")
    rule_score: float | None = measured("", "J of the rule on the same hours")
    limit_ms: float = measured("ms", "an answer later than this is the rule's")


class Health(Message):
    """Answer of `/healthz` and `/readyz`."""

    status: Literal["ok", "not ready"]
    reason: str | None = measured("", "why it is not ready", None)


class FieldFault(Message):
    """What is wrong with one field of a request."""

    field: str = measured("", "path of the field, e.g. `vehicles[3].departure`")
    problem: str


class ErrorAnswer(Message):
    """Why a request was refused; nothing was decided."""

    error: str
    hint: str
    fields: tuple[FieldFault, ...] = ()


EXAMPLE: dict[str, Any] = {
    "time": "2025-03-14T18:00:00-05:00",
    "pv_kwh": 12.5,
    "mall_kwh": 640.0,
    "bess_soc": 0.72,
    "grid_exchange_kwh": 0.0,
    "delivered_kwh": [3.1, 0.0, 3.5] + [0.0] * 125,
    "demand_kw": {},
    "vehicles": [
        {"socket": 1, "soc": 0.55, "required_soc": 0.9, "battery_kwh": 3.5, "departure": "2025-03-14T21:00:00-05:00"},
        {"socket": 3, "soc": 0.2, "required_soc": 0.9, "battery_kwh": 3.5, "departure": "2025-03-14T19:00:00-05:00"},
    ],
    "forecast": {
        "pv_next_kwh": 0.0,
        "pv_mean_3h_kwh": 0.0,
        "mall_next_kwh": 655.0,
        "mall_mean_3h_kwh": 648.0,
        "net_load_kwh": [
            655.0, 650.0, 639.0, 560.0, 310.0, 190.0, 180.0, 178.0, 177.0, 180.0, 190.0, 210.0,
            60.0, -420.0, -980.0, -1410.0, -1650.0, -1640.0, -1380.0, -900.0, -310.0, 150.0, 480.0, 620.0,
        ],
    },
}  # fmt: skip
"""An evening hour of the site of `config/iquitos_mall.yaml`."""
