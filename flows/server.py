"""The Prefect server of a run and its children: the configured one, that of `pvbesscar up`, or a temporary one."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pvbesscar.store.files import read_json
from pvbesscar.store.locks import held, is_held
from pvbesscar.store.workspace import SERVICE, SERVICE_LOCK
from schemas.errors import PvbesscarError

STARTUP_S = 120.0
"""Prefect's own limit of 20 s fails on a busy machine (36 s seen)."""
SERVER_GRACE_S = 8.0
"""What a server gets to end in good order [s]."""
DRAIN_S = 10.0
RETRY_S, LONGEST_RETRY_S = 0.3, 5.0
"""How soon a client asks again after a 503, and at the latest [s]."""
HOST = "127.0.0.1"
PR_SET_PDEATHSIG = 1

ENVIRONMENT = {
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": f"{STARTUP_S:.0f}",
    "PREFECT_CLIENT_MAX_RETRIES": "10",  # SQLite answers 503 under several writers; a server may start again
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_CLI_PROMPT": "false",
}


class ServerError(PvbesscarError):
    """The Prefect server can not be used."""

    exit_code = 1

    @classmethod
    def lost(cls, url: str, reason: object) -> ServerError:
        """Build the error for a server that stopped answering during a run."""
        return cls(
            f"the Prefect server at {url} stopped answering during the run ({reason}).",
            hint="finished stages keep their results; see the server's log, start it again, and repeat the command.",
        )

    @classmethod
    def dead(cls, url: str, reason: object) -> ServerError:
        """Build the error for a configured address where no server answers."""
        return cls(
            f"PREFECT_API_URL is {url}, and no server answers there ({reason}).",
            hint="start it with `.venv/bin/prefect server start`, or forget the address with `unset PREFECT_API_URL` "
            "and `.venv/bin/prefect config unset PREFECT_API_URL`: a temporary server is then started for the run.",
        )


@dataclass(slots=True)
class Part:
    """A process that is started, looked after and ended by this one.

    Attributes
    ----------
    name
        What it is, for a person to read.
    command
        Arguments of the Python interpreter.
    log
        File to which its output is added.
    """

    name: str
    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it in a session of its own: Ctrl-C must reach this process first, which still has its end to report."""
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(  # noqa: S603, nothing of the command is a person's input
                [sys.executable, *self.command],
                stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True,
            )  # fmt: skip

    @property
    def code(self) -> int | None:
        """Exit code, `None` while it runs or has not been started."""
        return None if self.process is None else self.process.poll()

    def await_ready(self, ready: Callable[[], bool], seconds: float, hint: str = "") -> None:
        """Wait until it is ready.

        Raises
        ------
        ServerError
            It ends before, or takes too long.
        """

        def is_ready() -> bool:
            if ready():
                return True
            if self.code is not None:
                raise ServerError(f"the {self.name} ended with code {self.code} while it started.", hint=told)
            return False

        told = f"see {self.log}; {hint}" if hint else f"see {self.log}"
        if not wait_until(is_ready, seconds):
            raise ServerError(f"the {self.name} was not ready within {seconds:.0f} s.", hint=told)

    def stop(self, seconds: float) -> None:
        """End it in good order, or by force when that takes too long."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def prefect_server(port: int, log: Path, *, whole: bool) -> Part:
    """Return a Prefect server on loopback, not yet started; see `serve`."""
    return Part("server", ["-m", "flows.server", str(port), *(["--whole"] if whole else [])], log)


