"""The server as a process: the page of the docs, run as written, and a stop under load."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from schemas.settings import Settings
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
PORT = "8187"
BIN = Path(sys.executable).parent
CONNECTIONS = 8


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_the_page_of_the_docs_runs_as_written(project: Settings) -> None:
    """Only the port is another one, for somebody may use that of the page."""
    block = re.search(r"^## Start, ask, stop\n.*?^```bash\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert block is not None
    port = free_port()
    script = block[1].replace("--controller rule", f"--controller rule --port {port}").replace(PORT, port)
    (project.data.root / ".venv").symlink_to(BIN.parent)
    done = subprocess.run(
        ["bash", "-m", "-c", script], cwd=project.data.root, capture_output=True, text=True, check=False, timeout=120,
        env=os.environ | {"PVBESSCAR_TOKEN": ""},
    )  # fmt: skip
    log = (project.data.root / "serve.log").read_text(encoding="utf-8")
    assert done.returncode == 0, (done.stderr, log)
    answer = json.loads((project.data.root / "answer.json").read_text(encoding="utf-8"))
    assert (answer["decided_by"], answer["replaced"], len(answer["socket_kw"])) == ("rule", None, 8)
    events = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert [one["event"] for one in events if one["event"] in {"serving", "dispatch", "stopped"}] == [
        "serving", "dispatch", "stopped"
    ]  # fmt: skip
    (told,) = [one for one in events if one["event"] == "dispatch"]
    assert told["bess_kw"] == round(answer["bess_kw"], 3)


@contextmanager
def running(project: Settings, port: str) -> Iterator[subprocess.Popen[bytes]]:
    with (project.data.root / "log").open("wb") as log:
        command = [str(BIN / "pvbesscar"), "serve", "--controller", "rule", "--port", port]
        own = subprocess.Popen(command, cwd=project.data.root, stderr=log)
        try:
            for _ in range(600):
                assert own.poll() is None, (project.data.root / "log").read_text(encoding="utf-8")
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", int(port))) == 0:
                        break
                time.sleep(0.1)
            yield own
        finally:
            own.kill()
            own.wait()


@pytest.mark.slow
def test_a_stop_under_load_answers_nothing_wrongly(project: Settings) -> None:
    """Each connection gets whole, equal answers until it is closed, and closed it is between two answers."""
    port, answers = free_port(), list[Any]()
    with running(project, port) as own:
        first = http.client.HTTPConnection("127.0.0.1", int(port))
        first.request("GET", "/v1/example")
        body = first.getresponse().read()

        def ask() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
            try:
                while True:
                    connection.request("POST", "/v1/dispatch", body, {"Content-Type": "application/json"})
                    answer = connection.getresponse()
                    # `IncompleteRead` would be an answer cut off: it is not caught.
                    answers.append((answer.status, answer.read()))
            except (ConnectionError, http.client.RemoteDisconnected):
                return

        threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        time.sleep(2.0)
        asked = len(answers)
        own.send_signal(signal.SIGTERM)
        assert own.wait(40) == 0
        for thread in threads:
            thread.join(40)
    assert asked > CONNECTIONS
    assert len(answers) >= asked
    assert {status for status, _ in answers} == {200}
    assert len({content for _, content in answers}) == 1
    assert b'"event": "stopped"' in (project.data.root / "log").read_bytes()
