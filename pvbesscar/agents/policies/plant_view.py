"""What a policy computes from the observation before its networks: context, needs of the vehicles, deficit of the site.

The guard and the limits of the sockets are those of `pvbesscar.plant.actions`, of what the observation tells; a test
holds the two to each other. Nothing here is hidden from the environment: all of it is a function of the 394 entries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pvbesscar.arithmetic.functions import compiled, cos, sin
from pvbesscar.plant.data import PlantData
from pvbesscar.plant.observation import BILL, CHARGERS, FEATURES, PLANT, PRESENCE

HOURS_OF_DAY, DAY_TYPES = 24, 8
OF_DEFICIT, OF_VEHICLES = 5, 4
OF_PLANT = PRESENCE - PLANT
BESS_SOC, CAN_DELIVER, CAN_TAKE, LAST_EXCHANGE, PRICE = 6, 7, 8, 9, 10
"""Entries of the observation's block `PLANT` that the policies read by themselves."""


class Numbers(NamedTuple):
    """Numbers of a plant that a policy needs to read its observation; plain, so that a model's file can hold them.

    Attributes
    ----------
    socket_kw, bess_kw, bess_kwh, pv_ac_kw, mall_scale_kw
        As in `PlantParams`.
    bess_efficiency
        Of a round trip.
    bidirectional
        Whether the battery may charge from the grid.
    guard
        Whether the departure guard is on.
    positions
        Sockets of a charger.
    target_kw
        Unit of the import target: mean import of the site without a battery.
    vehicle_kwh
        Energy at the charger that fills the vehicle of each socket, shape (K,); an array where it is computed with.
    """

    socket_kw: float
    bess_kw: float
    bess_kwh: float
    bess_efficiency: float
    pv_ac_kw: float
    mall_scale_kw: float
    bidirectional: bool
    guard: bool
    positions: int
    target_kw: float
    vehicle_kwh: Sequence[float] | NDArray[np.float64]


def numbers_of(data: PlantData) -> Numbers:
    """Numbers of a plant, of one of its years."""
    p = data.params
    return Numbers(
        socket_kw=p.socket_kw,
        bess_kw=p.bess_kw,
        bess_kwh=p.bess_kwh,
        bess_efficiency=p.bess_efficiency,
        pv_ac_kw=p.pv_ac_kw,
        mall_scale_kw=p.mall_scale_kw,
        bidirectional=p.bidirectional,
        guard=p.departure_guard,
        positions=p.sockets_per_charger,
        target_kw=float(np.maximum(data.mall_kwh - data.pv_kwh, 0.0).mean()),
        vehicle_kwh=[float(kwh) / p.charger_efficiency for kwh in data.ev_kwh],
    )


class Seen(NamedTuple):
    """What the view makes of B observations; energies of an hour are its mean powers [kW].

    Attributes
    ----------
    context
        Input of the networks, shape (B, `PlantView.size`).
    presence, urgency
        The observation's blocks of the sockets, shape (B, K).
    full_kw, least_kw
        Power of each socket when it is asked for all, and that of the departure guard, shape (B, K).
    load_kw
        Mall less PV, shape (B,).
    plant
        The observation's block of the plant, shape (B, 14).
    """

    context: Tensor
    presence: Tensor
    urgency: Tensor
    full_kw: Tensor
    least_kw: Tensor
    load_kw: Tensor
    plant: Tensor


OF_CONTEXT = HOURS_OF_DAY + DAY_TYPES + 4 + (PRESENCE - BILL) + OF_VEHICLES + OF_DEFICIT


