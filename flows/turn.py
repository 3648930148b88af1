"""A run's turn in its project: it waits for the one before it, tidies up after dead ones, and hears of cancellation."""

from __future__ import annotations

import contextvars
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx
from prefect import get_client, get_run_logger, runtime
from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelled, Running

from flows.presence import reconcile, sign
from pvbesscar.lineage.runs import Job
from pvbesscar.store.drafts import sweep
from pvbesscar.store.locks import Holder, held

CANCEL_POLL_S = 2.0
_cancelled: set[UUID] = set()
"""Runs of this process that were ended because somebody cancelled them on the server."""


@contextmanager
def turn(job: Job) -> Iterator[None]:
    """Have the project folder for a run alone, tidy, and with an ear for cancellation.

    Raises
    ------
    BusyError
        Another run is at work and `runs.when_busy` is `refuse`.
    """
    run = UUID(str(runtime.flow_run.id))
    sign(run)
    waited = False

    def say(holder: Holder | None) -> None:
        nonlocal waited
        waited = True
        words = f"waits for {holder or 'another run'}; `runs.when_busy: refuse` would refuse instead"
        get_run_logger().info(words)
        _set_state(run, Running(name="Waiting", message=words))

    with (
        _ear_for_cancellation(run),
        held(job.workspace.lock("run"), job.id, when_busy=job.settings.runs.when_busy, on_wait=say),
    ):
        if waited:
            _set_state(run, Running())
        for name in reconcile():
            get_run_logger().warning("closed %s: its process is gone", name)
        for path in sweep(job.workspace.root):
            get_run_logger().info("removed %s, the draft of a process that is gone", path)
        yield


def close_cancelled() -> bool:
    """Give runs of this process that were cancelled their final state; return whether there were any."""
    for run in _cancelled:
        _set_state(run, Cancelled(message="cancelled; finished stages and checkpoints are kept"))
    return bool(_cancelled)


def _set_state(run: UUID, state: State[Any]) -> None:
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run, state, force=True)


@contextmanager
def _ear_for_cancellation(run: UUID) -> Iterator[None]:
    """End this process in good order when its run is cancelled; a worker does that for the runs that it started."""
    if runtime.deployment.id is not None:
        yield
        return
    over = threading.Event()
    context = contextvars.copy_context()
    ear = threading.Thread(target=context.run, args=(_listen, run, over), name="cancellation", daemon=True)
    ear.start()
    try:
        yield
    finally:
        over.set()


def _listen(run: UUID, over: threading.Event) -> None:
    with get_client(sync_client=True) as client:
        while not over.wait(CANCEL_POLL_S):
            try:
                state = client.read_flow_run(run).state
            except httpx.HTTPError:  # a server that is away for a moment; whoever needs it says so
                continue
            if state is not None and state.type is StateType.CANCELLING:
                _cancelled.add(run)
                os.kill(os.getpid(), signal.SIGTERM)
                return
