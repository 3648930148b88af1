"""Progress of a run as a person sees it."""

from __future__ import annotations

import ast
import io
from pathlib import Path

import pytest
from rich.console import Console

from pvbesscar.display import Lines, Terminal, current, duration, progress_text, showing
from pvbesscar.lineage.stages import STAGES
from schemas.progress import Progress, ProgressReporter


def test_durations_are_in_the_words_of_a_person() -> None:
    assert [duration(seconds) for seconds in (4.24, 59.9, 185, 7800)] == ["4.2 s", "59.9 s", "3 min 5 s", "2 h 10 min"]


def test_progress_has_amount_unit_rate_time_left_and_message() -> None:
    assert (
        progress_text(Progress(1000, 5000, 40.0, "steps", "6 episodes", 100.0))
        == "1,000 of 5,000 steps (40.0/s, 1 min 40 s left); 6 episodes"
    )
    assert progress_text(Progress(12.34, 41.0, 0.1, "controller-years")) == "12.3 of 41.0 controller-years (6.0/min)"
    assert progress_text(Progress(0, 5000, 0.0, "steps", "loading CityLearn")) == "0 of 5,000 steps; loading CityLearn"


def test_an_unknown_total_is_not_shown() -> None:
    assert progress_text(Progress(0, 0, 0.0, "", "loading CityLearn")) == "loading CityLearn"
    assert progress_text(Progress(345, 0, 12.0, "candidates tried")) == "345 candidates tried (12.0/s)"


