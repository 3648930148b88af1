"""What hangs on the weights, and the departure guard off: every figure is made again from the terms that are stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvbesscar.controllers.baselines import NoControl
from pvbesscar.evaluation.bound import Bound
from pvbesscar.evaluation.evaluate import EvaluationRequest, evaluate
from pvbesscar.evaluation.front import correlation, named_weightings, sweeps, trade_offs, weighted
from pvbesscar.evaluation.service import tolerance_kwh, unavoidable_kwh
from pvbesscar.plant.data import load_plant
from pvbesscar.plant.twin import Twin
from pvbesscar.simulation.rollout import rollout
from pvbesscar.simulation.windows import Stretch
from pvbesscar.store.files import read_json
from pvbesscar.store.workspace import Workspace
from schemas.results import EvaluationReport
from schemas.settings import Settings, WeightSettings
from tests.builders import mini_dataset, session
from tests.mini_site import mini_site, with_training

FIELDS = ("co2_kg", "solar_kwh", "cost_pen", "ev_short_kwh", "ramping_kwh")
EVALUATED = ("rule", "constant-1", "a2c-untrained")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    # Policies whose first actions are in the middle of the box: other terms than the rule's, and vehicles left short.
    return with_training(mini_site(tmp_path_factory.mktemp("front")), policy="mlp")


@pytest.fixture(scope="module")
def report(settings: Settings) -> EvaluationReport:
    request = EvaluationRequest("smoke", EVALUATED, nominal_on="twin")
    return evaluate(settings, Workspace.of(settings), "smoke", request=request, workers=1)


@pytest.fixture(scope="module")
def stored(report: EvaluationReport, settings: Settings) -> dict[str, Any]:
    """The report as a reader finds it."""
    content: dict[str, Any] = read_json(Workspace.of(settings).evaluation / "evaluation_report.json")
    return content


def j_of(terms: dict[str, float], reference: dict[str, float], weights: dict[str, float]) -> float:
    assert all(reference[name] > 0.0 for name in FIELDS)
    return sum(w * terms[name] / reference[name] for name, w in zip(FIELDS, weights.values(), strict=True))


def test_weights_add_up_to_one_and_keep_their_ratios() -> None:
    own = WeightSettings()
    named = named_weightings(own)
    assert list(named) == ["as set", "cost alone", "CO2 alone", "without ramping"]
    without = named["without ramping"]
    assert without.grid_stability == 0.0
    assert (without.co2, without.ev_service) == pytest.approx((0.50 / 0.95, 0.10 / 0.95))
    assert weighted(cost=3.0, grid_stability=1.0).model_dump() == {
        "co2": 0.0, "solar": 0.0, "cost": 0.75, "ev_service": 0.0, "grid_stability": 0.25,
    }  # fmt: skip
    # All weight on ramping: without it nothing is left to judge by.
    assert "without ramping" not in named_weightings(weighted(grid_stability=1.0))


def test_every_optimum_is_the_score_of_its_terms_and_nobody_is_below_it(
    stored: dict[str, Any], settings: Settings
) -> None:
    main, found = stored["scenarios"][0], stored["trade_offs"]
    assert [own["name"] for own in found["optima"]] == ["as set", *sweeps(settings.weights)]
    assert found["optima"][0]["bound"] == main["optimum"]["bound"]
    for own in found["optima"]:
        assert own["replay"] == pytest.approx(j_of(own["terms"], main["reference"], own["weights"]), rel=1e-12)
        assert own["bound"] <= own["replay"]
        for result in main["ranking"]:
            assert own["bound"] <= j_of(result["terms"], main["reference"], own["weights"]), own["name"]


def test_who_wins_is_made_of_the_terms_of_the_ranking(stored: dict[str, Any]) -> None:
    main, found = stored["scenarios"][0], stored["trade_offs"]
    for own in found["weightings"]:
        scores = {r["controller"]: j_of(r["terms"], main["reference"], own["weights"]) for r in main["ranking"]}
        assert {s["controller"]: s["score"] for s in own["scores"]} == pytest.approx(scores, rel=1e-12)
        assert set(own["winners"]) == {name for name, value in scores.items() if value - min(scores.values()) < 1e-6}
        # In `dispatch` the action 1 is the rule.
        assert "rule" not in own["winners"] or "constant-1" in own["winners"]
    first = found["weightings"][0]
    assert {s["controller"]: s["score"] for s in first["scores"]} == pytest.approx(
        {r["controller"]: r["score"] for r in main["ranking"]}, rel=1e-12
    )


def test_less_ramping_is_not_had_for_less_cost(report: EvaluationReport) -> None:
    assert report.trade_offs is not None
    front = report.trade_offs.front("cost")
    ramping, cost = ([getattr(own.terms, name) for own in front] for name in ("ramping_kwh", "cost_pen"))
    assert ramping == sorted(ramping)
    assert np.all(np.diff(cost) < 0.0)
    # Who is not on the front is beaten, or equalled, by one that is.
    swept = [own.terms for own in report.trade_offs.optima if own.sweep == "cost"]
    assert len(swept) > len(front) >= 1
    for own in swept:
        assert any(r <= own.ramping_kwh and c <= own.cost_pen for r, c in zip(ramping, cost, strict=True))


def test_correlations_are_those_of_pandas(report: EvaluationReport, settings: Settings) -> None:
    assert report.trade_offs is not None
    totals = pd.DataFrame([r.terms.model_dump() for r in report.main.ranking])
    assert report.trade_offs.co2_cost_over_controllers == pytest.approx(totals["co2_kg"].corr(totals["cost_pen"]))
    hours = pd.read_parquet(Workspace.of(settings).evaluation / "ledgers" / "nominal" / "no-control.parquet")
    assert report.trade_offs.co2_cost_over_hours == pytest.approx(hours["co2_kg"].corr(hours["cost_pen"]))
    assert correlation([(0.0, 0.0), (1.0, 2.0), (2.0, 1.0)]) == pytest.approx(0.5)
    # Two points always lie on a line, and what does not vary goes with nothing.
    assert correlation([(0.0, 0.0), (1.0, 2.0), (1.0, 2.0)]) is None
    assert correlation([(0.0, 0.0), (0.0, 2.0), (0.0, 1.0)]) is None


def test_who_is_told_the_future_wins_nothing(report: EvaluationReport, settings: Settings) -> None:
    main = report.main
    told = main.ranking[-1].model_copy(
        update={"controller": "mpc-perfect-day", "terms": main.ranking[0].terms.model_copy(update={"co2_kg": 0.0})}
    )
    nothing = dict.fromkeys(sweeps(settings.weights), Bound(None, refused="no"))
    judged = main.model_copy(update={"ranking": (told, *main.ranking), "optimum": None, "optimum_refused": "no"})
    found = trade_offs(judged, settings.weights, nothing, [])
    assert found.oracles == ("mpc-perfect-day",)
    assert all("mpc-perfect-day" not in own.winners for own in found.weightings)
    best = {s.controller: s.score for s in found.weightings[0].scores}
    assert best["mpc-perfect-day"] == min(best.values())
    assert (found.optima, found.refused) == ((), "no")


def test_the_ev_term_is_inactive_with_the_guard_and_active_without(report: EvaluationReport) -> None:
    found = report.ev_term
    assert found is not None
    # On each day judged four motos and four mototaxis depart, each within 1e-4 of its capacity.
    days = len(report.main.judged_on)
    assert found.tolerance_kwh == pytest.approx(days * 4 * (3.5 + 10.0) * 1e-4)
    assert found.inactive
    assert found.unavoidable_kwh == found.windows_unavoidable_kwh == 0.0
    assert found.largest_kwh == max(r.terms.ev_short_kwh for r in report.main.ranking)
    assert found.largest_in_j == pytest.approx(0.10 * found.largest_kwh / report.main.reference.ev_short_kwh)
    judged = {r.controller: r for r in report.main.ranking}
    rows = {(row.controller, row.guard): row for row in found.rows}
    assert rows.keys() == {(name, guard) for name in judged for guard in (True, False)}
    for name, result in judged.items():
        # The same windows: with the guard it is what the ranking says.
        assert rows[name, True].score == pytest.approx(result.score, abs=1e-12)
        assert (rows[name, True].departures_met, rows[name, True].departures) == (8 * days, 8 * days)
    assert rows["rule", False] == rows["rule", True].model_copy(update={"guard": False})
    assert rows["a2c-untrained", False].departures_met < 8 * days
    assert rows["a2c-untrained", False].ev_short_kwh > 1.0


def test_what_no_power_can_meet_is_no_shortfall_of_a_controller(tmp_path: Path) -> None:
    # A mototaxi of 10 kWh with an hour: 9 / 0.95 kWh needed, 3.5 kWh possible. The moto of 3.5 kWh is served.
    data = load_plant(mini_dataset(tmp_path, [session(4, 30, 31, 0.0), session(0, 30, 33, 0.5)]))
    stretch = Stretch("day", 24, 24)
    short = 9.0 - 3.5 * 0.95
    assert unavoidable_kwh(data, [stretch]) == pytest.approx(short, rel=1e-6)
    assert rollout(Twin(data), NoControl(), 24, 24).total("ev_short_kwh") == pytest.approx(short, rel=1e-6)
    assert tolerance_kwh(data, [stretch]) == pytest.approx(13.5e-4)
    assert unavoidable_kwh(data, [Stretch("before", 0, 24)]) == tolerance_kwh(data, [Stretch("before", 0, 24)]) == 0.0
