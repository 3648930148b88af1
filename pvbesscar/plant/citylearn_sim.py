"""The plant simulated by CityLearn itself, behind the interface of `Simulator`."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pvbesscar.plant import ledger
from pvbesscar.plant.actions import storage_action
from pvbesscar.plant.data import PlantData, load_plant
from pvbesscar.plant.simulator import Hour, account, check_window, feasible_now
from pvbesscar.plant.state import PlantState, Setpoints
from pvbesscar.plant.tariff import demand_at, turn_month
from pvbesscar.store.files import read_json
from schemas.errors import SimulationError
from schemas.settings import Mode

SUPPORTED = (3, 0, 2)
LEDGER_TOLERANCE_KWH = 0.01
"""How far CityLearn's own sum (float32, some 3,000 kWh) may be from the sum of its parts."""


def require_citylearn() -> str:
    """Version of the installed CityLearn; an error when it is older than the physics that were proven."""
    found = version("citylearn")
    if tuple(int(part) for part in found.split(".")[:3] if part.isdigit()) < SUPPORTED:
        raise SimulationError(
            f"CityLearn {found} is installed; the dataset needs 3.0.2 or newer.",
            hint="install from requirements.lock (`make install`): a plain resolve falls back to 2.2b0.",
        )
    return found


def make_env(dataset: Path) -> Any:
    """CityLearn's environment on a dataset folder, offline; the plant's own observation takes the place of its own."""
    require_citylearn()
    from citylearn.citylearn import CityLearnEnv  # noqa: PLC0415 (8 s to import)

    schema = read_json(dataset / "schema.json")
    schema["root_directory"] = str(dataset)
    with contextlib.redirect_stdout(io.StringIO()):
        return CityLearnEnv(schema, offline=True, active_observations=["hour"], physics_invariant_checks=False)


FEEDBACK = (
    "_record_charger_action_feedback",
    "_record_charger_post_apply_feedback",
    "_record_storage_action_feedback",
    "_record_storage_post_apply_feedback",
)
"""Methods of CityLearn's building service that record what was asked for and granted, for its observations."""


def _do_nothing(*_args: object, **_kwargs: object) -> None:
    """Replacement of a method that only keeps records."""


def make_lean(env: Any) -> Callable[[list[float]], None]:
    """Remove from CityLearn's step what no energy depends on; return the step that is left.

    Removed are the records of action feedback, reward and observations (`step_without_feedback` is CityLearn's own),
    and the random drift of vehicles that are away, which the arrival SOC overwrites. A third of the time is left. Of
    `evaluate_v2` it is whether each departure could have been met, of which no figure is read (a third of its time).
    tests/plant/test_lean_citylearn.py proves the physics identical, and fails when CityLearn changes under this.

    Raises
    ------
    SimulationError
        This CityLearn has no such methods.
    """
    runtime = env._runtime_service
    services = [building._ops_service for building in env.buildings]
    wanted = [(runtime, "step_without_feedback"), (runtime, "simulate_unconnected_ev_soc")]
    wanted += [(service, name) for service in services for name in FEEDBACK]
    wanted.append((env._kpi_service, "_ev_departure_threshold_feasible"))
    for owner, name in wanted:
        if not callable(getattr(owner, name, None)):
            raise SimulationError(
                f"this CityLearn has no `{type(owner).__name__}.{name}`.",
                hint="install from requirements.lock (`make install`), or use `CityLearnSim(..., lean=False)`.",
            )
    for owner, name in wanted[1:]:
        setattr(owner, name, _do_nothing)

    def step(action: list[float]) -> None:
        runtime.step_without_feedback([action])

    return step


