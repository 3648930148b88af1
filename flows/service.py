"""Server, work pool, deployments and worker for one machine, kept up by one process and stopped with it.

`python -m flows.service OPTIONS` is that process; `pvbesscar up` starts it and `pvbesscar down` ends it. Nothing of it
imports Prefect before its server answers.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from flows.server import (
    HOST,
    SERVER_GRACE_S,
    STARTUP_S,
    Part,
    ServerError,
    await_health,
    prefect_server,
    prepare,
    told_by_service,
    wait_until,
)
from pvbesscar.store.drafts import sweep
from pvbesscar.store.files import write_json
from pvbesscar.store.locks import held, is_held
from pvbesscar.store.processes import ProcessMark, children_of
from pvbesscar.store.workspace import SERVICE, SERVICE_LOCK
from schemas.errors import PvbesscarError

LOG, SCHEDULES = "service.log", "schedules.json"
ROUND_S = 10.0
"""Between two looks after server, worker and runs whose process is gone [s]."""
WORKER_GRACE_S = 25.0
"""What the worker and its runs get to end in good order [s]; trainers keep their state meanwhile."""
DOWN_S = 2 * WORKER_GRACE_S + SERVER_GRACE_S + 10.0


class ServiceError(PvbesscarError):
    """`pvbesscar up` or `down` can not do what it was asked."""


class ServiceOptions(BaseModel):
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

    model_config = ConfigDict(frozen=True)

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
    def ui(self) -> str:
        """Address of the UI."""
        return f"http://{HOST}:{self.port}"


# What the commands call -----------------------------------------------------------------------------------------


def up(options: ServiceOptions, say: Callable[[str], None]) -> str:
    """Start the service, unless it is up; return the address of the UI when its worker is ready.

    Raises
    ------
    ServiceError
        The port is taken, this is no project folder, or a part of it does not start.
    """
    home = options.home
    if (running := address(home)) is not None:
        say("it is up already")
        return running
    if not Path("prefect.yaml").is_file():
        raise ServiceError(
            f"{Path.cwd()}: there is no prefect.yaml here.", hint="run `pvbesscar up` in the project's folder."
        )
    _refuse_taken_port(options.port)
    end_leftovers(home)
    home.mkdir(parents=True, exist_ok=True)
    (home / SERVICE).unlink(missing_ok=True)
    say(f"starting server, deployments and worker; their log is {home / LOG}")
    service = Part("service", ["-m", "flows.service", options.model_dump_json()], home / LOG)
    service.start()
    _await_up(service, home)
    return options.ui


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
    if not wait_until(lambda: not is_held(home / SERVICE_LOCK), DOWN_S):
        raise ServiceError(f"the service did not end within {DOWN_S:.0f} s.", hint=f"see {home / LOG}")
    end_leftovers(home)
    say("stopped worker and server")


def address(home: Path) -> str | None:
    """Address of the UI of the service of a database, empty while it starts, `None` while it is down."""
    return str(told_by_service(home).get("ui", "")) if is_held(home / SERVICE_LOCK) else None


def end_leftovers(home: Path) -> int:
    """End processes of a service that was killed; return how many there were. Whoever has their numbers now is left."""
    left = [mark for name, mark in _marks(home).items() if mark.alive and name != "service"]
    _end_groups(left, WORKER_GRACE_S)
    return len(left)


def serve_ui(root: Path, port: int, say: Callable[[str], None]) -> None:
    """Show the UI of a project's database until Ctrl-C; where the service is up, only say where it is."""
    home = root.resolve() / ".prefect"
    if (running := address(home)) is not None:
        say(running)
        return
    _refuse_taken_port(port)
    prepare(root, quiet=True)
    server = prefect_server(port, home / "server.log", whole=True)
    try:
        server.start()
        await_health(server, port)
        say(f"http://{HOST}:{port}  (Ctrl-C ends it)")
        while server.code is None:
            time.sleep(0.5)
    finally:
        server.stop(SERVER_GRACE_S)


