"""Who there is, what is fitted, and that fitting keeps its word: never worse than the rule on its training years."""

from __future__ import annotations

import numpy as np
import pytest

from pvbesscar.controllers import registry, tuned
from pvbesscar.controllers.baselines import ConstantAction, RandomAction, Rule
from pvbesscar.controllers.optimum import solve
from pvbesscar.controllers.registry import Fitted
from pvbesscar.controllers.rolling_demand import DemandPolicy, fit_policy
from pvbesscar.controllers.tuned import TunedParameters, TunedRule, fit_tuned, plain, simulated_score
from pvbesscar.plant.twin import Twin
from pvbesscar.simulation.rollout import rollout
from schemas.errors import ControllerError
from schemas.progress import Progress
from tests.builders import two_prices
from tests.controllers.plants import course

EVENINGS = two_prices(0.9)
FIRST_DRAWS = [0.6369616873214543, 0.2697867137638703]


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return registry.fit([course(28, seed, mode="bidirectional", tariff=EVENINGS) for seed in (1, 2)], seed=42)


def test_everybody_can_be_made_and_runs(fitted: Fitted) -> None:
    data = course(7, 3, mode="bidirectional", tariff=EVENINGS)
    ledgers = [rollout(Twin(data), registry.make(name, data, fitted)) for name in registry.names()]
    assert [ledger.controller for ledger in ledgers] == list(registry.names())
    assert all(ledger.total("departures_met") == 7 * 8 for ledger in ledgers)


def test_the_plain_parameters_are_the_rule() -> None:
    for mode in ("dispatch", "bidirectional"):
        data = course(14, 3, mode=mode)
        ours = rollout(Twin(data), TunedRule(plain(data.params), data)).frame
        theirs = rollout(Twin(data), Rule()).frame
        for name in ("import_kwh", "export_kwh", "ev_kwh", "bess_soc"):
            assert ours[name].to_numpy() == pytest.approx(theirs[name].to_numpy(), abs=1e-3), name


@pytest.mark.parametrize("mode", ["dispatch", "bidirectional"])
def test_tuned_is_never_worse_than_the_rule_on_its_years(mode: str) -> None:
    years = [course(28, seed, mode=mode, tariff=EVENINGS) for seed in (1, 2)]
    found = fit_tuned(years, seed=1)
    ours = np.mean([simulated_score(year, TunedRule(found, year)) for year in years])
    rule = np.mean([simulated_score(year, Rule()) for year in years])
    assert ours < rule
    if mode == "dispatch":
        assert set(found.grid_charge_soc) == {0.0}


def test_the_search_ranks_as_the_twin_does() -> None:
    data = course(28, 1, mode="bidirectional", tariff=EVENINGS)
    search = tuned._Search([data], 1, None)
    found = search.run()
    assert search.score == pytest.approx(simulated_score(data, TunedRule(found, data)), abs=2e-5)


def test_a_winner_that_loses_on_the_twin_is_replaced_by_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    data = course(14, 1)
    bad = plain(data.params).model_copy(update={"discharge_limit_kw": (0.0,) * 24})
    monkeypatch.setattr(tuned._Search, "run", lambda _: bad)
    assert fit_tuned([data], seed=1) == plain(data.params)


def test_the_same_years_and_seed_give_the_same_parameters() -> None:
    told: list[Progress] = []
    data = course(14, 1, mode="bidirectional", tariff=EVENINGS)
    assert fit_tuned([data], seed=3, on_progress=told.append) == fit_tuned([data], seed=3)
    assert told
    assert told[-1].unit == "tuned rules tried"
    assert told[-1].done <= told[-1].total


@pytest.mark.parametrize("mode", ["dispatch", "bidirectional"])
def test_progress_of_the_search_ends_where_it_says(mode: str) -> None:
    search = tuned._Search([course(14, 1, mode=mode, tariff=EVENINGS)], 1, None)
    search.run()
    assert search.tried == search.planned


