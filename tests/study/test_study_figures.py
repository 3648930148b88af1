"""Figures and sentences of studies that can be counted on paper."""

from __future__ import annotations

import pytest

from pvbesscar.study.conclusions import conclusions
from pvbesscar.study.figures import learning
from pvbesscar.study.tables import learning_rows, set_rows
from schemas.results import TrainingMetrics, Validation
from schemas.studies import WHOLE
from tests.study import hand_made


def test_gap_interquartile_mean_and_probability_of_improvement() -> None:
    # Open are 0.4 in both years. The first seed closes 3/4 and 1/2, the second 1/4 and -1/4.
    own = hand_made.on_tests({"ppo": [(0.5, 0.4), (0.7, 0.7)]})
    entry = own.entry("ppo")
    assert entry is not None
    assert entry.seeds == (42, 43)
    assert [pytest.approx(seed) for seed in ((0.75, 0.5), (0.25, -0.25))] == list(entry.gaps)
    assert entry.gap_closed == pytest.approx((0.75 + 0.5 + 0.25 - 0.25) / 4)
    assert entry.gap_iqm == pytest.approx((0.5 + 0.25) / 2)
    better = {one.other: one.improvement for one in entry.against}
    # As good as the MPC in the first year of the first seed, and as the tuned rule in that of the second: halves.
    assert better == {"rule": 0.75, "tuned-rule": pytest.approx((1 + 1 + 0.5 + 0) / 4), "mpc": pytest.approx(0.5 / 4)}
    beside = entry.beside("mpc")
    assert beside is not None
    assert beside.difference == pytest.approx((0.0 + 0.1 + 0.2 + 0.4) / 4)
    assert beside.gap_points == pytest.approx(-beside.difference / 0.4)


def test_seeds_are_a_part_of_the_interval() -> None:
    alike = hand_made.on_tests({"ppo": [(0.5, 0.3), (0.5, 0.3)]}).entry("ppo")
    apart = hand_made.on_tests({"ppo": [(0.4, 0.2), (0.6, 0.4), (0.5, 0.3), (0.45, 0.25)]}).entry("ppo")
    assert alike is not None
    assert apart is not None
    assert alike.gap_interval == pytest.approx((0.75, 0.75))
    assert apart.gap_interval is not None
    assert apart.gap_closed is not None
    assert apart.gap_interval[0] < apart.gap_closed < apart.gap_interval[1]


def test_a_winner_is_named_only_where_the_interval_clears_the_next_and_who_knows_the_day_wins_nothing() -> None:
    clear = hand_made.on_tests({"ppo": [(0.45, 0.25), (0.45, 0.25)]})
    assert [entry.controller for entry in clear.entries][:3] == ["mpc-perfect-day", "ppo", "mpc"]
    assert (clear.winner, clear.runner_up) == ("ppo", "mpc")
    assert clear.margin == pytest.approx(0.05)
    unclear = hand_made.on_tests({"ppo": [(0.45, 0.25), (0.45, 0.25)]}, spread=1.0)
    assert (unclear.winner, unclear.runner_up) == (None, "mpc")
    assert unclear.margin_interval is not None
    assert unclear.margin_interval[0] < 0.0 < unclear.margin_interval[1]
    assert conclusions(hand_made.study(unclear, seeds=(42,)))[0].startswith("One seed says nothing of another training")
    said = conclusions(hand_made.study(unclear))[0]
    assert said.startswith("No winner: `ppo` is first and `mpc` next, and their distance of 0.0500, ")
    assert said.endswith("can not be told from none.")


