"""What a person sees of a run."""

from __future__ import annotations

import io

from rich.console import Console

from pvbesscar.display import Lines, Terminal, current, duration, progress_text, showing
from schemas.progress import Progress


def test_durations_are_in_the_words_of_a_person() -> None:
    assert [duration(seconds) for seconds in (4.24, 59.9, 185, 7800)] == ["4.2 s", "59.9 s", "3 min 5 s", "2 h 10 min"]


def test_progress_says_rate_and_time_left() -> None:
    assert progress_text(Progress(1000, 5000, 40.0, "steps")) == "1,000 of 5,000 steps (40.0/s, 1 min 40 s left)"
    assert progress_text(Progress(0, 5000, 0.0, "steps")) == "0 of 5,000 steps (0.0/s)"
    assert progress_text(Progress(5008, 5000, 40.0, "steps")) == "5,008 of 5,000 steps (40.0/s)"


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
