"""When trying again can help: a disk or a network that is away for a moment, never data that is wrong."""

from __future__ import annotations

import errno
from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun

PASSING = frozenset(
    {
        errno.EAGAIN, errno.EBUSY, errno.ECONNRESET, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.EIO, errno.ENETDOWN,
        errno.ENETUNREACH, errno.ESTALE, errno.ETIMEDOUT,
    }
)  # fmt: skip
"""Errors of file systems, network ones above all, that pass by themselves."""


def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a task failed of an error that passes by itself, even where it was wrapped in another."""
    error = state.result(raise_on_failure=False)
    while isinstance(error, BaseException):
        if isinstance(error, OSError) and error.errno in PASSING:
            return True
        error = error.__cause__
    return False


IO_RETRY: dict[str, Any] = {"retries": 2, "retry_delay_seconds": [5, 30], "retry_condition_fn": may_pass}