def test_what_was_fitted_survives_json(fitted: Fitted) -> None:
    assert Fitted.model_validate_json(fitted.model_dump_json()) == fitted
    assert TunedParameters.model_validate_json(fitted.tuned.model_dump_json()) == fitted.tuned
    assert fitted.mode == "bidirectional"
    assert fitted.years == ("tiny", "tiny")


def test_refusals_say_what_to_do(fitted: Fitted) -> None:
    data = course(3, mode="bidirectional")
    with pytest.raises(ControllerError, match="`best` is no controller") as unknown:
        registry.make("best", data)
    assert "tuned-rule" in str(unknown.value.hint)
    with pytest.raises(ControllerError, match="nothing was fitted"):
        registry.make("mpc", data)
    with pytest.raises(ControllerError, match="was fitted in mode `bidirectional`, the plant acts in `dispatch`"):
        registry.make("mpc", data.with_mode("dispatch"), fitted)
    with pytest.raises(ControllerError, match="no training year"):
        registry.fit([], seed=1)
    with pytest.raises(ControllerError, match="different plants or modes"):
        registry.fit([data, data.with_mode("dispatch")], seed=1)


def test_random_actions_hang_on_the_hour_alone_and_are_everywhere_the_same() -> None:
    data = course(2, 3)
    simulator = Twin(data)
    controller = registry.make("random", data)
    assert isinstance(controller, RandomAction)
    actions = []
    for start in (5, 0, 5):
        simulator.reset(start, 1)
        actions.append(controller.action(simulator.state))
    assert actions[0].tolist() == actions[2].tolist()
    assert actions[0].tolist() != actions[1].tolist()
    # Of PCG64 seeded by (0, 0), as NumPy documents it: 53 random bits over 2**53.
    assert actions[1][:2].tolist() == FIRST_DRAWS
    assert actions[1].shape == (9,)
    assert actions[1].min() >= 0.0
    assert actions[1].max() < 1.0


def test_constant_actions_are_named_for_their_value() -> None:
    for name, value in registry.CONSTANTS.items():
        made = registry.make(name, course(2, 3))
        assert isinstance(made, ConstantAction)
        assert (made.name, made.value) == (name, value)


def test_under_demand_charges_the_tuned_rule_aims_at_a_target_by_month() -> None:
    charge = {"name": "peak", "hours": [(18, 23)], "pen_per_kw_month": 40.0}
    tariff = EVENINGS | {"source": "made up for a test", "demand": [charge]}
    small = {"capacity_kwh": 2000.0, "power_kw": 700.0}
    data = course(40, 1, mode="bidirectional", tariff=tariff, bess=small)
    search = tuned._Search([data], 1, None)
    found = search.run()
    assert max(found.peak_target_kw) > 0.0
    j = simulated_score(data, TunedRule(found, data))
    assert search.score == pytest.approx(j, abs=2e-5)
    assert j < simulated_score(data, Rule()) - 1e-3


def test_what_is_learned_of_months_survives_json_and_is_none_without_demand_charges(fitted: Fitted) -> None:
    assert fitted.demand == DemandPolicy()
    assert set(fitted.tuned.peak_target_kw) == {0.0}
    charge = {"name": "peak", "hours": [(18, 23)], "pen_per_kw_month": 40.0}
    data = course(35, 1, mode="bidirectional", tariff=EVENINGS | {"source": "made up for a test", "demand": [charge]})
    policy = fit_policy([data], fitted.forecast)
    demand = solve(data).plan.import_kwh[data.tariff.in_band[0] & (data.tariff.month == 0)].max()
    assert policy.target_kw[0][:2] == pytest.approx((demand, policy.target_kw[0][1]))
    assert set(policy.target_kw[0][2:]) == {0.0}
    assert DemandPolicy.model_validate_json(policy.model_dump_json()) == policy
    assert np.array(policy.margin_kwh)[:, 1:].mean() < 0.0
