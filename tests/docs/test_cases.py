"""Cases of docs/evaluation.md are judged once, again where anything changed, and say of what they were made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pvbesscar.evaluation.evaluate import REPORT_FILE
from pvbesscar.store.stamps import machine
from schemas.results import EvaluationReport
from schemas.settings import Settings
from tests.evaluation.hand_made import ledger, scenario
from tools.docs import cases, evaluation, stamps, weights
from tools.docs.cases import Made, made_of, report_in


def case(root: Path, oe2: Path, **sections: object) -> Settings:
    """One case of the page, with other settings where they are given."""
    own = evaluation.settings_of("iquitos_mt", "dispatch", oe2, root / "case")
    return Settings.model_validate(own.model_dump(mode="json") | sections)


RULE = ("baseline", ledger("rule", co2_kg=100.0))
REPORT = EvaluationReport(
    scenario="iquitos_mt", profile="smoke", mode="dispatch", guard=True, forecast="causal", dataset_digest="d" * 64,
    scenarios=(scenario(None, {"rule": RULE}),), missing={},
)  # fmt: skip
"""The rule on two hours."""


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Cases that were judged; one report stands for each."""
    done: list[Settings] = []

    def judge(settings: Settings) -> None:
        done.append(settings)
        folder = settings.data.root / "outputs" / "evaluation"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / REPORT_FILE).write_text(REPORT.model_dump_json())

    monkeypatch.setattr(evaluation, "judge", judge)
    return done


def test_a_case_is_judged_again_where_anything_of_it_changed(
    tmp_path: Path, judged: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    oe2 = tmp_path / "oe2"
    oe2.mkdir()
    (oe2 / "mall.csv").write_text("1\n")
    assert evaluation.bring(case(tmp_path, oe2))
    assert not evaluation.bring(case(tmp_path, oe2))
    assert evaluation.bring(case(tmp_path, oe2, seed=7))
    (oe2 / "mall.csv").write_text("2\n")
    assert evaluation.bring(case(tmp_path, oe2, seed=7))
    shutil.move(oe2, tmp_path / "elsewhere")  # the same files in another place
    assert not evaluation.bring(case(tmp_path, tmp_path / "elsewhere", seed=7))
    monkeypatch.setattr(cases, "code_digest", lambda *_: "0" * 64)
    assert evaluation.bring(case(tmp_path, tmp_path / "elsewhere", seed=7))
    assert len(judged) == 4


def test_a_case_that_was_broken_off_is_not_there(
    tmp_path: Path, judged: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = case(tmp_path, tmp_path)

    def break_off(_: Settings) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(evaluation, "judge", break_off)
        with pytest.raises(KeyboardInterrupt):
            evaluation.bring(settings)
    assert made_of(settings.data.root) is None
    assert evaluation.tables(settings) is None
    assert evaluation.bring(settings)
    # Judged anew and broken off on the way, it is not taken for what it was before.
    with monkeypatch.context() as broken:
        broken.setattr(evaluation, "judge", break_off)
        broken.setattr(cases, "code_digest", lambda *_: "0" * 64)
        with pytest.raises(KeyboardInterrupt):
            evaluation.bring(settings)
    assert made_of(settings.data.root) is None
    assert len(judged) == 1


def test_tables_say_code_processor_and_that_prices_are_an_example(
    tmp_path: Path, judged: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "what_is_open", lambda _settings, judged: f"Open on {judged.scenario}.")
    settings = case(tmp_path, tmp_path)
    evaluation.bring(settings)
    made = made_of(settings.data.root)
    assert report_in(settings.data.root) == REPORT
    assert made is not None
    assert made.processor == machine()
    text = evaluation.tables(settings)
    assert text is not None
    head, _, rest = text.partition("\n\n")
    assert head.startswith(f"Dataset `dddddddddddd`, {made.stamp}. EXAMPLE PRICES: ")
    assert "| rule |" in rest
    assert rest.endswith(f"Open on {REPORT.main.scenario}.")
    kept = weights.kept()[0].model_copy(update={"made": made.stamp})
    assert weights.part([kept]).splitlines()[0].endswith(f"{made.stamp}:")
    assert len(judged) == 1


def test_parts_of_the_page_that_are_older_than_their_code_are_told(tmp_path: Path) -> None:
    now = Made(settings="0", inputs="0", code=cases.code_digest(*cases.CODE), processor="a processor")
    page = tmp_path / "evaluation.md"

    def older(tables: str, weighed: str) -> dict[str, str]:
        parts = ("<!-- tables: A -->", tables, "<!-- end of tables -->", "<!-- weights: B -->", weighed)
        page.write_text("\n".join([*parts, "<!-- end of weights -->"]))
        return stamps.older_parts(page)

    old = now.model_copy(update={"code": "1" * 64}).stamp
    assert older(now.stamp, now.stamp) == {}
    names = ", ".join(f"`{name}`" for name in cases.CODE)
    assert older(f"{now.stamp}\n{old}", "code not recorded") == {
        "A": f"the code of {names} has changed since",
        "B": "it does not say with which code it was made",
    }
    written = stamps.EVALUATION.read_text(encoding="utf-8")
    assert [command for _, command, _ in stamps.BLOCKS.findall(written)] == [
        "python -m tools.docs.evaluation", "python -m tools.docs.weights",
    ]  # fmt: skip
