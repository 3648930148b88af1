"""The counts of what other tools see are those that they give, on a sample; the slow part is `detectors` itself."""

from __future__ import annotations

import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pvbesscar.quality.year.context import QualityContext
from tests.quality import detectors
from tests.quality.blind_faults import BlindFault
from tests.quality.detectors import CATALOGUES, COUNTS, DETECTORS, RUNS, named, sees, spoilt_by
from tests.quality.faults import Fault

RUN = RUNS[7]
"""Iquitos: the year that the sample is planted in."""

SAMPLE = tuple((catalogue, fault) for catalogue, faults in CATALOGUES.items() for fault in faults[::8])


@pytest.fixture(scope="module")
def counts() -> Any:
    return json.loads(COUNTS.read_text(encoding="utf-8"))


def test_the_counts_are_of_every_kind_in_every_year(counts: Any) -> None:
    assert set(counts) == set(DETECTORS)
    for tool in DETECTORS:
        for catalogue, faults in CATALOGUES.items():
            seen = counts[tool]["seen"][catalogue]
            assert list(seen) == [fault.kind for fault in faults]
            assert all(len(years) == len(RUNS) and set(years) <= {"0", "1"} for years in seen.values())
        assert counts[tool]["years"] == [named(*run) for run in RUNS]


@pytest.mark.parametrize("tool", DETECTORS)
@pytest.mark.parametrize(("catalogue", "fault"), SAMPLE, ids=lambda one: getattr(one, "kind", one))
def test_a_tool_sees_what_the_counts_say(counts: Any, tool: str, catalogue: str, fault: Fault | BlindFault) -> None:
    if find_spec(tool) is None:
        assert tool == "pvanalytics", "a dependency of the project"
        pytest.skip("pvanalytics is not installed; it is no dependency, and its counts were made where it was")
    if (here := version(tool)) != (there := counts[tool]["version"]):
        pytest.skip(f"{tool} {here} is installed, the counts are of {there}: python -m tests.quality.detectors")
    year = counts[tool]["years"].index(named(*RUN))
    assert "01"[sees(tool, spoilt_by(fault, *RUN), *RUN)] == counts[tool]["seen"][catalogue][fault.kind][year]


def test_a_check_that_flags_a_clean_year_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DETECTORS, "pandera", lambda *_: iter([("always", lambda: True)]))  # type: ignore[arg-type]
    detectors.flags_of_the_clean.cache_clear()
    assert not sees("pandera", spoilt_by(SAMPLE[0][1], *RUN), *RUN)
    detectors.flags_of_the_clean.cache_clear()


def test_a_year_that_did_not_change_has_nothing_to_look_at(clean: QualityContext) -> None:
    assert detectors.changed(clean, clean) == {}
    spoilt = spoilt_by(next(f for f in CATALOGUES["known"] if f.kind == "PV in W"), *RUN)
    assert detectors.changed(spoilt, detectors.year_at(*RUN)) == {"pv": ("pv_kwh",)}


def test_the_column_of_a_tool_that_is_not_here_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, counts: Any
) -> None:
    monkeypatch.setattr(detectors, "COUNTS", tmp_path / "detectors.json")
    (tmp_path / "detectors.json").write_text(json.dumps(counts), encoding="utf-8")
    monkeypatch.setattr(detectors, "available", lambda: ("pandera", "great_expectations"))
    fresh = {"version": "0", "years": [], "seen": {}, "useless": {}}
    monkeypatch.setattr(detectors, "measure", lambda tools: dict.fromkeys(tools, fresh))
    with pytest.raises(SystemExit, match="pvanalytics: not installed here; its column is left"):
        detectors.main()
    written = json.loads((tmp_path / "detectors.json").read_text(encoding="utf-8"))
    assert written == counts | dict.fromkeys(("pandera", "great_expectations"), fresh)
