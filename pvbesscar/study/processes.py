"""The jobs of a study in a few processes: what one of them has done is kept, whatever ends the others."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for_end
from types import FrameType
from typing import TYPE_CHECKING

from pvbesscar.evaluation.parallel import EvaluationPlan
from pvbesscar.study.jobs import Job, Worker
from pvbesscar.study.recipe import StudyRequest
from schemas.errors import PvbesscarError, SimulationError
from schemas.progress import SECONDS_BETWEEN_REPORTS, OnProgress, ProgressReporter

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

    Told = Queue[tuple[int, float, str]]

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
"""What sets the threads of a process; each process of a study has one."""


def do_here(
    request: StudyRequest, plan: EvaluationPlan, jobs: Sequence[Job], on_progress: OnProgress | None
) -> dict[str, str]:
    """Do all jobs in this process, one after another; see `do_all`."""
    worker, progress = Worker(request, plan), _Progress(jobs, on_progress)
    failed = {}
    for number, job in enumerate(jobs):
        try:
            worker.do(job, lambda share, text, number=number: progress.take(number, share, text))  # type: ignore[misc]
        except PvbesscarError as error:
            failed[job.label] = str(error.message)
        progress.end(number)
    return failed


def do_all(
    request: StudyRequest, plan: EvaluationPlan, jobs: Sequence[Job], workers: int, on_progress: OnProgress | None
) -> dict[str, str]:
    """Do all jobs, some at once.

    A job that is refused does not end the others. When this process is interrupted, a training that runs saves its
    state first, and goes on from there the next time.

    Returns
    -------
    dict
        Why each job that was refused was, by its label.

    Raises
    ------
    SimulationError
        A process died.
    """
    # Spawned, not forked: a fork of a process with torch's threads may hang.
    context = multiprocessing.get_context("spawn")
    told: Told = context.Queue()
    failed: dict[str, str] = {}
    progress = _Progress(jobs, on_progress)
    before = set(multiprocessing.active_children())
    with _one_thread_each(), ProcessPoolExecutor(workers, context, _begin, (request, plan, told)) as pool:
        # What is made of others' results comes when they are there.
        later = {number: job for number, job in enumerate(jobs) if job.members}
        futures = {pool.submit(_do, number, job): number for number, job in enumerate(jobs) if not job.members}
        waiting = set(futures)
        try:
            while waiting:
                ended, waiting = wait(waiting, timeout=1.0)
                progress.hear(told)
                for future in ended:
                    job = jobs[futures[future]]
                    try:
                        future.result()
                    except PvbesscarError as error:
                        failed[job.label] = str(error.message)
                    except BrokenProcessPool as error:
                        raise SimulationError(
                            f"a process died while {job.label} was trained or judged; what was done before is kept.",
                            hint="it was killed, most often for memory (1 to 2 GB a process): free some, and give the "
                            "same command again.",
                        ) from error
                    progress.end(futures[future])
                if not waiting and later:
                    more = {pool.submit(_do, number, job): number for number, job in later.items()}
                    futures, waiting, later = futures | more, set(more), {}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in set(multiprocessing.active_children()) - before:
                child.terminate()
            raise
    return failed


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let the processes that start meanwhile have one thread: several would wait for each other on few cores."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class _Progress:
    """Progress in jobs, each by its time; what runs counts in part."""

    def __init__(self, jobs: Sequence[Job], on_progress: OnProgress | None) -> None:
        self._jobs, self._shares = jobs, [0.0] * len(jobs)
        self._total = sum(job.cost for job in jobs)
        self._reporter = ProgressReporter(float(len(jobs)), "jobs", on_progress)
        self._texts: dict[int, str] = {}

    def hear(self, told: Told) -> None:
        """Take in what the processes said."""
        while True:
            try:
                number, share, text = told.get_nowait()
            except queue.Empty:
                break
            self.take(number, share, text)
        self._report()

    def take(self, number: int, share: float, text: str) -> None:
        """Take in how far a job is."""
        self._shares[number], self._texts[number] = share, f"{self._jobs[number].label} {text}"

    def end(self, number: int) -> None:
        """Count a job as done."""
        self._shares[number] = 1.0
        self._texts.pop(number, None)
        self._report()

    def _report(self) -> None:
        work = sum(share * job.cost for share, job in zip(self._shares, self._jobs, strict=True))
        running = [text for number, text in self._texts.items() if self._shares[number] < 1.0]
        self._reporter.report(float(sum(self._shares)), "; ".join(running), work / self._total)


# State of a worker process.
_worker: Worker | None = None
_told: Told | None = None


def _begin(request: StudyRequest, plan: EvaluationPlan, told: Told) -> None:
    global _worker, _told
    # Ctrl-C reaches every process of the terminal; the parent decides, and asks by SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    told.cancel_join_thread()  # what nobody reads any more must not keep this process
    _worker, _told = Worker(request, plan), told


def _leave(number: int, _frame: FrameType | None) -> None:
    # A process that died would make the pool end the others at once, before a training has saved its state. As an
    # exception it ends the job; one that waits for a job is ended by the pool.
    if _worker is None:
        return
    _worker.leaving = True
    if _worker.busy:
        raise SystemExit(128 + number)


def _end_with_parent() -> None:
    # A killed parent would leave its processes at work for ever.
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for_end([parent.sentinel])
    os._exit(1)


def _do(number: int, job: Job) -> None:
    assert _worker is not None
    assert _told is not None
    if _worker.leaving:  # the parent is ending, and this job was in the pool's queue already
        return
    told, last = _told, 0.0

    def tell(share: float, text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_REPORTS:  # an hour of a rule takes microseconds
            last = now
            told.put((number, share, text))

    _worker.do(job, tell)
