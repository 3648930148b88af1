"""The dispatch service under load: requests a second and their times from 8 connections, and memory over many requests.

Server and client are processes of their own on loopback; the requests are states of the validated year. The policies
are untrained: their networks are those of trained ones. Prints tables and writes serving.json and serving.md to --out;
`make bench` runs it, `--out docs/benchmarks` renews what the documentation shows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from shared.dataset import built, settings_of
from shared.results import write_results

if TYPE_CHECKING:
    from pvbesscar.serving.service import DispatchService

CONNECTIONS = 8
POLICIES, LEAST_PER_S, MOST_P99_MS = ("ppo", "sac"), 500, 20
"""What a policy is held to on two cores, which the client shares."""
STATES = 240
"""Different requests, hours of the year in a row."""
START = 24 * 150
REQUESTS = {"ppo": 100_000, "sac": 10_000, "rule": 10_000, "mpc": 2_000}


def service_of(name: str, root: Path) -> DispatchService:
    """Service of a controller that nobody evaluated: what it costs is the same."""
    from pvbesscar.controllers import registry
    from pvbesscar.controllers.forecast import fit_forecast
    from pvbesscar.controllers.mpc import HORIZON
    from pvbesscar.controllers.policy import PolicyController
    from pvbesscar.controllers.reference import no_control_reference
    from pvbesscar.controllers.tuned import plain
    from pvbesscar.plant.data import load_plant
    from pvbesscar.plant.twin import Twin
    from pvbesscar.serving.deciders import ByProgram, ByYear, Decider
    from pvbesscar.serving.service import decider_of, unproven
    from pvbesscar.store.workspace import Workspace

    settings = settings_of(root)
    data = load_plant(Workspace.of(settings).dataset)
    decider: Decider
    if name == registry.MPC:
        fitted = registry.Fitted(
            mode=data.params.mode, years=("validated",), reference=no_control_reference(data, 0, data.hours),
            tuned=plain(data.params), forecast=fit_forecast([data], HORIZON),
        )  # fmt: skip
        decider = ByProgram(fitted)
    elif name == registry.RULE:
        decider = ByYear(name, None)
    else:
        import torch

        from pvbesscar.agents.factory import judged, make_agent
        from pvbesscar.envs.plant_env import PlantEnv

        torch.set_num_threads(1)
        agent = make_agent(name, settings, PlantEnv(Twin(data), episode_hours=24), data)  # type: ignore[arg-type]
        decider = decider_of(PolicyController(name, judged(agent)))
    return unproven(data, settings, decider, name, 1000.0)


def server(name: str, root: Path, port: int) -> None:
    """Serve until SIGTERM."""
    from pvbesscar.serving.access import Access
    from pvbesscar.serving.server import serve

    serve(service_of(name, root), Access(None), "127.0.0.1", port, "info")


def bodies(name: str, root: Path) -> list[bytes]:
    """Requests of the hours of the rule's course."""
    from pvbesscar.controllers.baselines import Rule
    from pvbesscar.controllers.forecast import Outlook
    from pvbesscar.plant.data import load_plant
    from pvbesscar.plant.twin import Twin
    from pvbesscar.serving.requests import request_of
    from pvbesscar.store.workspace import Workspace

    settings = settings_of(root)
    data = load_plant(Workspace.of(settings).dataset)
    ahead = (np.arange(data.hours)[:, None] + np.arange(30)) % data.hours
    outlook = Outlook(data.pv_kwh[ahead], data.mall_kwh[ahead], np.zeros(ahead.shape), np.zeros(ahead.shape))
    simulator, rule, made = Twin(data), Rule(), []
    simulator.reset(START, STATES + 1)
    for _ in range(STATES):
        state = simulator.state
        request = request_of(state, settings.tariff, outlook if name == "mpc" else None)
        made.append(request.model_dump_json(exclude_none=not state.first).encode())
        simulator.step(rule.decide(state))
    return made


