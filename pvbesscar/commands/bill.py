"""`pvbesscar bill`: the year's invoice of each controller, under the scenario's tariff and under others."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pvbesscar.commands.common import DEFAULT_CONFIG, ConfigOption, SetOption, place, print_table

TariffOption = Annotated[
    list[Path] | None,
    typer.Option("--tariff", metavar="FILE", help="Bill the same ledgers under this tariff too; repeatable."),
]


def bill(
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    tariff: TariffOption = None,
    scenario: Annotated[str, typer.Option("--scenario", help="Year whose ledgers are billed.")] = "nominal",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print every line of every month as CSV.")] = False,
) -> None:
    """Print the year's bill of each controller from the ledgers of the last evaluation, and what each one saves.

    The controllers decided under the scenario's tariff; under another one they might decide otherwise. The table says
    what the same hours cost.

    Examples
    --------
      pvbesscar bill

      pvbesscar bill --config config/iquitos_mt.yaml --tariff config/tariffs/mt3_example.yaml

      pvbesscar bill --csv > bill.csv
    """
    from pvbesscar.config.load import load_tariff
    from pvbesscar.evaluation.bill import caveats, contradictions
    from pvbesscar.evaluation.money import bill_rows, bills_of, line_frame
    from pvbesscar.evaluation.tables import markdown_table

    settings, workspace = place(config, overrides)
    tariffs = [settings.tariff, *(load_tariff(path) for path in tariff or ())]
    bills = {own.name: bills_of(workspace, settings, own, scenario) for own in tariffs}
    if csv:
        line_frame(bills).to_csv(sys.stdout, index=False, lineterminator="\n", float_format="%.6g")
        return
    for own in tariffs:
        head, rows = bill_rows(bills[own.name])
        typer.echo(f"{'## ' if markdown else ''}{own.name}, PEN a year on {scenario}")
        if markdown:
            typer.echo("")
            typer.echo(markdown_table(head, rows))
        else:
            print_table(head, rows)
        for sentence in (*caveats(own), *contradictions(bills[own.name])):
            typer.echo(sentence)
        typer.echo("")