def _end_groups(marks: list[ProcessMark], seconds: float) -> None:
    """End processes that lead a group, and their groups: in good order first, by force when that takes too long."""
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        for mark in marks:
            if mark.alive:
                _signal_group(mark.pid, number)
        wait_until(lambda: not any(mark.alive for mark in marks), patience)


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:  # a group that somebody else leads is not ours to end
            os.kill(pid, number)
    except ProcessLookupError:  # it has ended meanwhile
        return


def _await_up(service: Part, home: Path) -> None:
    def is_up() -> bool:
        told = told_by_service(home)
        if told.get("error"):
            raise ServiceError(told["error"], hint=f"see {service.log}")
        return told.get("state") == "up"

    try:
        service.await_ready(is_up, 2 * STARTUP_S)
    except ServerError:
        service.stop(DOWN_S)
        raise


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


def _marks(home: Path) -> dict[str, ProcessMark]:
    read = {name: ProcessMark.read(raw) for name, raw in told_by_service(home).get("processes", {}).items()}
    return {name: mark for name, mark in read.items() if mark is not None}


# The process that keeps it up -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Service:
    options: ServiceOptions
    state: str = "starting"
    error: str = ""
    server: Part = field(init=False)
    worker: Part = field(init=False)

    def __post_init__(self) -> None:
        log = self.options.home / LOG
        self.server = prefect_server(self.options.port, log, whole=True)
        self.worker = Part("worker", ["-m", "flows.deployments"], log)

    def run(self) -> None:
        """Start everything, then look after it until SIGTERM."""
        try:
            self._start()
            while True:
                time.sleep(ROUND_S)
                self._look_after()
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
        await_health(self.server, self.options.port)
        from flows import deployments

        deployments.make_pool()
        self.worker.start()
        self._tell()
        self._tidy()
        _deploy(self.options)
        self.worker.await_ready(deployments.worker_online, STARTUP_S)
        self.state = "up"
        self._tell()

    def _look_after(self) -> None:
        for part in (self.server, self.worker):
            if part.code is not None:
                _log(f"the {part.name} ended with code {part.code}; it is started again")
                part.start()
                if part is self.server:
                    await_health(part, self.options.port)
        self._tell()
        self._tidy()

    def _runs(self) -> list[ProcessMark]:
        """Flow runs that the worker has under way, each the leader of a process group."""
        return [] if self.worker.process is None else children_of(self.worker.process.pid)

    def _tidy(self) -> None:
        import httpx

        from flows.run_marks import reconcile

        try:
            for name in reconcile():
                _log(f"closed {name}: its process is gone")
        except httpx.HTTPError as error:  # the next round looks again, and starts a dead server again
            _log(f"the server does not answer: {error}")
        for path in sweep(self.options.root):
            _log(f"removed {path}, the draft of a process that is gone")

    def _tell(self) -> None:
        processes = {"service": ProcessMark.own()}
        for part in (self.server, self.worker):
            mark = ProcessMark.of(part.process.pid) if part.process is not None else None
            if mark is not None:
                processes[part.name] = mark
        processes |= {f"run {mark.pid}": mark for mark in self._runs()}
        write_json(
            self.options.home / SERVICE,
            {
                "state": self.state,
                "error": self.error,
                "api": f"{self.options.ui}/api",
                "ui": self.options.ui,
                "processes": {name: asdict(mark) for name, mark in processes.items()},
            },
        )


def _deploy(options: ServiceOptions) -> None:
    from flows.deployments import adjust, save_schedules

    save_schedules(options.home / SCHEDULES)
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        _log(done.stdout)
        raise ServiceError(
            f"`prefect deploy --all` ended with code {done.returncode}.", hint=f"see {options.home / LOG}"
        )
    adjust(str(options.config), options.overrides, options.when_busy, options.home / SCHEDULES)


def _log(line: str) -> None:
    sys.stdout.write(f"{dt.datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {line}\n")
    sys.stdout.flush()


def main() -> None:
    """Keep the service up until SIGTERM."""
    options = ServiceOptions.model_validate_json(sys.argv[1])
    prepare(options.root, quiet=True)
    os.environ["PREFECT_API_URL"] = f"{options.ui}/api"
    with held(options.home / SERVICE_LOCK, "the service", when_busy="refuse"):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        _Service(options).run()


if __name__ == "__main__":
    main()
