"""A small site with telemetry, and a service in this process that answers as the rule does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pvbesscar.dataset.build import build
from pvbesscar.plant.data import load_plant
from pvbesscar.shadow.example import write_example
from pvbesscar.shadow.loop import Pass, run_pass
from pvbesscar.shadow.store import Book
from pvbesscar.store.workspace import Workspace
from schemas.dispatch import DispatchRequest, DispatchResponse, Identity, ModelDescription, Powers, Replacement
from schemas.settings import Settings
from tests.builders import scenario, session, write_canonical

HOURS = 8760
SOCKETS, SOCKET_KW, BESS_KW = 8, 3.5, 2712.0


def built(root: Path, **sections: Any) -> Settings:
    """A site of two chargers whose days differ a little, its dataset built under `root`."""
    own = scenario(root, **sections)
    hour, day = np.arange(HOURS) % 24, np.arange(HOURS) // 24
    cloud = 0.6 + 0.4 * ((day * 7) % 10) / 10.0
    pv = np.maximum(0.0, np.sin((hour - 6) / 12 * np.pi)) * 1500.0 * cloud
    mall = np.where((hour >= 9) & (hour < 23), 600.0, 150.0) + 3.0 * ((day * 5 + hour * 3) % 11)
    stays = [session(k, 24 * d + 9 + k % 4, 24 * d + 12 + k % 4, 0.3) for d in range(365) for k in range(8)]
    write_canonical(own, stays, pv_kwh=pv, mall_kwh=mall)
    build(own, Workspace.of(own))
    return own


def with_shadow(settings: Settings, **changes: Any) -> Settings:
    """Return the same scenario with other settings of the shadow."""
    raw = settings.model_dump(mode="json")
    raw["shadow"] |= changes
    return Settings.model_validate(raw)


def example(settings: Settings, folder: Path, days: int = 5) -> Settings:
    """Telemetry of the first days of the year, and the settings that name it."""
    telemetry, sessions = write_example(folder, load_plant(Workspace.of(settings).dataset), 24 * days)
    return with_shadow(settings, telemetry=str(telemetry), sessions=str(sessions), name=folder.name)


def book(settings: Settings) -> Book:
    """What the shadow has written."""
    return Book(Workspace.of(settings).shadow(settings.shadow.name))


def frame(settings: Settings) -> pd.DataFrame:
    """Telemetry as text cells, to be damaged."""
    return pd.read_csv(str(settings.shadow.telemetry), dtype=str)


def put(settings: Settings, table: pd.DataFrame) -> None:
    """Write telemetry."""
    table.to_csv(str(settings.shadow.telemetry), index=False, lineterminator="\n")


@dataclass
class RuleService:
    """Answers as the rule does, from what the request holds alone.

    Attributes
    ----------
    digest
        Dataset that it says it was validated on.
    share
        Share of a deficit that it lets the battery give; the rule gives all of it.
    asked
        What it was asked.
    """

    digest: str
    share: float = 1.0
    asked: list[DispatchRequest] = field(default_factory=list)
    replaced: Replacement | None = None

    @property
    def identity(self) -> Identity:
        return Identity(
            controller="rule", kind="baseline", scenario="test", mode="dispatch", model_sha256=None,
            dataset_digest=self.digest,
            certificate_sha256="0" * 64, evaluation_sha256="0" * 64, plant_code="0" * 64,
        )  # fmt: skip

    def describe(self) -> ModelDescription:
        return ModelDescription(
            identity=self.identity, ready=True, reason=None, needs=(), outlook_hours=0, sockets=SOCKETS,
            socket_kw=SOCKET_KW, bess_kw=BESS_KW, bess_kwh=4520.0, timezone="America/Lima", demand_charges={},
            score=None, rule_score=None, limit_ms=1000.0,
        )  # fmt: skip

    def ask(self, request: DispatchRequest) -> DispatchResponse:
        self.asked.append(request)
        sockets = np.zeros(SOCKETS)
        for one in request.vehicles:
            need = max(one.required_soc - one.soc, 0.0) * one.battery_kwh / 0.95
            sockets[one.socket - 1] = min(SOCKET_KW, need)
        deficit = request.mall_kwh + float(sockets.sum()) - request.pv_kwh
        kw = -min(max(deficit, -BESS_KW), BESS_KW)
        powers = Powers(bess_kw=kw * (self.share if kw < 0 else 1.0), socket_kw=tuple(sockets.tolist()))
        return DispatchResponse(
            time=request.time, decided_by="rule", bess_kw=powers.bess_kw, socket_kw=powers.socket_kw, guards=(),
            infeasible_sockets=(), rule=powers, replaced=self.replaced, notes=(), identity=self.identity,
        )  # fmt: skip


def service(settings: Settings, share: float = 1.0) -> RuleService:
    """A service of the site's dataset."""
    return RuleService(load_plant(Workspace.of(settings).dataset).digest, share)


def taken(settings: Settings, own: RuleService | None = None, clock: Callable[[], dt.datetime] | None = None) -> Pass:
    """One pass."""
    given = {} if clock is None else {"clock": clock}
    return run_pass(settings, own or service(settings), **given)


ROOT_CONFIG = """\
name: test
data: {{root: {root}}}
weather: {{source: synthetic}}
pv: {{source: synthetic}}
mall: {{source: synthetic}}
ev: {{source: synthetic, chargers: 2, moto_chargers: 1, dwell_hours: 3}}
shadow: {{name: {name}}}
"""
"""The small site as a file."""
