"""The page: it says what the result files say, whatever is missing, and loads nothing from anywhere."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pvbesscar.remedies import calling
from pvbesscar.report.inputs import read_inputs
from pvbesscar.report.pictures import pictures
from pvbesscar.store.files import read_json, sha256_file, write_json, write_parquet, write_text
from pvbesscar.store.workspace import Workspace
from schemas.results import DatasetManifest, Provenance
from schemas.settings import AGENTS, Settings
from tests.report.made import (
    EXPANDED,
    HOSTILE,
    Reader,
    ledger,
    page_of,
    report_of,
    words,
    write_evaluation,
    write_training,
)


def digest_of(workspace: Workspace) -> str:
    return DatasetManifest.model_validate(read_json(workspace.dataset / "manifest.json")).digest


def test_the_first_lines_say_whether_the_data_is_sound_and_measured(settings: Settings, workspace: Workspace) -> None:
    text = words(page_of(settings, workspace))
    # The settings call generation and demand synthetic too; provenance knows nothing of it.
    assert text.startswith(
        "Data accepted. 0 errors, 1 warning from 2 rules. Quality report "
        "NOT all measured. SYNTHETIC DATA: weather is generated, not measured."
    )


def test_the_words_on_the_data_are_those_of_provenance_not_of_the_settings(
    settings: Settings, workspace: Workspace
) -> None:
    path = workspace.canonical / "provenance.json"
    made = Provenance.model_validate(read_json(path))
    step = "scaled by 0.5 from 6,000.00 kWh to the declared 3,000 kWh (`mall.scale_to_declared`)"
    mall = EXPANDED.model_copy(update={"series": "mall", "transformations": (step,)})
    write_text(path, made.model_copy(update={"series": (mall,)}).model_dump_json())
    text = words(page_of(settings, workspace))
    assert "Measured. No synthetic data: all inputs are read from files." in text
    assert step in text
    assert "Vehicles are assumed to stay" not in text  # nothing says that stays were assumed
    path.unlink()
    assert "NOT all measured. ORIGIN UNKNOWN" in words(page_of(settings, workspace))


def test_what_the_year_adds_up_to_is_said(settings: Settings, workspace: Workspace) -> None:
    text = words(page_of(settings, workspace))
    facts = DatasetManifest.model_validate(read_json(workspace.dataset / "manifest.json")).facts
    assert "hours 8,760" in text
    assert f"vehicles, at the charger {facts.ev_kwh:,.0f} {settings.ev.declared_kwh:,.0f} kWh" in text
    assert f"PV yield {facts.pv_yield_kwh_per_kwp:,.1f}" in text
    assert "Vehicles are assumed to stay 3 h (ev.dwell_hours)" in text
    assert "32 charger columns were spread over 128 sockets" in text
    assert f"never added to grid CO2 {facts.ev_kwh * 2.146:,.0f}" in text
    assert "battery mode dispatch, forecast causal, profile smoke" in text


def test_commands_are_those_of_the_run(settings: Settings, workspace: Workspace) -> None:
    write_evaluation(workspace, settings, digest_of(workspace), missing={"a2c": "gone, run `pvbesscar train a2c`."})
    given = ["bess.capacity_kwh=5000", "name=my plant"]
    with calling(Path("plants/other.yaml"), given, "smoke"):
        text = words(page_of(settings, workspace))
    config, overrides = "--config plants/other.yaml", "--set bess.capacity_kwh=5000 --set 'name=my plant'"
    assert f"pvbesscar run {config} --profile smoke {overrides}" in text
    assert text.count(f"gone, run `pvbesscar train a2c {config} {overrides} --profile smoke`.") == 2
    assert text.count("pvbesscar ") == 3


def test_waived_findings_are_said_and_kept(settings: Settings, workspace: Workspace) -> None:
    assert "accepted by the configuration" not in words(page_of(settings, workspace))
    path = workspace.quality / "quality_report.json"
    raw = read_json(path)
    raw["findings"][0]["waiver"] = {"reason": "seen by the engineer in charge", "until": "2026-12-31"}
    write_json(path, raw)
    text = words(page_of(settings, workspace))
    assert text.index("1 finding is accepted by the configuration for a while.") < text.index("Deploy")
    assert "waived until 2026-12-31: seen by the engineer in charge" in text


def test_a_finding_on_the_weather_is_drawn_on_the_year_that_was_judged(
    settings: Settings, workspace: Workspace
) -> None:
    path = workspace.quality / "quality_report.json"
    raw = read_json(path)
    stretch = {"first": 48, "last": 50, "first_stamp": "2025-01-03 00:00", "last_stamp": "2025-01-03 02:00"}
    raw["findings"][0] |= {"source": "weather (synthetic)", "column": "ghi_w_m2", "hours": [stretch]}
    write_json(path, raw)
    assert 'id="figure-finding-night"' in page_of(settings, workspace)
    # Another year than the one judged shows nothing of it.
    write_text(workspace.canonical / "weather.parquet", "another year")
    assert "weather" not in read_inputs(settings, workspace, "smoke", {}).judged()


def test_what_is_missing_is_named_on_the_first_screen(settings: Settings, workspace: Workspace) -> None:
    text = words(page_of(settings, workspace, ppo="killed by signal 9"))
    banner = text[text.index("PARTIAL") : text.index("Deploy")]
    assert "2 parts are missing" in banner
    assert "a2c : checkpoints/A2C/a2c_final_model.zip is missing." in banner
    assert "ppo : killed by signal 9" in banner
    assert "PPO failed in this run; its rows below are of an earlier training" in banner


def test_a_whole_run_has_no_banner(settings: Settings, workspace: Workspace) -> None:
    write_training(workspace, settings, "a2c", digest_of(workspace))
    write_evaluation(workspace, settings, digest_of(workspace), missing={})
    assert "PARTIAL" not in page_of(settings, workspace)


def test_the_tables_have_six_figures_then_all_terms(settings: Settings, workspace: Workspace) -> None:
    text = words(page_of(settings, workspace))
    # 0.5 * 420 / 1000 + 0.2 * 10 / 500 and 0.5 * 380 / 1000 + 0.2 * 90 / 500.
    # From the rule to J* 0.24 - 0.2 is open.
    assert "sac yes 0 420 0.0 65.0 %" in text
    assert "rule yes 0 400 0.0 0.0 %" in text
    assert "sac trained agent 0.21400 420 10 0 0.0 0 97.20 %" in text
    assert "ppo trained agent 0.22600 380 90" in text
    assert "no-control baseline 0.70000 1,000" in text
    assert "a2c : checkpoints/A2C/a2c_final_model.zip is missing." in text
    # 0.2 * 95 / 500 of unused PV, 0.5 * 3.6 / 1000 of CO2, and 0.0002 from the plan to the bound.
    assert "CO2, kg 400 396 -4 0.00180 PV exported or curtailed, kWh 100 5 -95 0.03800" in text
    assert "plan replayed to bound J* 0.00020 J(rule) - J* 0.04000" in text
    assert "J* = 0.20000: no controller can score below it on these hours. Its plan" in text
    assert "solar, kWh" not in text


def test_equal_controllers_share_a_row_and_oracles_stand_apart(settings: Settings, workspace: Workspace) -> None:
    report = report_of(workspace)
    for scenario in report["scenarios"]:
        sac = next(one for one in scenario["ranking"] if one["controller"] == "sac")
        scenario["ranking"].append(sac | {"controller": "mpc-perfect-day", "kind": "baseline"})
        scenario["ranking"].append(sac | {"controller": "constant-1", "kind": "constant"})
    report["sets"] = []
    write_json(workspace.evaluation / "evaluation_report.json", report)
    page = page_of(settings, workspace)
    assert '<th scope="row">sac = constant-1</th>' in page
    oracles = page[page.index('id="oracles-nominal"') :]
    oracles = oracles[: oracles.index("</table>")]
    assert "mpc-perfect-day" in oracles
    assert "no, told the future" in oracles
    assert "1,234.5" in oracles  # the peak of the plan
    controllers = page[page.index('id="controllers-nominal"') :]
    assert "mpc-perfect-day" not in controllers[: controllers.index("</table>")]


def test_each_table_and_figure_is_a_file_with_all_digits(settings: Settings, workspace: Workspace) -> None:
    page = page_of(settings, workspace)
    linked = {a["href"] for tag, a in Reader(page).tags if tag == "a" and str(a.get("href")).endswith(".csv")}
    files = {path.name for path in workspace.report.glob("*.csv")}
    assert linked == files
    terms = pd.read_csv(workspace.report / "terms-nominal.csv").set_index("controller")
    assert terms.loc["sac", "J"] == pytest.approx(0.214, abs=1e-12)
    assert terms.loc["sac", "PV exported or curtailed, kWh"] == 10.0
    assert terms.loc["sac", "captured share"] == pytest.approx(97.2)


def test_nothing_is_loaded_and_only_the_pages_own_scripts_run(settings: Settings, workspace: Workspace) -> None:
    page = page_of(settings, workspace)
    reader = Reader(page)
    # The settings are shown in full; the address of this machine's own service is one of them.
    told = page.replace(settings.shadow.api, "")
    assert "http://" not in told
    assert "https://" not in told
    tags = {tag for tag, _ in reader.tags}
    assert not tags & {"link", "iframe", "object", "img"}
    for tag, attributes in reader.tags:
        for place in ("src", "href", "xlink:href"):
            address = attributes.get(place) or "#"
            here = address.startswith(("#", "data:image/png")) or address.endswith(".csv")
            assert here or address == "../quality/quality_report.html", (tag, address)
    content = {a["http-equiv"]: a["content"] for tag, a in reader.tags if tag == "meta" and "http-equiv" in a}
    policy = str(content["Content-Security-Policy"])
    assert policy.startswith("default-src 'none';")
    assert "script-src 'sha256-" in policy
    assert "unsafe-eval" not in policy
    assert reader.open == []


def test_hostile_names_are_text(settings: Settings, workspace: Workspace) -> None:
    page = page_of(settings, workspace, **{HOSTILE: f"died of {HOSTILE}"})
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;") >= 4


def test_the_page_can_be_read_aloud(settings: Settings, workspace: Workspace) -> None:
    reader = Reader(page_of(settings, workspace))
    drawings = [attributes for tag, attributes in reader.tags if tag == "svg"]
    assert len(drawings) == 5
    assert all(a["role"] == "img" and len(a["aria-label"] or "") > 20 for a in drawings)
    heads = [attributes for tag, attributes in reader.tags if tag == "th"]
    assert all(a.get("scope") in {"col", "row"} for a in heads)
    assert ("html", {"lang": "en"}) in reader.tags
    assert any(a.get("name") == "viewport" for tag, a in reader.tags if tag == "meta")
    ids = [a["id"] for _, a in reader.tags if a.get("id")]
    assert len(ids) == len(set(ids))


def test_pictures_are_the_ranking_and_a_week_of_the_recommended_controller(
    settings: Settings, workspace: Workspace
) -> None:
    found = pictures(settings, workspace, "smoke")
    assert {name: picture.words for name, picture in found.items()} == {
        "key-figure": "A week of sac (first)",
        "kpi-chart": "J and its terms, by controller",
    }
    assert all(picture.address.startswith("data:image/svg+xml;base64,") for picture in found.values())


def test_the_same_results_give_the_same_page(settings: Settings, workspace: Workspace) -> None:
    assert page_of(settings, workspace) == page_of(settings, workspace)


def test_a_page_is_made_of_nothing_too(settings: Settings, tmp_path: Path) -> None:
    text = words(page_of(settings, Workspace(tmp_path / "empty", "none"), ingest="no file"))
    for what in ("ingest : no file", "dataset :", "provenance :", "quality report :", "evaluation :", "sac :", "a2c :"):
        assert what in text
    assert "No recommendation No controller was judged on this dataset." in text
    assert "There is no ledger of an evaluation to draw." in text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"dataset_digest": "f" * 64}, "judged another dataset"), ({"profile": "full"}, "is of profile full")],
)
def test_an_evaluation_of_something_else_is_not_shown(
    changes: dict[str, str], reason: str, settings: Settings, workspace: Workspace
) -> None:
    write_evaluation(workspace, settings, digest_of(workspace), **changes)
    text = words(page_of(settings, workspace)).replace("`", "")
    assert reason in text
    assert "No recommendation" in text
    assert "trained agent" not in text


def test_results_of_another_dataset_are_not_shown(settings: Settings, workspace: Workspace) -> None:
    for agent in AGENTS:
        write_training(workspace, settings, agent, "f" * 64)
    text = words(page_of(settings, workspace))
    assert "sac : the training that is there used another dataset (ffffffffffff)." in text
    assert "reward after" not in text


def test_a_ledger_that_is_not_the_judged_one_is_not_drawn(settings: Settings, workspace: Workspace) -> None:
    write_parquet(workspace.evaluation / "ledgers" / "nominal" / "sac.parquet", ledger("sac", 1.0, 1.0).frame)
    assert "A week of sac" not in words(page_of(settings, workspace))


def test_a_broken_result_file_is_named(settings: Settings, workspace: Workspace) -> None:
    write_json(workspace.quality / "quality_report.json", {"rules": 3})
    assert "quality report : outputs/quality/quality_report.json can not be read" in words(page_of(settings, workspace))


def test_files_stand_with_their_digests(settings: Settings, workspace: Workspace) -> None:
    text = words(page_of(settings, workspace))
    path = workspace.evaluation / "evaluation_report.json"
    assert f"outputs/evaluation/evaluation_report.json {path.stat().st_size:,} {sha256_file(path)}" in text
    assert "outputs/report" not in text


def test_validation_by_steps_is_drawn_where_it_was_written_down(settings: Settings, workspace: Workspace) -> None:
    assert "No validation was written down while the agents were trained" in words(page_of(settings, workspace))
    looks = pd.DataFrame({"steps": [0, 500, 1000], "j": [0.24, 0.23, 0.22], "gap_closed": [0.0, 0.25, 0.5]})
    write_text(workspace.training("sac") / "sac_validation.csv", looks.to_csv(index=False))
    text = words(page_of(settings, workspace))
    assert "Gap closed on validation against steps" in text
    assert "Gap closed at the last look: SAC 50.0 %." in text
    assert "SAC 500 0.23000 25.0 %" in text
    write_text(workspace.training("sac") / "sac_validation.csv", looks.drop(columns="j").to_csv(index=False))
    assert "sac validation : outputs/sac_training/sac_validation.csv has no column `j`." in words(
        page_of(settings, workspace)
    )