class Clock:
    """Stands for `time.monotonic`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


def reported(clock: Clock, total: float, course: list[tuple[float, float]]) -> list[Progress]:
    """Reports of a stage that has done an amount after so many seconds."""
    told: list[Progress] = []
    reporter = ProgressReporter(total, "steps", told.append)
    began = clock.now
    for seconds, done in course:
        clock.now = began + seconds
        reporter.report(done)
    return told


def test_no_time_left_is_told_in_the_first_seconds_nor_of_the_first_hundredths(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    # 500 a second, of 100,000: 2 % are done after 4 s, 10 s have passed after 10.
    told = reported(clock, 100_000, [(float(s), 500 * s) for s in range(1, 13)])
    assert [progress.seconds_left is None for progress in told] == [True] * 9 + [False] * 3
    assert told[-1].rate_per_s == pytest.approx(500.0)
    assert told[-1].seconds_left == pytest.approx((100_000 - 6_000) / 500)
    # 50 a second: 2 % are done after 40 s.
    told = reported(clock, 100_000, [(float(s), 50 * s) for s in range(1, 46)])
    assert [progress.seconds_left is None for progress in told] == [True] * 39 + [False] * 6


def test_a_slow_start_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    # Nothing for 30 s, 1 a second for 30 s, then 100 a second.
    course = [(float(s), 0 if s <= 30 else s - 30 if s <= 60 else 30 + 100 * (s - 60)) for s in range(1, 131)]
    told = reported(clock, 10_000, course)
    assert told[34].rate_per_s == pytest.approx(1.0)
    assert told[-1].rate_per_s == pytest.approx(100.0)
    assert told[-1].seconds_left == pytest.approx((10_000 - 7_030) / 100)


def test_the_time_left_is_forecast_from_the_share_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, told = Clock(monkeypatch), list[Progress]()
    reporter = ProgressReporter(40.0, "controller-years", told.append)
    for second in range(1, 41):
        clock.now += 1.0
        reporter.report(second / 40.0, share=second / 100.0)  # 1 of 40 years is 40 % of the work
    assert told[-1].seconds_left == pytest.approx(60.0)


def test_a_resumed_stage_has_the_rate_of_what_it_does_now(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, told = Clock(monkeypatch), list[Progress]()
    reporter = ProgressReporter(100_000, "steps", told.append, done=50_000)
    clock.now += 20.0
    reporter.report(50_200)
    assert told[0].rate_per_s == pytest.approx(10.0)
    assert told[0].seconds_left == pytest.approx(49_800 / 10)


def test_reports_are_a_second_apart_and_the_last_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = reported(Clock(monkeypatch), 40, [(0.1 * k, k) for k in range(1, 41)])
    assert [progress.done for progress in told] == [10, 20, 30, 40]


def test_lines_are_few() -> None:
    lines: list[str] = []
    shown = Lines(lines.append, every_s=1000.0)
    shown.begin("train-sac")
    for done in range(100):
        shown.update("train-sac", Progress(done, 100, 1.0, "steps"))
    shown.end("train-sac", 3.0, "TrainingError")
    assert lines == ["train-sac: started", "train-sac: FAILED after 3.0 s"]


def test_a_terminal_gets_a_bar_for_each_stage() -> None:
    screen = io.StringIO()
    with showing(Terminal(Console(file=screen, force_terminal=True, width=120))) as shown:
        assert current() is shown
        shown.begin("ingest")
        shown.update("ingest", Progress(1, 2, 1.0, "files"))
        shown.end("ingest", 2.0)
        shown.begin("train")
        shown.end("train", 3.0, "TrainingError")
    assert "ingest" in screen.getvalue()
    assert "done after 2.0 s" in screen.getvalue()
    assert "FAILED after 3.0 s" in screen.getvalue()
    assert current() is None


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (
            Progress(12.3, 41.0, 0.07, "controller-years", "", 402.0),
            "12.3 of 41.0 controller-years, 6 min 42 s left",
        ),
        (
            Progress(123_456, 140_160, 9_876.5, "hours compared", "alternating extremes, bidirectional", 59.9),
            "123,456 of 140,160 hours compared, 59.9 s left",
        ),
        (
            Progress(99_840, 100_000, 180.2, "steps", "11 episodes, mean reward -0.412 an hour", 7_800.0),
            "99,840 of 100,000 steps, 2 h 10 min left",
        ),
    ],
)
def test_a_bar_is_one_whole_line_of_80_columns(progress: Progress, text: str) -> None:
    shown = Terminal(Console(file=io.StringIO(), force_terminal=True, width=80))
    shown.begin("train-sac")
    shown.update("train-sac", progress)
    (line,) = lines_of(shown)
    assert text in line
    assert line.rstrip().endswith("0:00:00")


def lines_of(shown: Terminal, width: int = 80) -> list[str]:
    shown.close()
    page = io.StringIO()
    Console(file=page, width=width).print(shown._bars.get_renderable())
    return page.getvalue().splitlines()


def units() -> set[str]:
    """Every unit that a stage counts, read from the code."""
    counted = set()
    texts = (path.read_text(encoding="utf-8") for path in (Path(__file__).parents[2] / "pvbesscar").rglob("*.py"))
    for text in texts:
        for call in ast.walk(ast.parse(text if "Progress" in text else "")):
            place = {"Progress": 3, "ProgressReporter": 1}.get(getattr(getattr(call, "func", None), "id", ""))
            if isinstance(call, ast.Call) and place is not None and len(call.args) > place:
                unit = call.args[place]
                counted |= {node.value for node in ast.walk(unit) if isinstance(node, ast.Constant)}
    return {str(unit) for unit in counted} | {"controller-years", "controller-days"}


def test_no_unit_that_is_counted_makes_a_line_of_80_columns_wrap() -> None:
    counted = units()
    assert {"steps", "hours compared", "tuned rules tried", "parts of the start"} <= counted
    for unit in counted:
        shown = Terminal(Console(file=io.StringIO(), force_terminal=True, width=80))
        for stage in STAGES:
            shown.begin(stage)
            shown.update(stage, Progress(999_840, 1_000_000, 180.2, unit, "11 episodes", 3_599.0))
        lines = lines_of(shown)
        assert len(lines) == len(STAGES)
        assert all(f"999,840 of 1,000,000 {unit}, 59 min 59 s left" in line for line in lines), unit


def test_a_narrow_terminal_cuts_a_line_and_does_not_wrap_it() -> None:
    shown = Terminal(Console(file=io.StringIO(), force_terminal=True, width=40))
    shown.begin("train-sac")
    shown.update("train-sac", Progress(999_840, 1_000_000, 180.2, "steps", "", 3_599.0))
    assert [len(line) <= 40 for line in lines_of(shown, 40)] == [True]
