"""`pvbesscar serve`: a controller that was evaluated, asked over HTTP."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pvbesscar.commands.common import DEFAULT_CONFIG, ConfigOption, SetOption, place
from schemas.addresses import PORT, TOKEN_VARIABLE
from schemas.errors import ConfigError


class LogLevel(StrEnum):
    """From which level on lines are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def serve(
    controller: Annotated[
        str | None,
        typer.Option(
            "--controller", metavar="NAME", help="A controller that was evaluated: rule, mpc, sac, ...; default rule."
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", metavar="FOLDER", help="A promoted model, in the place of a controller.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    overrides: SetOption = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on; others than loopback need a token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on.")] = PORT,
    limit_ms: Annotated[
        float, typer.Option("--limit-ms", min=1.0, max=600_000.0, help="A later answer is replaced by the rule's.")
    ] = 1000.0,
    token_env: Annotated[
        str, typer.Option("--token-env", metavar="VARIABLE", help="Environment variable that holds the token.")
    ] = TOKEN_VARIABLE,
    log_level: Annotated[LogLevel, typer.Option("--log-level", help="Lines of the log, JSON on standard error.")] = (
        LogLevel.INFO
    ),
) -> None:
    """Answer each hour what the plant shall do, over HTTP; SIGTERM or Ctrl-C ends it.

    Only what was evaluated is served: model, dataset, certificate and evaluation are proven at the start.

    Examples
    --------
      pvbesscar serve --controller rule

      pvbesscar serve --controller mpc --limit-ms 2000 --port 8080

      pvbesscar serve --model checkpoints/promoted/ppo
    """
    from pvbesscar.serving.access import access_of
    from pvbesscar.serving.server import serve as run
    from pvbesscar.serving.service import open_service

    if controller is not None and model is not None:
        raise ConfigError(
            f"--controller {controller} and --model {model}: one of the two is served.",
            hint="leave `--controller` out to serve the model, or `--model` to serve the controller.",
        )
    access = access_of(host, token_env)
    settings, workspace = place(config, overrides)
    service = open_service(settings, workspace, model or controller or "rule", limit_ms)
    typer.echo(f"serving `{service.identity.controller}` on http://{host}:{port}", err=True)
    run(service, access, host, port, log_level.value)
