"""Waivers: accepted for a while and shown, never for false solar."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from pvbesscar.lineage.context import RunContext
from pvbesscar.lineage.scenario import load_scenario as load_settings
from pvbesscar.lineage.stages import STAGES
from pvbesscar.quality.gate import accepted, validate
from pvbesscar.quality.waivers import day_of
from pvbesscar.quality.year.context import QualityContext
from pvbesscar.quality.year.judge import judge
from pvbesscar.quality.year.rules import YEAR_RULES
from schemas.errors import ConfigError, QualityError
from schemas.settings import Settings
from tests.quality.years import IQUITOS, clean_weather, context_of, settings_for, spoil, write_year

REASON = "metered on site by the engineer in charge"


def waiver(rule: str, until: str = "2026-06-30") -> dict[str, Any]:
    return {"rule": rule, "reason": REASON, "until": until}


def year_with(root: Path, *waivers: dict[str, Any], date: str = "2026-06-30") -> QualityContext:
    settings = settings_for(IQUITOS, root, date=date, quality={"waivers": waivers})
    return context_of(settings, clean_weather(IQUITOS))


def outage(year: QualityContext) -> QualityContext:
    """A fault that is a warning."""
    return spoil(year, "mall", slice(100, 104), mall_kwh=0.0)


def more_mall(year: QualityContext) -> QualityContext:
    """A fault that is an error, and waivable."""
    return spoil(year, "mall", slice(None), mall_kwh=year.values("mall", "mall_kwh") * 1.5)


def test_a_waived_warning_keeps_its_severity_and_is_shown_first(tmp_path: Path) -> None:
    year = outage(year_with(tmp_path, waiver("mall.outage")))
    workspace = write_year(year)
    report = validate(year.settings, workspace)
    (finding,) = report.findings
    assert (finding.rule, finding.severity) == ("mall.outage", "warning")
    assert finding.waiver is not None
    assert (finding.waiver.reason, str(finding.waiver.until)) == (REASON, "2026-06-30")
    stored = json.loads((workspace.quality / "quality_report.json").read_text(encoding="utf-8"))
    assert stored["findings"][0]["waiver"] == {"reason": REASON, "until": "2026-06-30"}
    assert stored["judged_on"] == "2026-06-30"
    page = (workspace.quality / "quality_report.html").read_text(encoding="utf-8")
    assert page.index(REASON) < page.index("Where the data comes from")
    assert "judged on 2026-06-30" in page


def test_a_waived_error_does_not_stop_the_run_nor_the_build(tmp_path: Path) -> None:
    year = more_mall(year_with(tmp_path, waiver("energy.mall_declared")))
    workspace = write_year(year)
    report = validate(year.settings, workspace)
    assert [(f.rule, f.severity) for f in report.waived] == [("energy.mall_declared", "error")]
    assert report.errors == ()
    assert accepted(workspace).canonical_digest == report.canonical_digest


def test_a_waiver_holds_through_its_last_day_and_not_after(tmp_path: Path) -> None:
    year = more_mall(year_with(tmp_path, waiver("energy.mall_declared", "2026-06-29"), date="2026-06-30"))
    with pytest.raises(QualityError, match=r"energy\.mall_declared") as caught:
        validate(year.settings, write_year(year))
    assert "1 error, 1 other finding." in str(caught.value)
    seen = {finding.rule: finding for finding in judge(year)}
    assert seen["waiver.expired"].message == "the waiver of `energy.mall_declared` ended on 2026-06-29"
    assert seen["waiver.expired"].severity == "warning"
    assert seen["energy.mall_declared"].waiver is None


def test_a_waiver_that_matches_nothing_is_said(tmp_path: Path) -> None:
    year = year_with(tmp_path, waiver("mall.outage"), waiver("tariff.constant"))
    findings = judge(year)
    assert [(f.rule, f.severity) for f in findings] == [("waiver.unused", "info")] * 2
    assert "`mall.outage` matches nothing" in findings[0].message
    assert findings[0].source == "configuration `iquitos`"


@pytest.mark.parametrize("rule", [known.id for known in YEAR_RULES.all() if not known.waivable])
def test_false_data_can_not_be_waived_at_the_gate(rule: str, tmp_path: Path) -> None:
    settings = settings_for(IQUITOS, tmp_path, quality={"waivers": [waiver(rule)]})
    year = context_of(settings, clean_weather(IQUITOS)) if rule == "solar.all_zero" else None
    with pytest.raises(ConfigError, match=f"rule `{rule}` .* can not be waived"):
        validate(settings, write_year(year) if year else None)  # type: ignore[arg-type] (refused before it is read)


def config(tmp_path: Path, *waivers: dict[str, Any]) -> Settings:
    path = tmp_path / "scenario.yaml"
    raw = settings_for(IQUITOS).model_dump(mode="json") | {"quality": {"waivers": waivers}}
    path.write_text(json.dumps(raw), encoding="utf-8")
    return load_settings(path).settings


def test_false_solar_can_not_be_waived_in_a_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`quality.waivers.1`: rule `solar.all_zero` .* can not be waived") as caught:
        config(tmp_path, waiver("mall.outage"), waiver("solar.all_zero"))
    assert caught.value.exit_code == 2
    assert "remove the waiver and mend the data: export the irradiance" in str(caught.value)


def test_an_unknown_rule_is_refused_with_the_nearest_known_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`mall.outages` is no rule .* did you mean `mall.outage`"):
        config(tmp_path, waiver("mall.outages"))


def test_a_rule_is_waived_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"rule `mall.outage` is waived a second time"):
        config(tmp_path, waiver("mall.outage"), waiver("mall.outage", "2027-01-01"))


@pytest.mark.parametrize("change", [{"reason": "ok"}, {"until": "some day"}, {"rule": ""}, {"forever": True}])
def test_a_waiver_needs_a_rule_a_reason_and_a_day(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"quality\.waivers"):
        config(tmp_path, waiver("mall.outage") | change)


def test_a_waiver_can_be_set_on_the_command_line(repo_root: Path) -> None:
    override = f"quality.waivers=[{{rule: mall.outage, reason: {REASON}, until: 2026-06-30}}]"
    settings = load_settings(repo_root / "config" / "iquitos_mall.yaml", [override]).settings
    assert [(w.rule, str(w.until)) for w in settings.quality.waivers] == [("mall.outage", "2026-06-30")]


def test_a_waiver_ends_with_a_day_of_the_site(monkeypatch: pytest.MonkeyPatch, repo_root: Path) -> None:
    settings = load_settings(repo_root / "config" / "iquitos_mall.yaml").settings
    in_the_evening = dt.datetime(2026, 3, 1, 1, 30, tzinfo=dt.UTC)
    monkeypatch.setattr("pvbesscar.quality.waivers.now", lambda: in_the_evening)
    assert day_of(settings) == dt.date(2026, 2, 28)  # 20:30 in Lima
    own = {"quality": {"waivers": [waiver("mall.spike", "2026-02-28")]}}
    waived = Settings.model_validate(settings.model_dump(mode="json") | own)
    assert STAGES["validate"].facts(RunContext(waived, "smoke")) == {"day for the waivers": "2026-02-28"}
