"""`pvbesscar fetch`: files from the network, for those who have one; no stage of the pipeline does this."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pvbesscar.commands.common import DEFAULT_CONFIG, ConfigOption, SetOption, place
from schemas.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Fetch input files from the network; the pipeline itself stays offline.")


@app.callback()
def _fetch() -> None:
    pass


@app.command()
def pvgis(
    year: Annotated[int, typer.Option("--year", min=1990, max=2100, help="Calendar year.")],
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File to write, below data.root; default data/interim/oe2/pvgis_YEAR.csv."),
    ] = None,
    database: Annotated[
        str, typer.Option("--database", help="Radiation database; PVGIS-ERA5 covers the world.")
    ] = "PVGIS-ERA5",
    url: Annotated[str | None, typer.Option("--url", help="Address of the service; default pvlib's.")] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, max=600.0, help="Seconds to wait.")] = 60.0,
    leap_day: Annotated[
        bool,
        typer.Option("--leap-day/--no-leap-day", help="Keep 29 February; a year's weather has no place for it."),
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write the weather of the scenario's site from PVGIS into a file, with its provenance beside it.

    Then name it in the scenario: `weather.source: file`, `weather.file: pvgis_YEAR.csv`, `site.year: YEAR`; or name it
    as the file of a declared fill (`fills`). A leap year has 8,784 hours: with `--no-leap-day` the file is one that
    `weather.file` can name.

    Examples
    --------
      pvbesscar fetch pvgis --year 2019

      pvbesscar fetch pvgis --year 2024 --no-leap-day
    """
    settings, workspace = place(config, overrides)
    from pvbesscar.oe2.pvgis import PvgisRequest, fetch
    from pvbesscar.oe2.series import provenance_file

    path = (workspace.root / (out or Path(f"data/interim/oe2/pvgis_{year}.csv"))).resolve()
    if workspace.root not in path.parents:
        raise ConfigError(f"--out {path} is not below {workspace.root} (`data.root`).", hint="choose a path below it.")
    if not force and any(there.exists() for there in (path, provenance_file(path))):
        raise ConfigError(
            f"{path} or its provenance is there already.", hint="name another --out, or replace it: --force."
        )
    fetch(settings.site, PvgisRequest(year, database, url, timeout, leap_day), path)
    typer.echo(path)