class CityLearnSim:
    """CityLearn's physics as a producer of `PlantState`.

    Parameters
    ----------
    dataset
        Folder written by the `build` stage; its manifest is proven first.
    mode
        What the battery's action means, instead of the dataset's own mode.
    lean
        Whether CityLearn's bookkeeping that no energy depends on is left out (see `make_lean`).

    Raises
    ------
    StaleError
        The folder is not what its manifest says.
    SimulationError
        CityLearn reads other energies from the files than the plant's arrays hold.
    """

    def __init__(self, dataset: Path, mode: Mode | None = None, *, lean: bool = True) -> None:
        data = load_plant(dataset)
        self._data = data if mode is None else data.with_mode(mode)
        self._env = make_env(dataset)
        self._run_hour = make_lean(self._env) if lean else self._run_stock_hour
        self._building = self._env.buildings[0]
        self._chargers = list(self._building.electric_vehicle_chargers)
        names = [f"electric_vehicle_storage_{charger.charger_id}" for charger in self._chargers]
        if self._env.action_names[0] != ["electrical_storage", *names]:
            raise SimulationError("CityLearn's actions are not the battery followed by the sockets in order.")
        self._state: PlantState | None = None
        self._end = 0
        self.reset()
        self._check_series()

    @property
    def data(self) -> PlantData:
        """The year that is simulated."""
        return self._data

    @property
    def env(self) -> Any:
        """CityLearn's environment, for its own KPIs."""
        return self._env

    @property
    def state(self) -> PlantState:
        """State at the hour about to be decided."""
        if self._state is None:
            raise SimulationError("the episode has ended.", hint="call `reset` first.")
        return self._state

    def reset(self, start: int = 0, hours: int | None = None) -> PlantState:
        """Begin an episode of `hours` hours (default: to the year's end) at hour `start` of the year."""
        hours = self._data.hours - start if hours is None else hours
        check_window(self._data, start, hours)
        self._end = start + hours
        # One row more than hours: CityLearn makes a transition less than it has rows.
        self._env.episode_time_steps = [(start, self._end)]
        self._env.reset()
        soc = self._vehicle_soc(start, 0)
        self._state = PlantState(
            data=self._data,
            t=start,
            first=True,
            soc=soc,
            bess_soc=float(self._building.electrical_storage.soc[0]),
            delivered_kwh=np.zeros(self._data.params.sockets),
            last_import_kwh=0.0,
            last_net_kwh=0.0,
            feasible=feasible_now(self._data, start, soc),
            demand_kw=demand_at(self._data.tariff, start),
        )
        return self._state

    def step(self, setpoints: Setpoints) -> Hour:
        """Run the hour with the setpoints given."""
        state, p = self.state, self._data.params
        step = int(self._env.time_step)
        action = np.empty(1 + p.sockets)
        action[0] = storage_action(p, setpoints.bess_kw)
        action[1:] = setpoints.socket_kw / p.socket_kw
        self._run_hour(action.tolist())
        return self._after(state, setpoints, step)

    def _run_stock_hour(self, action: list[float]) -> None:
        self._env.step([action])

    def _after(self, state: PlantState, setpoints: Setpoints, step: int) -> Hour:
        socket_kwh = np.array([charger.electricity_consumption[step] for charger in self._chargers], dtype=np.float64)
        storage = self._building.electrical_storage
        bess_kwh = float(storage.energy_balance[step])
        soc_after = self._vehicle_soc(state.t, step)
        bess_soc = float(storage.soc[step])
        row, demand_kw = account(state, socket_kwh, bess_kwh, soc_after, bess_soc, setpoints.infeasible_sockets)
        self._check_ledger(row, step, state.t)
        reward = float(ledger.reward(self._data.params, row, self._data.reference))
        done = state.t + 1 >= self._end
        if not done:
            turn_month(self._data.tariff, state.t + 1, demand_kw)
        self._state = None if done else self._next(state, row, socket_kwh, demand_kw, step + 1)
        return Hour(state.t, row, reward, socket_kwh, done)

    def _next(
        self,
        state: PlantState,
        row: NDArray[np.float64],
        socket_kwh: NDArray[np.float64],
        demand_kw: NDArray[np.float64],
        step: int,
    ) -> PlantState:
        data, t = self._data, state.t + 1
        # CityLearn's observation of a vehicle lags: its battery is read after the hour's arrivals.
        soc = self._vehicle_soc(t, step)
        # Feasibility belongs to the session: it is found once, on arrival.
        arrived = data.occupant[t] != data.occupant[t - 1]
        return PlantState(
            data=data,
            t=t,
            first=False,
            soc=soc,
            bess_soc=float(self._building.electrical_storage.soc[step]),
            delivered_kwh=socket_kwh,
            last_import_kwh=float(row[ledger.IMPORT]),
            last_net_kwh=float(row[ledger.IMPORT] - row[ledger.EXPORT]),
            feasible=np.where(arrived, feasible_now(data, t, soc), state.feasible),
            demand_kw=demand_kw,
        )

    def _vehicle_soc(self, t: int, step: int) -> NDArray[np.float32]:
        """State of charge of each socket's vehicle after association, from the battery itself; shape (K,)."""
        soc = np.zeros(self._data.params.sockets, dtype=np.float32)
        for k in np.flatnonzero(self._data.occupant[t] >= 0):
            charger = self._chargers[k]
            vehicle = charger.past_connected_evs[step]
            if vehicle is None:
                raise SimulationError(f"hour {t}: CityLearn has no vehicle at {charger.charger_id}, the sessions do.")
            soc[k] = vehicle.battery.soc[step]
        return soc

    def _check_ledger(self, row: NDArray[np.float64], step: int, t: int) -> None:
        theirs = float(self._env.net_electricity_consumption[step])
        # CityLearn knows no export limit.
        ours = float(row[ledger.IMPORT] - row[ledger.EXPORT] - row[ledger.CURTAILED])
        if not abs(theirs - ours) <= LEDGER_TOLERANCE_KWH:
            raise SimulationError(
                f"hour {t}: the energy ledger does not close, {ours} kWh against CityLearn's {theirs}."
            )

    def _check_series(self) -> None:
        rows, b = self._data.hours, self._building
        theirs = {
            # CityLearn counts generation below zero, and offers it only under a private name.
            "PV": -np.asarray(b._Building__solar_generation[:rows], dtype=np.float64),
            "mall demand": np.asarray(b.energy_simulation.non_shiftable_load[:rows], dtype=np.float64),
            "price": np.asarray(b.pricing.electricity_pricing[:rows], dtype=np.float64),
            "carbon": np.asarray(b.carbon_intensity.carbon_intensity[:rows], dtype=np.float64),
        }
        ours = (self._data.pv_kwh, self._data.mall_kwh, self._data.price, self._data.carbon)
        for (name, values), own in zip(theirs.items(), ours, strict=True):
            if not np.array_equal(values, own):
                worst = float(np.abs(values - own).max())
                raise SimulationError(f"CityLearn reads another {name} than the plant holds (up to {worst}).")