def test_unwelcome_conclusions_are_drawn() -> None:
    worse = hand_made.on_tests({"ppo": [(0.9, 0.7), (0.9, 0.7)], "imitation": [(0.6, 0.4), (0.6, 0.4)]})
    metrics = {seed: trained(seed, [(0, 0.5), (500, 0.6), (1000, 0.7)]) for seed in (42, 43)}
    study = hand_made.study(worse, learning=(learning("ppo", metrics),), failed={"ppo@44": "it diverged."})
    said = conclusions(study)
    assert said[0] == "`ppo@44` is left out: it diverged."
    assert said[1].startswith("`mpc` is the best of those that do not know the day to come: its J is 0.1000 lower than")
    for other in ("The rule", "The tuned rule", "The MPC"):
        assert f"{other} is better than every agent on `mall`." in said
    assert any(one.startswith("Learning made `ppo` worse than the imitation on `mall` (J +0.3000") for one in said)
    assert any("by +0.2000" in one and "2 of 2 trainings were best before their first step" in one for one in said)
    same = hand_made.on_tests({"ppo": [(0.6, 0.4)] * 2, "imitation": [(0.6, 0.4)] * 2})
    said = conclusions(hand_made.study(same, learning=(learning("ppo", metrics),)))
    assert any(one.startswith("Learning added nothing that can be told to the imitation of `ppo`") for one in said)


def test_what_an_ingredient_brings_has_an_interval_of_its_own() -> None:
    with_it, without = [(0.5, 0.3)] * 4, [(0.6, 0.4), (0.62, 0.42), (0.6, 0.4), (0.58, 0.38)]
    own = hand_made.on_tests({"ppo": without}, whole={"ppo": with_it})
    less = hand_made.study(own, name="less", without=("regret",), whole="all")
    entry = own.entry("ppo")
    assert entry is not None
    beside = entry.beside(WHOLE)
    assert beside is not None
    assert beside.difference == pytest.approx(0.1)
    assert beside.gap_points == pytest.approx(-0.25)
    assert beside.interval is not None
    assert 0.0 < beside.interval[0] < 0.1 < beside.interval[1]
    assert beside.improvement == 0.0
    said = "`ppo` without regret is worse than that of study `all`, which leaves nothing out (J +0.1000, "
    assert any(sentence.startswith(said) for sentence in conclusions(less))
    of_three = hand_made.on_tests({"ppo": [(0.6, 0.4)] * 3}, whole={"ppo": [(0.5, 0.3)] * 2}).entry("ppo")
    assert of_three is not None
    assert of_three.beside(WHOLE) is None


def test_agents_of_different_seeds_are_not_compared_seed_by_seed() -> None:
    own = hand_made.on_tests({"ppo": [(0.5, 0.4)], "imitation": [(0.6, 0.4), (0.6, 0.4)]})
    entry = own.entry("ppo")
    assert entry is not None
    assert entry.beside("imitation") is None
    assert entry.beside("mpc") is not None


def test_tables_have_a_row_for_each_controller_and_training() -> None:
    own = hand_made.on_tests({"ppo": [(0.5, 0.3), (0.5, 0.3)]})
    head, rows = set_rows(own)
    by_name = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    assert by_name["ppo"]["gap closed"] == "75.0 %"
    assert by_name["ppo"]["over MPC, points"] == "+0.0 (+0.0 to +0.0)"
    assert by_name["ppo"]["than MPC"] == "50 %"
    assert by_name["rule"]["better than rule"] == ""
    found = learning("ppo", {42: trained(42, [(0, 0.5), (500, 0.4), (1000, 0.45)])})
    _, rows = learning_rows(hand_made.study(own, learning=(found,)))
    assert rows == [("ppo", "42", "50.0 %", "60.0 %", "500", "55.0 %", "10", "100")]


def trained(seed: int, looks: list[tuple[int, float]]) -> TrainingMetrics:
    """Metrics of a training that looked at its validation years so; the gap is 1 - J."""
    validations = tuple(Validation(steps=steps, j=j, gap_closed=1.0 - j) for steps, j in looks)
    return TrainingMetrics(
        agent="ppo", profile="full", simulator="twin", seed=seed, dataset_digest="d", settings_digest="s", steps=1000,
        episodes=0, duration_s=10.0, steps_per_s=100.0, validation_windows=(), validation_rewards=(),
        validation_mean=0.0, validation_std=0.0, untrained_validation_rewards=(), validations=validations,
        best_steps=min(validations, key=lambda look: look.j).steps, checkpoints={}, model_file="m", model_sha256="0",
        model_bytes=0, parameters=0, versions={},
    )  # fmt: skip
