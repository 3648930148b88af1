"""One Prefect server for all tests of flows, and a way to ask it what it has seen."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.server import ENVIRONMENT, _free_port
from tests import THREADS

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Server:
    """A live server on loopback."""

    url: str
    home: Path

    @property
    def env(self) -> dict[str, str]:
        """Environment of a program that uses this server."""
        return {**bare_environment(), **ENVIRONMENT, "PREFECT_HOME": str(self.home), "PREFECT_API_URL": self.url}

    def ask(self, path: str, question: Any) -> Any:
        """POST a question to the API."""
        return json.loads(self._send(path, "POST", json.dumps(question).encode()))

    def get(self, path: str) -> bytes:
        """GET something of the API."""
        return self._send(path, "GET", None)

    def change(self, path: str, change: dict[str, Any]) -> None:
        """PATCH something of the API."""
        self._send(path, "PATCH", json.dumps(change).encode())

    def delete(self, path: str) -> None:
        """DELETE something of the API."""
        self._send(path, "DELETE", None)

    def _send(self, path: str, method: str, body: bytes | None) -> bytes:
        request = urllib.request.Request(
            f"{self.url}/{path}", body, {"Content-Type": "application/json"}, method=method
        )
        for _ in range(20):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return bytes(answer.read())
            except urllib.error.HTTPError as error:
                if error.code != 503:  # SQLite under several writers: the server asks for patience
                    raise
                time.sleep(1)
        raise AssertionError(f"{path}: 503 for 20 s")

    def runs(self, **where: Any) -> list[dict[str, Any]]:
        """Flow runs that match a filter, oldest first."""
        return self.ask("flow_runs/filter", {"flow_runs": where, "sort": "START_TIME_ASC"})

    def children(self, parent: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Child flow runs of a run, by name."""
        return {run["name"]: run for run in self.runs(parent_flow_run_id={"any_": [parent["id"]]})}

    def artifacts(self, run: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Artifacts of a run, by key."""
        found = self.ask("artifacts/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}, "limit": 200})
        return {artifact["key"]: artifact for artifact in found if artifact["key"]}


def bare_environment() -> dict[str, str]:
    """Return this process's environment without what Prefect reads, and without the one thread of the tests."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_") and key not in THREADS}


def wait_for(what: Callable[[], Any], seconds: float) -> Any:
    """Return what is truthy as soon as it is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.2)
    raise AssertionError(f"nothing after {seconds} s")


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def stop(process: subprocess.Popen[Any], number: int = signal.SIGTERM, seconds: float = 20) -> int:
    """End a process and wait for it."""
    process.send_signal(number)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def pvbesscar(root: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Call the command line for the project folder `root`."""
    return subprocess.run(
        [sys.executable, "-m", "pvbesscar.cli", *arguments, "--set", f"data.root={root}"],
        cwd=ROOT, env=env or bare_environment(), capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start what `pvbesscar up` starts, once: server with UI, pool, deployments, worker."""
    root, port = tmp_path_factory.mktemp("service"), _free_port()
    env = {**bare_environment(), "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "3"}
    started = pvbesscar(root, "up", "--port", str(port), env=env)
    try:
        assert started.returncode == 0, started.stderr
        assert started.stdout == f"http://127.0.0.1:{port}\n"
        yield Server(f"http://127.0.0.1:{port}/api", root / ".prefect")
    finally:
        ended = pvbesscar(root, "down")
    assert ended.returncode == 0, ended.stderr
    assert "stopped worker and server" in ended.stderr


@dataclass(frozen=True)
class Ran:
    """What a program left behind."""

    code: int
    out: list[str]
    err: str
    root: Path
    run: dict[str, Any]

    @property
    def manifest(self) -> dict[str, Any]:
        """Manifest of the run."""
        (path,) = self.root.glob("outputs/runs/*/manifest.json")
        manifest: dict[str, Any] = json.loads(path.read_text())
        return manifest


@pytest.fixture(scope="session")
def fake_run(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Ran]:
    """Run `pvbesscar run` with fake stages on the shared server."""

    def run(*arguments: str, behaviour: str = "") -> Ran:
        root = tmp_path_factory.mktemp("project")
        done = subprocess.run(
            [sys.executable, "-m", "tests.flows.fake_run", str(root), "run", "--profile", "smoke", "--set",
             f"data.root={root}", *arguments],
            cwd=ROOT, env={**server.env, "FAKE_TRAINING": behaviour}, capture_output=True, text=True, timeout=400,
            check=False,
        )  # fmt: skip
        (folder,) = root.glob("outputs/runs/*")
        (seen,) = server.runs(name={"any_": [folder.name]})
        return Ran(done.returncode, done.stdout.splitlines(), done.stderr, root, seen)

    return run


@pytest.fixture(scope="session")
def partial(fake_run: Callable[..., Ran]) -> Ran:
    """A run in which PPO fails and A2C is killed with -9."""
    return fake_run(behaviour="ppo=fail,a2c=die")


@pytest.fixture(scope="session")
def refused(fake_run: Callable[..., Ran], tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run of another scenario than the default, which the quality gate has refused."""
    config = tmp_path_factory.mktemp("plants") / "other.yaml"
    shutil.copy(ROOT / "config" / "iquitos_mall.yaml", config)
    return fake_run("--config", str(config), "--set", "description=bad data")
