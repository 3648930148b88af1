"""Server, work pool, deployments and worker for one machine, kept alive by one process and stopped with it.

`python -m flows.service` is that process; `pvbesscar up` starts it and `pvbesscar down` ends it. Nothing of it imports
Prefect before its server answers.
"""

from __future__ import annotations

import argparse
import datetime as dt
import fcntl
import importlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from flows.server import HOST, SERVICE, SERVICE_LOCK, STARTUP_S, ServerError, die_with_parent, prepare
from pvbesscar.store.drafts import sweep
from pvbesscar.store.files import read_json, write_json
from pvbesscar.store.locks import is_held
from pvbesscar.store.processes import ProcessMark, children_of
from schemas.errors import PvbesscarError

POOL = "pvbesscar"
LOG = "service.log"
AT_ONCE = 3
"""Runs that the worker starts at a time: one works, the others say for whom they wait."""
ROUND_S = 10.0
"""Between two looks after server, worker and runs whose process is gone [s]."""
WORKER_GRACE_S = 25.0
"""What the worker and its runs get to end in good order [s]; trainers keep their state meanwhile."""
SERVER_GRACE_S = 8.0
DOWN_S = 2 * WORKER_GRACE_S + SERVER_GRACE_S + 10.0


class ServiceError(PvbesscarError):
    """`pvbesscar up` or `down` can not do what it was asked."""


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What is to be kept up.

    Attributes
    ----------
    root
        Project folder: data, results and, in `.prefect`, the database.
    port
        Port of server and UI.
    config, overrides
        What the deployments run with.
    when_busy
        What happens to a second run of a deployment: `wait` or `refuse`.
    """

    root: Path
    port: int
    config: Path
    overrides: tuple[str, ...]
    when_busy: str

    @property
    def home(self) -> Path:
        """Prefect's home."""
        return self.root.resolve() / ".prefect"

    @property
    def arguments(self) -> list[str]:
        """The plan as arguments of this module."""
        overrides = [word for override in self.overrides for word in ("--set", override)]
        where = ["--root", str(self.root.resolve()), "--port", str(self.port), "--config", str(self.config)]
        return [*where, "--when-busy", self.when_busy, *overrides]


@dataclass(frozen=True, slots=True)
class Status:
    """What a service says of itself."""

    state: str
    ui: str


# What the commands call -----------------------------------------------------------------------------------------


def up(plan: ServiceOptions, say: Callable[[str], None]) -> Status:
    """Start the service, unless it is up; return when its worker is ready.

    Raises
    ------
    ServiceError
        The port is taken, this is no project folder, or a part of it does not start.
    """
    if (running := status(plan.home)) is not None:
        say("it is up already")
        return running
    if not Path("prefect.yaml").is_file():
        raise ServiceError(
            f"{Path.cwd()}: there is no prefect.yaml here.", hint="run `pvbesscar up` in the project's folder."
        )
    _refuse_taken_port(plan.port)
    end_leftovers(plan.home)
    plan.home.mkdir(parents=True, exist_ok=True)
    (plan.home / SERVICE).unlink(missing_ok=True)
    log = plan.home / LOG
    say(f"starting server, deployments and worker; their log is {log}")
    with log.open("ab") as stream:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "flows.service", *plan.arguments],
            stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True,
        )  # fmt: skip
    return _await_up(process, plan.home, log)


