"""The server: one process, one event loop, stopped without leaving a request unanswered."""

from __future__ import annotations

import gc
from contextlib import suppress

import uvicorn

from pvbesscar.serving.access import Access
from pvbesscar.serving.app import make_app
from pvbesscar.serving.log import set_up, tell
from pvbesscar.serving.service import DispatchService

STOP_WITHIN_S = 30
"""Time that requests under way have when the server is stopped."""


def serve(service: DispatchService, access: Access, host: str, port: int, log_level: str) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are answered first.

    Parameters
    ----------
    log_level
        `debug`, `info`, `warning` or `error`.
    """
    set_up(log_level)
    config = uvicorn.Config(
        make_app(service, access), host=host, port=port, access_log=False, log_config=None,
        timeout_graceful_shutdown=STOP_WITHIN_S, server_header=False, lifespan="off",
    )  # fmt: skip
    # What was loaded so far lives to the end: the collector need not look at it while requests wait.
    gc.collect()
    gc.freeze()
    tell("serving", controller=service.identity.controller, host=host, port=port, token=access.token is not None)
    # The server ends by itself on a signal, and then raises it again for whoever handled it before.
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run()
    service.close()
    tell("stopped")