@compiled
def read(
    n: Numbers,
    o: NDArray[np.floating],
    context: NDArray[np.floating],
    full_kw: NDArray[np.floating],
    least_kw: NDArray[np.floating],
) -> float:
    """Read an observation, shape (394,), into what `Seen` holds of it; give the load [kW].

    Parameters
    ----------
    context, full_kw, least_kw
        Filled, shapes (`OF_CONTEXT`,), (K,) and (K,).
    """
    k_sockets = full_kw.size
    full_sum = waits_sum = 0.0
    for k in range(k_sockets):
        need = max(float(o[PRESENCE + k]), 0.0) * n.vehicle_kwh[k]
        full, least = min(need, n.socket_kw), 0.0
        if n.guard:
            left = np.rint(need / max(float(o[PRESENCE + k_sockets + k]) * n.socket_kw, 1e-6))
            least = min(max(need - n.socket_kw * max(left - 1.0, 0.0), 0.0), full)
        full_kw[k], least_kw[k] = full, least
        full_sum += full
        waits_sum += full - least
    load = float(o[PLANT + 3]) * n.mall_scale_kw - float(o[PLANT]) * n.pv_ac_kw
    context[: HOURS_OF_DAY + DAY_TYPES] = 0.0
    hour, day = np.rint((float(o[0]) + 1.0) * 11.5), np.rint((float(o[2]) + 1.0) * 3.5)
    context[int(min(max(hour, 0.0), HOURS_OF_DAY - 1.0))] = 1.0
    context[HOURS_OF_DAY + int(min(max(day, 0.0), DAY_TYPES - 1.0))] = 1.0
    at = HOURS_OF_DAY + DAY_TYPES
    angle = math.pi * (float(o[3]) + 1.0)
    context[at], context[at + 1] = sin(angle), cos(angle)
    context[at + 2], context[at + 3] = sin(2.0 * angle), cos(2.0 * angle)
    at += 4
    context[at : at + PRESENCE - BILL] = o[BILL:PRESENCE]
    at += PRESENCE - BILL
    # What all vehicles together take now, what of it can wait, and what they need in all.
    most = k_sockets * n.socket_kw
    standing = needed = 0.0
    for position in range(n.positions):
        standing += o[CHARGERS + position * FEATURES]
        needed += o[CHARGERS + position * FEATURES + 1]
    context[at], context[at + 1] = full_sum / most, waits_sum / most
    context[at + 2], context[at + 3] = standing / n.positions, needed / n.positions
    at += OF_VEHICLES
    # Deficit without the battery, and its step from the last hour, which the ramping is counted by.
    deficit, last = load + full_sum, float(o[PLANT + LAST_EXCHANGE]) * max(n.pv_ac_kw, n.mall_scale_kw)
    lacking = max(deficit, 0.0)
    context[at], context[at + 1] = deficit / n.mall_scale_kw, last / n.mall_scale_kw
    context[at + 2], context[at + 3] = (deficit - last) / n.mall_scale_kw, lacking / n.mall_scale_kw
    context[at + 4] = (lacking - max(last, 0.0)) / n.mall_scale_kw
    return load


@compiled
def read_all(
    n: Numbers,
    observations: NDArray[np.floating],
    context: NDArray[np.floating],
    full_kw: NDArray[np.floating],
    least_kw: NDArray[np.floating],
    load_kw: NDArray[np.floating],
) -> None:
    """Read observations, shape (B, 394); see `read`."""
    for row in range(observations.shape[0]):
        load_kw[row] = read(n, observations[row], context[row], full_kw[row], least_kw[row])


