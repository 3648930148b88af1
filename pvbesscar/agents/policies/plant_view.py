"""What a policy computes from the observation before its networks: context, needs of the vehicles, deficit of the site.

The guard and the limits of the sockets are those of `pvbesscar.plant.actions`, written for batches of torch; a test
holds the two to each other. Nothing here is hidden from the environment: all of it is a function of the 394 entries.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

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
        Energy at the charger that fills the vehicle of each socket, shape (K,).
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
    vehicle_kwh: list[float]


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


class PlantView(nn.Module):
    """Reads observations, shape (B, 394).

    Parameters
    ----------
    numbers
        Of the plant, `Numbers._asdict()`.
    """

    vehicle_kwh: Tensor

    def __init__(self, numbers: dict[str, Any]) -> None:
        super().__init__()
        self.plant = Numbers(**numbers)
        self.register_buffer("vehicle_kwh", torch.tensor(self.plant.vehicle_kwh, dtype=torch.float32))
        self.sockets = len(self.plant.vehicle_kwh)
        self.size = HOURS_OF_DAY + DAY_TYPES + 4 + (PRESENCE - BILL) + OF_VEHICLES + OF_DEFICIT

    def forward(self, observations: Tensor) -> Seen:
        """Read observations."""
        n, o = self.plant, observations
        plant = o[:, PLANT:PRESENCE]
        presence, urgency = o[:, PRESENCE : PRESENCE + self.sockets], o[:, PRESENCE + self.sockets :]
        need = presence.clamp(min=0.0) * self.vehicle_kwh
        full = need.clamp(max=n.socket_kw)
        least = torch.zeros_like(full)
        if n.guard:
            left = torch.round(need / (urgency * n.socket_kw).clamp(min=1e-6))
            least = (need - n.socket_kw * (left - 1.0).clamp(min=0.0)).clamp(0.0, n.socket_kw)
            least = torch.minimum(least, full)
        load = plant[:, 3] * n.mall_scale_kw - plant[:, 0] * n.pv_ac_kw
        waits = full - least
        context = torch.cat([self._time(o), o[:, BILL:PRESENCE], self._vehicles(o, full, waits),
                             self._deficit(load + full.sum(1), plant)], dim=1)  # fmt: skip
        return Seen(context, presence, urgency, full, least, load, plant)

    def _time(self, o: Tensor) -> Tensor:
        hour = torch.round((o[:, 0] + 1.0) * 11.5).long().clamp(0, HOURS_OF_DAY - 1)
        day = torch.round((o[:, 2] + 1.0) * 3.5).long().clamp(0, DAY_TYPES - 1)
        angle = math.pi * (o[:, 3] + 1.0)
        seasons = torch.stack([angle.sin(), angle.cos(), (2.0 * angle).sin(), (2.0 * angle).cos()], dim=1)
        hours, days = nn.functional.one_hot(hour, HOURS_OF_DAY), nn.functional.one_hot(day, DAY_TYPES)
        return torch.cat([hours.to(o.dtype), days.to(o.dtype), seasons], dim=1)

    def _vehicles(self, o: Tensor, full: Tensor, waits: Tensor) -> Tensor:
        """What all vehicles together take now, what of it can wait, and what they need in all."""
        groups = o[:, CHARGERS : CHARGERS + self.plant.positions * FEATURES].reshape(-1, self.plant.positions, FEATURES)
        most = self.sockets * self.plant.socket_kw
        return torch.stack(
            [full.sum(1) / most, waits.sum(1) / most, groups[:, :, 0].mean(1), groups[:, :, 1].mean(1)], dim=1
        )

    def _deficit(self, deficit: Tensor, plant: Tensor) -> Tensor:
        """Deficit without the battery, and its step from the last hour, which the ramping is counted by."""
        n = self.plant
        last = plant[:, LAST_EXCHANGE] * max(n.pv_ac_kw, n.mall_scale_kw)
        lacking = deficit.clamp(min=0.0)
        parts = [deficit, last, deficit - last, lacking, lacking - last.clamp(min=0.0)]
        return torch.stack(parts, dim=1) / n.mall_scale_kw

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
