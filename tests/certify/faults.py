"""Faults planted in copies of the twin's sources: each is one line of physics changed."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from pvbesscar import plant

SOURCES = Path(plant.__file__).parent
MODULES = ("actions", "battery", "tariff", "ledger", "observation", "twin")


@dataclass(frozen=True)
class Fault:
    """One text of one module replaced by another; the text must stand there exactly `times` times."""

    name: str
    module: str
    text: str
    planted: str
    times: int = 1


FAULTS = (
    Fault(
        "charger efficiency forgotten on the way in", "twin", "* p.socket_kw * p.charger_efficiency", "* p.socket_kw"
    ),
    Fault(
        "charger efficiency forgotten on the way out", "twin", "np.float32(balance / efficiency)", "np.float32(balance)"
    ),
    Fault(
        "energy of a socket not rounded",
        "twin",
        "float(np.float32(balance / efficiency))",
        "float(balance) / p.charger_efficiency",
    ),
    Fault(
        "least power of a charger ignored", "twin", "if power < min(p.socket_min_kw, p.socket_kw):", "if power < 0.0:"
    ),
    Fault(
        "vehicles of the hour before are charged",
        "twin",
        "occupant = y.occupant[f.year[b], f.t[b]]",
        "occupant = y.occupant[f.year[b], max(f.t[b] - 1, 0)]",
    ),
    Fault(
        "energy delivered earlier is kept",
        "twin",
        "        delivered[k] = 0.0\n        if occupant[k] < 0:",
        "        if occupant[k] < 0:",
    ),
    Fault(
        "arrival SOC of the session before",
        "twin",
        "soc[k] = y.arrival_soc[s]",
        "soc[k] = y.arrival_soc[max(s - 1, 0)]",
    ),
    Fault(
        "back-to-back arrival not noticed",
        "twin",
        "new = all_new or s != before[k]",
        "new = all_new or before[k] < 0",
    ),
    Fault(
        "feasible by one hour's power",
        "actions",
        "socket_kw * hours_left + NEED_EPSILON_KWH",
        "socket_kw + NEED_EPSILON_KWH",
    ),
    Fault("battery begins at its reserve", "twin", "np.float32(max(p.bess_initial_soc, ", "np.float32(max(0.0, "),
    Fault("battery's sign turned", "actions", "return bess_kw / p.bess_kw if", "return -bess_kw / p.bess_kw if"),
    Fault(
        "battery asked beyond its power",
        "twin",
        "min(max(actions.storage_action(p, f.bess_kw[b]), -1.0), 1.0)",
        "actions.storage_action(p, f.bess_kw[b])",
    ),
    Fault("standby loss forgotten", "twin", "f.bess_soc[b] = stand(bess, soc)", "f.bess_soc[b] = soc"),
    Fault("net exchange without the export", "twin", "row[IMPORT] - row[EXPORT]", "row[IMPORT]"),
    Fault(
        "price of the hour before",
        "twin",
        "numbers[MALL], numbers[PRICE], numbers[CARBON]",
        "numbers[MALL], y.hourly[year, t - 1, PRICE], numbers[CARBON]",
    ),
    Fault("battery decided before the sockets", "actions", "now.mall_kwh, total(socket_kw))", "now.mall_kwh, 0.0)"),
    Fault(
        "series of the next hour observed",
        "twin",
        "now, bess_soc = _exogenous(y, year, t), ",
        "now, bess_soc = _exogenous(y, year, t + 1), ",
    ),
    Fault("first hour never ends", "twin", "f.first[b] = False", "f.first[b] = True"),
    Fault("second pass of the efficiency missing", "battery", "for i in range(2):", "for i in range(1):"),
    Fault(
        "round trip applied each way",
        "battery",
        "    root = math.sqrt(efficiency)\n    for",
        "    root = efficiency\n    for",
    ),
    Fault(
        "reserve of another depth of discharge",
        "battery",
        "1.0 - b.depth_of_discharge",
        "0.9 - b.depth_of_discharge",
        times=3,
    ),
    Fault(
        "energy of the battery not rounded",
        "battery",
        "start = _r(np.float32(soc) * _r(b.capacity, True), True)",
        "start = float(soc) * b.capacity",
    ),
    Fault(
        "energy of a vehicle not rounded",
        "battery",
        "start = _r(np.float32(soc) * _r(capacity, True), True)",
        "start = float(soc) * capacity",
    ),
    Fault(
        "charge until full not rounded",
        "battery",
        "bound = _r(room / _r(max(root, TINY), single), single)",
        "bound = room / max(root, TINY)",
    ),
    Fault(
        "change of energy rounded too late",
        "battery",
        "delta = _r(_r(final, rounded) - start, rounded)",
        "delta = final - start",
    ),
    Fault(
        "capacity-power curve ignored",
        "battery",
        "limit = max(_max_power(b, start, single), 0.0)",
        "limit = b.nominal_power",
    ),
    Fault("curve read one piece too far", "battery", "i = min(n - 2, max(0, left - 1))", "i = min(n - 2, left)"),
    Fault(
        "degradation forgotten",
        "battery",
        "return soc_after, balance, max(left, 0.0)",
        "return soc_after, balance, degraded",
    ),
    Fault(
        "degradation counted twice",
        "battery",
        "wear / _r(2.0 * max(degraded, TINY), True)",
        "wear / _r(max(degraded, TINY), True)",
    ),
    Fault(
        "charged to the capacity of the first day",
        "battery",
        "room = max(_r(_r(degraded, single) - start, single), 0.0)\n            bound",
        "room = max(_r(_r(b.capacity, single) - start, single), 0.0)\n            bound",
    ),
    Fault(
        "standby loss through the reserve",
        "battery",
        "return min(max(kept, floor), np.float32(1.0))",
        "return min(kept, np.float32(1.0))",
    ),
    Fault(
        "vehicle charged beyond full",
        "battery",
        "room = max(_r(_r(degraded, single) - start, single), 0.0)\n    limited",
        "room = 2.0 * max(_r(_r(degraded, single) - start, single), 0.0)\n    limited",
    ),
    Fault("departure an hour early", "ledger", "if hours_left[k] != 1:", "if hours_left[k] != 2:"),
    Fault(
        "guard an hour late",
        "actions",
        "need_kwh - socket_kw * (hours_left - 1)",
        "need_kwh - socket_kw * hours_left",
    ),
    Fault(
        "ramp in the first hour",
        "ledger",
        "row[RAMP] = 0.0 if first else abs(bought - last_import)",
        "row[RAMP] = abs(bought - last_import)",
    ),
    Fault("export's sign turned", "ledger", "surplus = max(-net, 0.0)", "surplus = max(net, 0.0)"),
    Fault("no export limit", "ledger", "sold = min(surplus, p.export_limit_kw)", "sold = surplus"),
    Fault("demand forgotten", "tariff", "max(demand[charge, 0], import_kwh)", "import_kwh"),
    Fault("stretch without a past", "twin", "demand_at(_tariff(y, year), start)", "0.0"),
    Fault(
        "net load without the battery",
        "ledger",
        "net = now.mall_kwh + ev_kwh + bess_kwh - now.pv_kwh",
        "net = now.mall_kwh + ev_kwh - now.pv_kwh",
    ),
)


def plain_twin(fault: Fault | None) -> type[Any]:
    """`Twin` of a copy of the twin's modules, uncompiled, with a fault planted.

    Uncompiled, a copy is ready at once and no cache can serve yesterday's code; a test proves that the copy without a
    fault still equals CityLearn bit for bit.
    """
    texts = {name: (SOURCES / f"{name}.py").read_text(encoding="utf-8") for name in MODULES}
    if fault is not None:
        found = texts[fault.module].count(fault.text)
        assert found == fault.times, f"{fault.name}: its text stands in {fault.module}.py {found} times"
        texts[fault.module] = texts[fault.module].replace(fault.text, fault.planted)
    for name in MODULES:
        module = ModuleType(f"planted_{name}")
        sys.modules[module.__name__] = module
        if name in {"actions", "ledger", "observation"}:
            module.__dict__["float"] = _numba_float
        exec(compile(_uncompiled(texts[name]), f"planted {name}.py", "exec"), module.__dict__)
    twin: type[Any] = sys.modules["planted_twin"].Twin

    class Plain(twin):
        def act(self, action: np.ndarray, out: np.ndarray) -> bool:
            # Numba computes a float32 with a float in float64; uncompiled it would stay a float32.
            return super().act(action.astype(np.float64), out)

    return Plain


def _numba_float(value: Any) -> Any:
    """`float` as Numba compiles it: a float32 stays one."""
    return value if isinstance(value, np.float32) else float(value)


def _uncompiled(text: str) -> str:
    text, imports = re.subn(
        r"^from numba import .*\n", "prange, njit = range, lambda **_: lambda f: f\n", text, flags=re.MULTILINE
    )
    assert imports
    text = text.replace(
        "from pvbesscar.plant import actions, ledger", "import planted_actions as actions, planted_ledger as ledger"
    )
    planted = "|".join(MODULES)
    return re.sub(rf"^from pvbesscar\.plant\.({planted}) import", r"from planted_\1 import", text, flags=re.MULTILINE)