class PlantView(nn.Module):
    """Reads observations, shape (B, 394).

    Parameters
    ----------
    numbers
        Of the plant, `Numbers._asdict()`.
    """

    size = OF_CONTEXT

    def __init__(self, numbers: dict[str, Any]) -> None:
        super().__init__()
        self.plant = Numbers(**(numbers | {"vehicle_kwh": np.array(numbers["vehicle_kwh"], np.float64)}))
        self.sockets = len(self.plant.vehicle_kwh)

    def forward(self, observations: Tensor) -> Seen:
        """Read observations; nothing of it is learned, so it has no gradient."""
        rows = observations.detach().cpu().numpy()
        context = np.empty((len(rows), OF_CONTEXT), np.float32)
        full, least = (np.empty((len(rows), self.sockets), np.float32) for _ in range(2))
        load = np.empty(len(rows), np.float32)
        read_all(self.plant, rows, context, full, least, load)
        made = [torch.from_numpy(part).to(observations.device) for part in (context, full, least, load)]
        urgency = PRESENCE + self.sockets
        return Seen(
            context=made[0], presence=observations[:, PRESENCE:urgency], urgency=observations[:, urgency:],
            full_kw=made[1], least_kw=made[2], load_kw=made[3], plant=observations[:, PLANT:PRESENCE],
        )  # fmt: skip

    def sockets_kw(self, seen: Seen, asked: Tensor) -> Tensor:
        """Power of all sockets together that their actions come to, guard and needs applied, shape (B,) [kW]."""
        power = asked.clamp(0.0, 1.0) * self.plant.socket_kw
        return torch.maximum(torch.minimum(power, seen.full_kw), seen.least_kw).sum(1)

    def bess_action(self, seen: Seen, asked: Tensor, target_kw: Tensor) -> Tensor:
        """Battery's action that takes the import to a target, if the battery can, shape (B,); not cut to [0, 1]."""
        discharge = (seen.load_kw + self.sockets_kw(seen, asked) - target_kw) / self.plant.bess_kw
        return (discharge + 1.0) / 2.0 if self.plant.bidirectional else discharge

    def target_of(self, seen: Seen, actions: Tensor) -> Tensor:
        """Import target that actions (B, 1 + K) aim at, the inverse of `bess_action`, shape (B,) [kW]."""
        discharge = 2.0 * actions[:, 0] - 1.0 if self.plant.bidirectional else actions[:, 0]
        return seen.load_kw + self.sockets_kw(seen, actions[:, 1:]) - discharge * self.plant.bess_kw


def perceptron(inputs: int, hidden: list[int], outputs: int, activation: type[nn.Module] = nn.Tanh) -> nn.Sequential:
    """Perceptron whose last layer begins small, so that what it gives begins near its bias, 0."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), activation()]
        inputs = width
    last = nn.Linear(inputs, outputs)
    with torch.no_grad():
        last.weight.mul_(0.1)
        last.bias.zero_()
    return nn.Sequential(*layers, last)


class Actor(nn.Module):
    """Import target and what the sockets are asked for.

    Parameters
    ----------
    view
        Reads the observation.
    hidden
        Hidden layers of the target's network.
    socket_units
        Hidden units of the network that all sockets share; 0: every socket asks for full power.
    """

    def __init__(self, view: PlantView, hidden: list[int], socket_units: int) -> None:
        super().__init__()
        self.view = view
        self.target = perceptron(view.size, hidden, 1)
        self.socket: nn.ModuleList | None = None
        if socket_units:
            first, own, last = (
                nn.Linear(view.size, socket_units),
                nn.Linear(3, socket_units),
                nn.Linear(socket_units, 1),
            )
            with torch.no_grad():
                last.weight.mul_(0.05)
                last.bias.fill_(1.0)
            self.socket = nn.ModuleList([first, own, last])

    def target_kw(self, seen: Seen) -> Tensor:
        """Import target before it is cut at zero, shape (B,) [kW]."""
        target: Tensor = self.target(seen.context).squeeze(-1) * self.view.plant.target_kw
        return target

    def asked(self, seen: Seen) -> Tensor:
        """What each socket is asked for, as a share of its power, shape (B, K); not cut to [0, 1]."""
        if self.socket is None:
            return torch.ones_like(seen.full_kw)
        first, own, last = self.socket
        waits = (seen.full_kw - seen.least_kw) / self.view.plant.socket_kw
        sockets = torch.stack([seen.presence, seen.urgency, waits], dim=2)
        hidden = torch.tanh(first(seen.context)[:, None] + own(sockets))
        asked: Tensor = last(hidden).squeeze(-1)
        return asked

    def forward(self, seen: Seen) -> Tensor:
        """Actions without noise, shape (B, 1 + K)."""
        asked = self.asked(seen)
        action = self.view.bess_action(seen, asked, self.target_kw(seen).clamp(min=0.0))
        return torch.cat([action[:, None], asked], dim=1)
