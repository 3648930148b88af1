"""Energy of the page, summed from ledgers: a balance that closes, and the months with their peaks and cycles."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from pvbesscar.report.tables import Cell, Table, figure, table, text
from pvbesscar.words import Words

SOURCES = ("pv_kwh", "import_kwh", "discharge_kwh")
USES = ("mall_kwh", "ev_kwh", "charge_kwh", "export_kwh", "curtailed_kwh")


def balance_table(ledgers: Mapping[str, pd.DataFrame], words: Words) -> Table:
    """Where energy comes from and where it goes, by controller [kWh]; sources less uses are zero but for rounding."""
    sums = {name: own[[*SOURCES, *USES]].sum() for name, own in ledgers.items()}
    rows: list[tuple[Cell, ...]] = [
        (text(words(f"energy.{field}")), *(figure(own[field]) for own in sums.values())) for field in SOURCES
    ]
    kinds = [""] * len(SOURCES)
    rows.append((text(words("energy.sources")), *(figure(own[list(SOURCES)].sum()) for own in sums.values())))
    kinds.append("sum")
    rows += [(text(words(f"energy.{field}")), *(figure(own[field]) for own in sums.values())) for field in USES]
    kinds += [""] * len(USES)
    rows.append((text(words("energy.uses")), *(figure(own[list(USES)].sum()) for own in sums.values())))
    left = [own[list(SOURCES)].sum() - own[list(USES)].sum() for own in sums.values()]
    rows.append((text(words("energy.left")), *(figure(value, 1) for value in left)))
    kinds += ["sum", "sum"]
    return table("balance", words("energy.caption"), [words("energy.what"), *sums], rows, kinds)


def months_table(name: str, ledger: pd.DataFrame, usable_kwh: float, words: Words) -> Table:
    """Each month of a controller: import, PV exported or curtailed, highest import and its hour, cycles of the battery.

    Parameters
    ----------
    usable_kwh
        Usable capacity of the battery: capacity x depth of discharge [kWh].
    """
    stamps = pd.DatetimeIndex(ledger["timestamp"])
    rows = []
    for month, own in ledger.groupby(stamps.strftime("%Y-%m")):
        at = pd.DatetimeIndex(own["timestamp"])[int(own["import_kwh"].to_numpy().argmax())]
        through = own["charge_kwh"].sum() + own["discharge_kwh"].sum()
        rows.append(
            (text(month), figure(own["import_kwh"].sum()), figure(own["export_kwh"].sum()),
             figure(own["curtailed_kwh"].sum()), figure(own["import_kwh"].max(), 1),
             text(f"{at:%m-%d %H:%M}"),
             figure(through / (2.0 * usable_kwh) if usable_kwh > 0.0 else None, 1))
        )  # fmt: skip
    columns = [words(f"months.{c}") for c in ("month", "import", "export", "curtailed", "peak", "at", "cycles")]
    return table("months", words("months.caption", controller=name), columns, rows)