def down(home: Path, say: Callable[[str], None]) -> None:
    """Stop what `up` has started, and nothing else; runs that the worker has under way are ended at a checkpoint.

    Raises
    ------
    ServiceError
        It does not end.
    """
    if not is_held(home / SERVICE_LOCK):
        ended = end_leftovers(home)
        say(f"ended {ended} processes that a killed service had left" if ended else "it is down")
        return
    mark = _marks(home).get("service")
    if mark is not None and mark.alive:
        os.kill(mark.pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_S
    while is_held(home / SERVICE_LOCK):
        if time.monotonic() > deadline:
            raise ServiceError(f"the service did not end within {DOWN_S:.0f} s.", hint=f"see {home / LOG}")
        time.sleep(0.2)
    end_leftovers(home)
    say("stopped worker and server")


def status(home: Path) -> Status | None:
    """What the service of a database says of itself, `None` while it is down."""
    if not is_held(home / SERVICE_LOCK):
        return None
    raw = _read(home)
    return Status(raw.get("state", "starting"), raw.get("ui", ""))


def end_leftovers(home: Path) -> int:
    """End processes of a service that was killed; return how many there were. Whoever has their numbers now is left."""
    left = [mark for name, mark in _marks(home).items() if mark.alive and name != "service"]
    _end_groups(left, WORKER_GRACE_S)
    return len(left)


def _end_groups(marks: list[ProcessMark], seconds: float) -> None:
    """End processes that lead a group, and their groups: in good order first, by force when that takes too long."""
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        for mark in marks:
            if mark.alive:
                _signal_group(mark.pid, number)
        deadline = time.monotonic() + patience
        while any(mark.alive for mark in marks) and time.monotonic() < deadline:
            time.sleep(0.1)


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:  # a group that somebody else leads is not ours to end
            os.kill(pid, number)
    except ProcessLookupError:  # it has ended meanwhile
        return


def serve_ui(root: Path, port: int, say: Callable[[str], None]) -> None:
    """Show the UI of a project's database until Ctrl-C; where the service is up, only say where it is."""
    home = root.resolve() / ".prefect"
    if (running := status(home)) is not None:
        say(running.ui)
        return
    _refuse_taken_port(port)
    prepare(root, quiet=True)
    with (home / "server.log").open("ab") as stream:
        server = _Part("server", [sys.executable, "-m", "flows.server", str(port), "--whole"], stream)
        server.start()
        try:
            _await_health(server, port, home / "server.log")
            say(f"http://{HOST}:{port}  (Ctrl-C ends it)")
            server.wait()
        finally:
            server.stop(SERVER_GRACE_S)


def _await_up(process: subprocess.Popen[bytes], home: Path, log: Path) -> Status:
    deadline = time.monotonic() + 2 * STARTUP_S
    while time.monotonic() < deadline:
        raw = _read(home)
        if raw.get("state") == "up":
            return Status("up", raw["ui"])
        if process.poll() is not None:
            raise ServiceError(
                raw.get("error") or f"the service ended with code {process.returncode}.", hint=f"see {log}"
            )
        time.sleep(0.2)
    process.terminate()
    raise ServiceError(f"the service was not ready within {2 * STARTUP_S} s.", hint=f"see {log}")


def _refuse_taken_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ServiceError(
                f"port {port} of {HOST} is taken by another program ({error.strerror}).",
                hint="choose another one with --port, or end that program.",
            ) from error


def _read(home: Path) -> dict[str, Any]:
    try:
        raw: dict[str, Any] = read_json(home / SERVICE)
    except (FileNotFoundError, ValueError):
        return {}
    return raw


def _marks(home: Path) -> dict[str, ProcessMark]:
    read = {name: ProcessMark.read(raw) for name, raw in _read(home).get("processes", {}).items()}
    return {name: mark for name, mark in read.items() if mark is not None}


# The process that keeps it up -----------------------------------------------------------------------------------


class _Stopped(SystemExit):
    """SIGTERM, unwinding."""


@dataclass(slots=True)
class _Part:
    """A process that the service keeps alive."""

    name: str
    command: list[str]
    stream: Any = None
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    def start(self) -> None:
        """Start it; it dies with the service, however that ends."""
        self.starts += 1
        self.process = subprocess.Popen(  # noqa: S603
            self.command,
            stdin=subprocess.DEVNULL, stdout=self.stream, stderr=self.stream, start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509, the service has one thread when it starts something
        )  # fmt: skip

    @property
    def dead(self) -> bool:
        return self.process is None or self.process.poll() is not None

    @property
    def code(self) -> int | None:
        return None if self.process is None else self.process.returncode

    def wait(self) -> None:
        assert self.process is not None
        self.process.wait()

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


@dataclass(slots=True)
class _Service:
    plan: ServiceOptions
    state: str = "starting"
    error: str = ""
    server: _Part = field(init=False)
    worker: _Part = field(init=False)

    def __post_init__(self) -> None:
        self.server = _Part("server", [sys.executable, "-m", "flows.server", str(self.plan.port), "--whole"])
        worker = [
            "worker",
            "start",
            "--pool",
            POOL,
            "--limit",
            str(AT_ONCE),
            "--name",
            f"pvbesscar-{socket.gethostname()}",
        ]
        self.worker = _Part("worker", [sys.executable, "-m", "prefect", *worker])

    def run(self) -> None:
        """Start everything, then look after it until SIGTERM."""
        try:
            self._start()
            while True:
                time.sleep(ROUND_S)
                self._round()
        except PvbesscarError as error:
            self.state, self.error = "failed", str(error)
            raise
        finally:
            # Runs first, while worker and server can still take down how they ended.
            _end_groups(self._runs(), WORKER_GRACE_S)
            self.worker.stop(WORKER_GRACE_S)
            self.server.stop(SERVER_GRACE_S)
            self.state = "failed" if self.error else "down"
            self._tell()

    def _start(self) -> None:
        self._tell()
        self.server.start()
        self._tell()
        _await_health(self.server, self.plan.port, self.plan.home / LOG)
        _make_pool()
        self.worker.start()
        self._tell()
        self._tidy()
        _deploy(self.plan)
        _await_worker(self.worker, self.plan)
        self.state = "up"
        self._tell()

    def _round(self) -> None:
        for part in (self.server, self.worker):
            if part.dead:
                _log(f"the {part.name} ended with code {part.code}; it is started again")
                part.start()
                if part is self.server:
                    _await_health(part, self.plan.port, self.plan.home / LOG)
        self._tell()
        self._tidy()

    def _runs(self) -> list[ProcessMark]:
        """Flow runs that the worker has under way, each the leader of a process group."""
        return [] if self.worker.process is None else children_of(self.worker.process.pid)

    def _tidy(self) -> None:
        presence, httpx = importlib.import_module("flows.presence"), importlib.import_module("httpx")
        try:
            for name in presence.reconcile():
                _log(f"closed {name}: its process is gone")
        except httpx.HTTPError as error:  # the next round looks again, and starts a dead server again
            _log(f"the server does not answer: {error}")
        for path in sweep(self.plan.root):
            _log(f"removed {path}, the draft of a process that is gone")

    def _tell(self) -> None:
        processes = {"service": ProcessMark.own()}
        for part in (self.server, self.worker):
            mark = ProcessMark.of(part.process.pid) if part.process is not None else None
            if mark is not None:
                processes[part.name] = mark
        processes |= {f"run {mark.pid}": mark for mark in self._runs()}
        write_json(
            self.plan.home / SERVICE,
            {
                "state": self.state,
                "error": self.error,
                "api": f"http://{HOST}:{self.plan.port}/api",
                "ui": f"http://{HOST}:{self.plan.port}",
                "processes": {
                    name: {"pid": mark.pid, "started": mark.started, "home": mark.home}
                    for name, mark in processes.items()
                },
            },
        )


def _await_health(server: _Part, port: int, log: Path) -> None:
    deadline = time.monotonic() + STARTUP_S
    while time.monotonic() < deadline:
        if server.dead:
            raise ServerError(f"the Prefect server ended with code {server.code} while it started.", hint=f"see {log}")
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/api/health", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    raise ServerError(f"the Prefect server did not answer within {STARTUP_S} s.", hint=f"see {log}")


def _await_worker(worker: _Part, plan: ServiceOptions) -> None:
    online = importlib.import_module("flows.deployments").worker_online
    deadline, hint = time.monotonic() + STARTUP_S, f"see {plan.home / LOG}"
    while time.monotonic() < deadline:
        if worker.dead:
            raise ServiceError(f"the worker ended with code {worker.code} while it started.", hint=hint)
        if online(POOL):
            return
        time.sleep(0.5)
    raise ServiceError(f"the worker was not ready within {STARTUP_S} s.", hint=hint)


def _make_pool() -> None:
    importlib.import_module("flows.deployments").make_pool(POOL)


def _deploy(plan: ServiceOptions) -> None:
    deployments = importlib.import_module("flows.deployments")
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        _log(done.stdout)
        raise ServiceError(f"`prefect deploy --all` ended with code {done.returncode}.", hint=f"see {plan.home / LOG}")
    deployments.adjust(str(plan.config), plan.overrides, plan.when_busy)


def _log(line: str) -> None:
    print(f"{dt.datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {line}", flush=True)  # noqa: T201, goes to service.log


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _Stopped(0)


def main() -> None:
    """Keep the service up until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--when-busy", required=True)
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    words = parser.parse_args()
    plan = ServiceOptions(words.root, words.port, words.config, tuple(words.overrides), words.when_busy)
    prepare(plan.root, quiet=True)
    os.environ["PREFECT_API_URL"] = f"http://{HOST}:{plan.port}/api"
    with (plan.home / SERVICE_LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("another service has this database")
        signal.signal(signal.SIGTERM, _stop)
        _Service(plan).run()


if __name__ == "__main__":
    main()
