"""`pvbesscar size`: what one more kWh, kW or kWp is worth a year, and the bill over a table of sizes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pvbesscar.commands.common import DEFAULT_CONFIG, ConfigOption, SetOption, place, print_table

if TYPE_CHECKING:
    from pvbesscar.controllers.registry import Fitted
    from pvbesscar.controllers.sizing import Part
    from pvbesscar.plant.data import PlantData
    from pvbesscar.store.workspace import Workspace
    from schemas.settings import Settings

UPPER_LIMIT = (
    "Worth by perfect foresight is an upper limit: no controller knows the year. What the MPC makes of a part stands "
    "beside it; the connection has no such value, for no simulator sheds load."
)
PVS = "PV grows with its inverters, each hour in proportion; vehicles are served as ever; the cost is invoice and wear."


def size(
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            "--sweep",
            metavar="PART=SIZE,SIZE,...",
            help="Least bill over sizes of a part: bess_kwh, bess_kw, pv_kwp or grid_kw; given twice, over both.",
        ),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option("--figure", metavar="FILE", help="Draw the sweep into this file (svg, png, pdf).")
    ] = None,
    mpc: Annotated[bool, typer.Option("--mpc/--no-mpc", help="Run the MPC too: some minutes.")] = True,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Say what one more unit of battery, PV and grid connection takes off the year's bill.

    It is for those who size the plant. By the least bill that perfect foresight can reach on the validated year: the
    value at the margin, and that of one percent more, solved again. Where the two are apart, the value falls quickly.
    Investment is not counted: compare the value with what a unit costs a year. `grid.import_limit_kw` limits the
    connection. `pvbesscar build` comes first.

    Examples
    --------
      pvbesscar size --config config/iquitos_mt.yaml

      pvbesscar size --no-mpc --set grid.import_limit_kw=2400

      pvbesscar size --sweep bess_kwh=2000,4520,8000 --sweep pv_kwp=2000,4162,6000 --figure sizes.svg --no-mpc
    """
    from pvbesscar.plant.data import load_plant

    settings, workspace = place(config, overrides)
    axes = dict(_axis(text) for text in sweep or ())
    if len(axes) != len(sweep or ()) or len(axes) > 2:
        raise typer.BadParameter("give at most two parts, each once", param_hint="--sweep")
    if figure is not None and not axes:
        raise typer.BadParameter("there is nothing to draw without --sweep", param_hint="--figure")
    data = load_plant(workspace.dataset)
    if axes:
        head, rows, bills = _sweep(data, settings, axes)
        _print(head, rows, markdown=markdown, csv=csv)
        if figure is not None:
            _draw(axes, bills, figure)
            typer.echo(figure, err=True)
    else:
        _print(*_worths(data, settings, workspace, mpc=mpc), markdown=markdown, csv=csv)
    if not csv:
        typer.echo(UPPER_LIMIT)
        typer.echo(PVS)


def _axis(text: str) -> tuple[Part, tuple[float, ...]]:
    from pvbesscar.controllers.sizing import PARTS

    name, _, values = text.partition("=")
    part = next((one for one in PARTS if one == name), None)
    if part is None:
        raise typer.BadParameter(f"`{name}` is none of {', '.join(PARTS)}", param_hint="--sweep")
    try:
        sizes = tuple(float(value) for value in values.split(","))
    except ValueError:
        raise typer.BadParameter(f"`{values}` is no list of numbers such as 2000,4520", param_hint="--sweep") from None
    if not all(0.0 < value < float("inf") for value in sizes):
        raise typer.BadParameter(f"the sizes of `{name}` must be above 0", param_hint="--sweep")
    return part, sizes


def _worths(
    data: PlantData, settings: Settings, workspace: Workspace, *, mpc: bool
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    from pvbesscar.controllers.sizing import Size, marginal_values, mpc_values

    own = Size.of(data, settings.grid.import_limit_kw)
    least, worths = marginal_values(data, own)
    typer.echo(f"least bill of the plant: {least:,.0f} PEN a year", err=True)
    by_mpc = mpc_values(data, own, _fitted(settings, workspace)) if mpc else {}
    units = {"bess_kwh": "kWh of battery", "bess_kw": "kW of battery", "pv_kwp": "kWp of PV", "grid_kw": "kW of grid"}
    head = ("one more", "there are", "PEN a year, perfect foresight", "solved again", "MPC")
    rows: list[tuple[str, ...]] = [
        (
            units[one.part], f"{one.size:,.0f}", f"{one.by_duals:.2f}", f"{one.solved_again:.2f}",
            f"{by_mpc[one.part]:.2f}" if one.part in by_mpc else "-",
        )
        for one in worths
    ]  # fmt: skip
    return head, rows


def _fitted(settings: Settings, workspace: Workspace) -> Fitted:
    from pvbesscar.controllers.registry import MPC
    from pvbesscar.dataset.scenarios import ScenarioStore
    from pvbesscar.evaluation.fitting import fitted_for
    from pvbesscar.evaluation.specifications import ControllerSpec
    from schemas.errors import ControllerError

    typer.echo("the MPC is fitted on the training years unless it was, then runs four years", err=True)
    store = ScenarioStore(workspace.dataset)
    found = fitted_for([ControllerSpec(MPC, "baseline")], settings, workspace, store)
    if found is None:
        raise ControllerError("nothing was fitted for the MPC.", hint="use --no-mpc.")
    return found


def _sweep(
    data: PlantData, settings: Settings, axes: dict[Part, tuple[float, ...]]
) -> tuple[tuple[str, ...], list[tuple[str, ...]], list[float]]:
    from pvbesscar.controllers.sizing import Size, least_bill

    bills: list[float] = []
    rows: list[tuple[str, ...]] = []
    points = list(product(*axes.values()))
    for number, point in enumerate(points, start=1):
        own = Size.of(data, settings.grid.import_limit_kw)
        for part, value in zip(axes, point, strict=True):
            own = own.with_part(part, value)
        bills.append(least_bill(data, own))
        rows.append((*(f"{value:g}" for value in point), f"{bills[-1]:.0f}"))
        typer.echo(f"{number} of {len(points)} sizes solved", err=True)
    return (*axes, "least bill, PEN a year"), rows, bills


def _draw(axes: dict[Part, tuple[float, ...]], bills: Sequence[float], path: Path) -> None:
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.5), layout="constrained")
    ax = figure.subplots()
    (part, sizes), *others = axes.items()
    table = np.reshape(np.array(bills) / 1000.0, (len(sizes), -1))
    order = np.argsort(sizes)
    names = [f"{others[0][0]} {value:,.0f}" for value in others[0][1]] if others else [""]
    for column, name in zip(table.T, names, strict=True):
        ax.plot(np.array(sizes)[order], column[order], marker="o", label=name)
    ax.set_xlabel(part)
    ax.set_ylabel("least bill, thousand PEN a year (perfect foresight)")
    if others:
        ax.legend()
    figure.savefig(path)


def _print(head: tuple[str, ...], rows: list[tuple[str, ...]], *, markdown: bool, csv: bool) -> None:
    import csv as csv_file

    from pvbesscar.evaluation.tables import markdown_table

    if csv:
        writer = csv_file.writer(sys.stdout, lineterminator="\n")
        writer.writerows([head, *((cell.replace(",", "") for cell in row) for row in rows)])
    elif markdown:
        typer.echo(markdown_table(head, rows))
    else:
        print_table(head, rows)
