"""The loop among processes and over the network: killed, doubled, kept waiting, told half of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pvbesscar.shadow import source
from pvbesscar.shadow.client import Api, RefusedError
from pvbesscar.shadow.loop import TELEMETRY_TOKEN, run_pass
from pvbesscar.shadow.source import AwayError, read_source
from pvbesscar.store.locks import BusyError, held
from schemas.dispatch import DispatchRequest, DispatchResponse
from schemas.errors import StaleError
from schemas.settings import Settings
from tests.shadow.servers import Told, serving
from tests.shadow.sites import ROOT_CONFIG, RuleService, book, example, frame, put, service, taken, with_shadow


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "PAUSE_S", 0.01)


@pytest.fixture
def short(small: Settings, tmp_path: Path) -> Settings:
    """The site with three days of telemetry."""
    return example(small, tmp_path / tmp_path.name, days=3)


class SlowService(RuleService):
    """Takes its time, so that a loop can be killed at any place."""

    def ask(self, request: DispatchRequest) -> DispatchResponse:
        time.sleep(0.005)
        return super().ask(request)


def test_a_loop_that_is_killed_again_and_again_leaves_no_hour_twice_and_none_out(
    short: Settings, small: Settings, tmp_path: Path
) -> None:
    whole = example(small, tmp_path / "whole", days=3)
    taken(whole)
    seen, digest = set[int](), service(short).digest
    for delay in (0.3, 0.35, 0.4, 0.45, 0.5, 0.55):
        pid = os.fork()
        if pid == 0:
            try:
                taken(short, SlowService(digest))
            finally:
                os._exit(0)
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        seen.add(sum(len(book(short).hours(day)) for day in book(short).days_with_hours()))
    assert len(seen) > 2, "the loop was never killed in the middle"
    taken(short)
    for day in ("2025-01-02", "2025-01-03"):
        assert book(short).hours(day) == book(whole).hours(day)
        decisions = book(short).folder / "decisions" / f"{day}.jsonl"
        assert len(decisions.read_text().splitlines()) == 24
    assert book(short).days() == book(whole).days()
    # What the killed have left beside their files is not taken for a day.
    assert book(short).days_with_hours() == ["2025-01-02", "2025-01-03"]


def test_two_loops_do_not_meet(short: Settings) -> None:
    with held(book(short).lock, "shadow of another process"), pytest.raises(BusyError, match="at work on this shadow"):
        taken(short)
    taken(short)


def test_a_shadow_does_not_go_on_with_another_dataset(short: Settings) -> None:
    with pytest.raises(StaleError, match="the service answers for dataset other"):
        taken(short, RuleService("other"))
    assert book(short).days_with_hours() == []
    taken(short)
    begun = book(short).begin()
    assert begun is not None
    book(short).write_begin(begun.model_copy(update={"dataset_digest": "another"}))
    with pytest.raises(StaleError, match="this shadow began on dataset another"):
        taken(short)


@pytest.fixture
def telemetry(short: Settings) -> Iterator[tuple[Settings, Told]]:
    """The same telemetry, at an address."""
    csv = Path(str(short.shadow.telemetry))
    with serving(lambda path, body: (200, csv.read_bytes()) if path == "/hours" else (404, b"")) as told:
        yield with_shadow(short, telemetry=f"{told.url}/hours", timeout_s=0.5, tries=3), told


@pytest.mark.parametrize("how", ["500", "503", "half", "slow"])
def test_telemetry_that_fails_once_is_asked_for_again(telemetry: tuple[Settings, Told], how: str) -> None:
    settings, told = telemetry
    told.behaviour += [how]
    text = read_source(str(settings.shadow.telemetry), "shadow.telemetry", settings.shadow).text
    assert len(text.splitlines()) == 73
    assert told.asked == ["/hours"] * 2


@pytest.mark.parametrize(
    ("how", "words"),
    [("500", "it answers 500"), ("half", "RemoteProtocolError"), ("slow", "ReadTimeout"), ("trickle", "not whole")],
)
def test_telemetry_that_does_not_come_ends_the_pass_and_nothing_is_lost(
    telemetry: tuple[Settings, Told], how: str, words: str
) -> None:
    settings, told = telemetry
    told.behaviour += [how] * 3
    with pytest.raises(AwayError, match=words) as caught:
        taken(settings)
    assert "named by `shadow.telemetry`" in caught.value.message
    assert book(settings).days_with_hours() == []
    assert taken(settings).counted == 48


def test_an_address_that_is_wrong_is_not_asked_again(telemetry: tuple[Settings, Told]) -> None:
    settings, told = telemetry
    wrong = with_shadow(settings, telemetry=f"{told.url}/nothing")
    with pytest.raises(AwayError, match="it answers 404"):
        taken(wrong)
    assert told.asked == ["/nothing"]


def test_half_a_body_whose_length_was_not_said_gives_whole_lines(telemetry: tuple[Settings, Told]) -> None:
    settings, told = telemetry
    told.behaviour += ["half-unsaid"]
    done = taken(settings)
    assert 0 < done.accounted < 48
    assert any("the last line is still being written" in note for note in done.notes)
    assert done.counted + taken(settings).counted == 48


def test_the_token_goes_with_the_question(telemetry: tuple[Settings, Told], monkeypatch: pytest.MonkeyPatch) -> None:
    settings, told = telemetry
    monkeypatch.setenv(TELEMETRY_TOKEN, "a-word-between-us")
    taken(settings)
    assert told.tokens == ["Bearer a-word-between-us"]


@pytest.fixture
def api(short: Settings) -> Iterator[tuple[Settings, Told]]:
    """The service that answers as the rule does, over HTTP."""
    own = service(short)

    def answer(path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/v1/model":
            return 200, own.describe().model_dump_json().encode()
        return 200, own.ask(DispatchRequest.model_validate_json(body)).model_dump_json().encode()

    with serving(answer) as told:
        yield with_shadow(short, api=told.url, timeout_s=0.5, tries=2), told


def test_the_service_is_asked_over_http(api: tuple[Settings, Told], small: Settings, tmp_path: Path) -> None:
    settings, told = api
    told.behaviour += ["500", "whole", "half"]
    done = run_pass(settings, Api(settings.shadow, "secret"))
    assert done.counted == 48
    assert set(told.tokens) == {"Bearer secret"}
    assert told.asked.count("/v1/model") == 2
    inside = example(small, tmp_path / "inside", days=3)
    taken(inside)
    assert book(settings).days() == book(inside).days()


def test_a_service_that_is_away_leaves_the_hour_for_the_next_pass(api: tuple[Settings, Told]) -> None:
    settings, told = api
    told.behaviour += ["whole"] * 8 + ["slow", "500"]
    with pytest.raises(AwayError, match=r"named by `shadow.api`\): no whole answer \(it answers 500"):
        run_pass(settings, Api(settings.shadow))
    before = len(book(settings).hours("2025-01-02"))
    assert before == 3
    assert run_pass(settings, Api(settings.shadow)).accounted == 45


def test_a_request_that_is_refused_is_told_in_the_words_of_the_service(api: tuple[Settings, Told]) -> None:
    settings, told = api
    told.behaviour += ["whole", "422"]
    with pytest.raises(RefusedError, match="it answers 422: not now"):
        run_pass(settings, Api(settings.shadow))


@pytest.mark.slow
def test_the_command_is_killed_in_the_middle_of_a_day(api: tuple[Settings, Told], tmp_path: Path) -> None:
    settings, _ = api
    config = tmp_path / "site.yaml"
    config.write_text(ROOT_CONFIG.format(root=settings.data.root, name=settings.shadow.name))
    own = [f"--{n}={getattr(settings.shadow, n)}" for n in ("telemetry", "sessions", "api")]
    command = [sys.executable, "-m", "pvbesscar.cli", "shadow", "--config", str(config), *own]
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    first = subprocess.Popen(command, env=env)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and len(book(settings).hours("2025-01-02")) < 5:
        time.sleep(0.01)
    first.kill()
    first.wait()
    assert 5 <= len(book(settings).hours("2025-01-02")) < 24
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=200, check=True)
    assert "Thu 02 Jan 2025: the site paid" in done.stdout
    assert "least possible" in done.stdout
    for day in ("2025-01-02", "2025-01-03"):
        hours = [row.hour for row in book(settings).hours(day)]
        assert hours == list(range(hours[0], hours[0] + 24 * 3600, 3600))


def test_a_shadow_waits_for_a_first_day(short: Settings) -> None:
    put(short, frame(short).iloc[:0])
    assert taken(short).notes == ("the shadow waits for a first day of telemetry",)
    Path(str(short.shadow.telemetry)).write_text("")
    assert taken(short).accounted == 0