async def _ask(port: int, requests: list[bytes], mine: range, times: list[float], codes: dict[int, int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        b"POST /v1/dispatch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    )
    for number in mine:
        body = requests[number % len(requests)]
        began = time.perf_counter()
        writer.write(head % len(body) + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        times.append(time.perf_counter() - began)
        code = int(answer[9:12])
        codes[code] = codes.get(code, 0) + 1
    writer.close()


def client(name: str, root: Path, port: int, total: int, pid: int) -> None:
    """Ask `total` times from all connections; print what it found as JSON."""
    requests = bodies(name, root)

    async def ask(count: int) -> tuple[list[float], dict[int, int], float]:
        times: list[float] = []
        codes: dict[int, int] = {}
        began = time.perf_counter()
        await asyncio.gather(
            *(_ask(port, requests, range(n, count, CONNECTIONS), times, codes) for n in range(CONNECTIONS))
        )
        return times, codes, time.perf_counter() - began

    asyncio.run(ask(min(total // 10, 1000)))
    memory, cpu = [resident_mib(pid)], processor_s(pid)
    times: list[float] = []
    codes: dict[int, int] = {}
    seconds = 0.0
    for _ in range(10):
        more, found, took = asyncio.run(ask(total // 10))
        times += more
        seconds += took
        codes = {code: codes.get(code, 0) + found.get(code, 0) for code in codes.keys() | found.keys()}
        memory.append(resident_mib(pid))
    ms = np.percentile(np.array(times) * 1000.0, (50, 99, 100))
    print(json.dumps({
        "controller": name, "requests": len(times), "codes": codes, "requests_per_s": len(times) / seconds,
        "median_ms": ms[0], "p99_ms": ms[1], "greatest_ms": ms[2], "resident_mib": memory,
        "server_cpu_ms": (processor_s(pid) - cpu) / len(times) * 1000.0,
    }))  # fmt: skip


def resident_mib(pid: int) -> float:
    """Memory of a process that is in use [MiB]."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024.0


def processor_s(pid: int) -> float:
    """Processor time that a process has had [s]."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(name: str, root: Path, total: int) -> dict[str, Any]:
    """Start a server, load it from a client, stop it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = [sys.executable, __file__, "--root", str(root), "--controller", name, "--port", str(port)]
    with tempfile.TemporaryFile() as log, subprocess.Popen([*own, "--part", "server"], stderr=log) as running:
        try:
            _wait(port, running)
            asked = [*own, "--part", "client", "--requests", str(total), "--pid", str(running.pid)]
            done = subprocess.run(asked, check=True, capture_output=True, text=True)
        finally:
            running.send_signal(signal.SIGTERM)
    found: dict[str, Any] = json.loads(done.stdout)
    print(
        f"{name}: {found['requests_per_s']:.0f} requests/s, p99 {found['p99_ms']:.1f} ms, "
        f"{found['server_cpu_ms']:.2f} ms of processor each, "
        f"{found['resident_mib'][0]:.0f} to {found['resident_mib'][-1]:.0f} MiB",
        flush=True,
    )
    return found


def _wait(port: int, running: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        assert running.poll() is None, "the server ended before it listened"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("the server does not listen after 120 s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("outputs/benchmarks"))
    parser.add_argument("--root", type=Path, help="project folder with the default scenario's dataset; built if empty")
    parser.add_argument("--controller", action="append", help="only this one; repeatable")
    parser.add_argument("--requests", type=int)
    parser.add_argument("--part", choices=("server", "client"), help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--pid", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part == "server":
        return server(asked.controller[0], asked.root, asked.port)
    if asked.part == "client":
        return client(asked.controller[0], asked.root, asked.port, asked.requests, asked.pid)
    with tempfile.TemporaryDirectory() as folder:
        root = asked.root or Path(folder)
        built(settings_of(root))
        rows = [measure(n, root, asked.requests or REQUESTS[n]) for n in asked.controller or REQUESTS]
    write(asked.out, rows)
    return None


def marked(row: dict[str, Any]) -> tuple[str, str]:
    """Requests a second and p99 [ms] of a row, marked where a policy misses its limit."""
    rate, p99 = f"{row['requests_per_s']:.0f}", f"{row['p99_ms']:.1f}"
    if row["controller"] not in POLICIES:
        return rate, p99
    return (
        rate if row["requests_per_s"] >= LEAST_PER_S else f"{rate}, MISSED: {LEAST_PER_S}",
        p99 if row["p99_ms"] < MOST_P99_MS else f"{p99}, MISSED: {MOST_P99_MS}",
    )


def write(out: Path, rows: list[dict[str, Any]]) -> None:
    head = (
        "controller",
        "requests",
        "requests/s",
        "median [ms]",
        "p99 [ms]",
        "greatest [ms]",
        "processor of the server [ms]",
        "refused",
        "memory, first to last [MiB]",
    )
    table = [
        (
            f"`{row['controller']}`", f"{row['requests']:,}", marked(row)[0], f"{row['median_ms']:.1f}",
            marked(row)[1], f"{row['greatest_ms']:.0f}", f"{row['server_cpu_ms']:.2f}",
            str(sum(count for code, count in row["codes"].items() if code != "200")),
            f"{row['resident_mib'][0]:.0f} to {row['resident_mib'][-1]:.0f}",
        )
        for row in rows
    ]  # fmt: skip
    write_results(
        out,
        "serving",
        f"Server and client in a process each on loopback, {CONNECTIONS} connections, each asking again once it is "
        f"answered; requests are {STATES} hours of the validated year. Limits of a policy: {LEAST_PER_S} requests/s, "
        f"p99 below {MOST_P99_MS} ms.",
        {"POST /v1/dispatch": (head, table)},
        {"rows": rows},
        ("pvbesscar.serving", "pvbesscar.plant", "pvbesscar.controllers"),
    )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