def await_health(server: Part, port: int) -> None:
    """Wait until a server answers; see `Part.await_ready`."""

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/api/health", timeout=5):
                return server.code is None  # another program may have the port
        except OSError:  # nobody listens yet, or the answer is not a good one
            return False

    hint = "a full disk or a locked database are the usual causes. On a very slow machine start a server with "
    server.await_ready(answers, STARTUP_S, f"{hint}`.venv/bin/prefect server start` and set PREFECT_API_URL.")


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds, at most a number of seconds; return whether it does."""
    deadline = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return holds


def prepare(root: Path, *, quiet: bool = False) -> None:
    """Set what Prefect reads when it is imported; must be called before that.

    What the environment already says stays.

    Parameters
    ----------
    root
        Project folder; Prefect's database goes to `.prefect` in it.
    quiet
        Keep Prefect's own log off the terminal; it still reaches the server.
    """
    profiles = Path.home() / ".prefect" / "profiles.toml"
    if "PREFECT_HOME" not in os.environ and profiles.is_file():
        # The database moves into the project; an address that the user has configured must not be lost with it.
        os.environ.setdefault("PREFECT_PROFILES_PATH", str(profiles))
    os.environ.setdefault("PREFECT_HOME", str(root.resolve() / ".prefect"))
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    if quiet:
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")


@contextmanager
def prefect_api() -> Iterator[str]:
    """Yield the address of a server that answers, and let child processes inherit it.

    Raises
    ------
    ServerError
        A configured address is dead, the temporary server does not start, or the server is lost on the way.
    """
    import httpx
    from prefect import settings

    configured = settings.PREFECT_API_URL.value()
    known = configured or service_url(Path(os.environ["PREFECT_HOME"]))
    with nullcontext(known) if known else _temporary_server() as url:
        # Each synchronous flow would wait a second for its heartbeat thread to end.
        overrides = {settings.PREFECT_API_URL: url, settings.PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
        before = os.environ.get("PREFECT_API_URL")
        os.environ["PREFECT_API_URL"] = url
        try:
            with settings.temporary_settings(overrides):
                _probe(url)
                yield url
        except httpx.HTTPError as error:
            raise ServerError.lost(url, error) from error
        finally:
            _drain()
            os.environ.pop("PREFECT_API_URL")
            if before is not None:
                os.environ["PREFECT_API_URL"] = before


def service_url(home: Path) -> str | None:
    """Address of the server that `pvbesscar up` keeps for the database in `home`, `None` while it is down."""
    told = told_by_service(home) if is_held(home / SERVICE_LOCK) else {}
    return str(told["api"]) if told.get("state") == "up" else None


def told_by_service(home: Path) -> dict[str, Any]:
    """What `pvbesscar up` has last said of itself, empty while it is only just starting."""
    try:
        told: dict[str, Any] = read_json(home / SERVICE)
    except (FileNotFoundError, ValueError):
        return {}
    return told


def _drain() -> None:
    """Send what is left of logs and events; afterwards their threads would look for the server for ever."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=DRAIN_S)
    EventsWorker.drain_all(timeout=DRAIN_S)


def _probe(url: str) -> None:
    from prefect import get_client

    with get_client(sync_client=True) as client:
        fault = client.api_healthcheck()
    if fault is not None:
        raise ServerError.dead(url, fault)


@contextmanager
def _temporary_server() -> Iterator[str]:
    home, port = Path(os.environ["PREFECT_HOME"]), _free_port()
    home.mkdir(parents=True, exist_ok=True)
    server = prefect_server(port, home / "server.log", whole=False)
    try:
        # Two servers that create one database at the same time lock each other out.
        with held(home / "start.lock", "the start of a server"):
            server.start()
            await_health(server, port)
        yield f"http://{HOST}:{port}/api"
    finally:
        server.stop(SERVER_GRACE_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def die_with_parent(number: int = signal.SIGTERM) -> None:
    """Ask Linux to send this process a signal when the process that started it is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))


def serve(port: int, *, whole: bool) -> None:
    """Serve Prefect's API until told to stop.

    Parameters
    ----------
    whole
        With the UI, and for ever; otherwise a temporary server without it.
    """
    die_with_parent()
    os.environ.pop("PREFECT_API_URL", None)
    if whole:
        os.environ.update(PREFECT_SERVER_API_HOST=HOST, PREFECT_SERVER_API_PORT=str(port))
        os.environ["PREFECT_UI_API_URL"] = f"http://{HOST}:{port}/api"
    else:
        os.environ.update(PREFECT__SERVER_EPHEMERAL="1", PREFECT__SERVER_FINAL="1", PREFECT_UI_ENABLED="0")
    import uvicorn
    from prefect.server.api.server import create_app
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    from tasks import served

    app, reports = create_app(), served.folder()
    reports.mkdir(parents=True, exist_ok=True)
    # In front of the UI, which answers every path that nothing else does.
    app.router.routes.insert(0, Mount(f"/{served.ROUTE}", StaticFiles(directory=reports, follow_symlink=True)))
    uvicorn.run(_AskAgainSoon(app), host=HOST, port=port, log_level="error", lifespan="on")


class _AskAgainSoon:
    """Tells clients how soon to ask again after a 503: SQLite refuses a write for some milliseconds, no more.

    Without it Prefect's client waits two seconds after the first refusal, four after the second, and so on. While
    nothing else is answered either the wait grows, so that a database that is locked for long is waited for.
    """

    def __init__(self, app: Any) -> None:  # noqa: ANN401, an ASGI application
        self._app, self._answered = app, time.monotonic()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401, ASGI
        async def answer(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                if message["status"] == HTTPStatus.SERVICE_UNAVAILABLE:
                    wait = min(LONGEST_RETRY_S, max(RETRY_S, time.monotonic() - self._answered))
                    message = message | {"headers": [*message["headers"], (b"retry-after", f"{wait:.2f}".encode())]}
                else:
                    self._answered = time.monotonic()
            await send(message)

        await self._app(scope, receive, answer if scope["type"] == "http" else send)


if __name__ == "__main__":
    serve(int(sys.argv[1]), whole="--whole" in sys.argv)
