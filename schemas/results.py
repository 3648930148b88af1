"""Results that stages write as JSON for later stages and the report."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from schemas.filled import FilledHours
from schemas.settings import Agent, Mode
from schemas.terms import Result, ScoreTerms
from schemas.trade_offs import EvTerm, TradeOffs

__all__ = ["FilledHours", "Result", "ScoreTerms"]

Severity = Literal["error", "warning", "info"]
ControllerKind = Literal["agent", "untrained", "baseline", "constant", "random"]
SimulatorName = Literal["citylearn", "twin"]
TrainingOutcome = Literal["training helped", "training added nothing", "can not be told"]
Interval = tuple[float, float]
"""Low and high end of a 95 % interval."""


class ReaderDecision(Result):
    """What a reader took a file to be, and why: stated by a key or the file, or proven by what it holds."""

    what: str
    value: str
    why: str


class SeriesProvenance(Result):
    """Where one canonical series comes from.

    `transformations` names every step between the source and the canonical file, in order, in plain words;
    `decisions` says how the file was understood (separator, encoding, dates, interval, stamps, time zone, units).
    """

    series: str
    source: Literal["file", "model", "synthetic"]
    reader: str
    file: str | None
    sha256: str | None
    transformations: tuple[str, ...]
    notes: tuple[str, ...] = ()
    decisions: tuple[ReaderDecision, ...] = ()
    fills: tuple[FilledHours, ...] = ()


class Provenance(Result):
    """Provenance of a canonical year, `provenance.json`."""

    scenario: str
    seed: int
    series: tuple[SeriesProvenance, ...]
    files: dict[str, str]
    """Digest (SHA-256) of each canonical file, by name."""


class HourRange(Result):
    """Hours `first` to `last` of the year, both included, 0-based."""

    first: int
    last: int
    first_stamp: str
    last_stamp: str


class AcceptedUntil(Result):
    """Why a finding does not stop the run, and the last day on which it does not."""

    reason: str
    until: dt.date


class Finding(Result):
    """One rule's verdict on one column."""

    rule: str
    severity: Severity
    source: str
    """File or canonical series, e.g. the path of the raw file."""
    column: str
    observed: str
    limit: str
    message: str
    cause: str
    fix: str
    hours: tuple[HourRange, ...] = ()
    n_hours: int = 0
    waiver: AcceptedUntil | None = None
    """The configuration's waiver, where one holds on the day of the run; the severity stays what it is."""


class QualityReport(Result):
    """All findings of a year, and the rules that were applied to find them."""

    scenario: str
    canonical_digest: str
    rules: tuple[str, ...]
    findings: tuple[Finding, ...]
    judged_on: dt.date | None = None
    """Day that waivers were held against: the declared date of the run, or the day on which it ran."""
    """Start page of the Data Docs, relative to the report; absent where they were not asked for."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that stop the run: of error severity, and not waived."""
        return tuple(f for f in self.findings if f.severity == "error" and f.waiver is None)

    @property
    def waived(self) -> tuple[Finding, ...]:
        """Findings that the configuration accepts, with reason and date."""
        return tuple(f for f in self.findings if f.waiver is not None)


class YearFacts(Result):
    """What a dataset's year adds up to; every figure is a sum over its rows."""

    hours: int
    pv_kwh: float
    pv_yield_kwh_per_kwp: float
    mall_kwh: float
    ev_kwh: float
    ghi_kwh_m2: float
    sessions: int
    sessions_infeasible: int
    first_stamp: str
    last_stamp: str


class DatasetManifest(Result):
    """`manifest.json` of a CityLearn dataset."""

    scenario: str
    mode: Mode
    citylearn_version: str
    settings_digest: str
    canonical_digest: str
    facts: YearFacts
    no_control: ScoreTerms
    """Totals of the year under *no control*, the scale of reward and score (EV service: the energy required)."""
    files: dict[str, str]
    """Digest (SHA-256) of each file of the folder but this one, by name."""
    digest: str
    """Digest of `files`: the dataset's identity."""


class Validation(Result):
    """A look at the validation years: J, mean over the years, run in monthly parts by the policy without noise."""

    steps: int
    j: float
    gap_closed: float | None
    """Share of what is open between rule and bound on the same parts."""


class TrainingMetrics(Result):
    """`<agent>_training_metrics.json`."""

    agent: Agent
    profile: str
    simulator: str
    seed: int
    dataset_digest: str
    settings_digest: str
    steps: int
    """True number of environment steps."""
    episodes: int
    duration_s: float
    steps_per_s: float
    validation_windows: tuple[str, ...]
    validation_rewards: tuple[float, ...]
    """Mean hourly reward on each validation window, deterministic policy."""
    validation_mean: float
    validation_std: float
    untrained_validation_rewards: tuple[float, ...]
    best_steps: int | None = None
    """Steps of the model that is kept where the best one on validation years is; 0: what the training began with."""
    validations: tuple[Validation, ...] = ()
    """Looks at the validation years, in order."""
    rule_j: float | None = None
    """J of the rule on what was looked at, and the lower bound of J; `None` where it was not computed."""
    bound_j: float | None = None
    checkpoints: dict[str, int]
    """True number of steps at each checkpoint, by file name."""
    model_file: str
    model_sha256: str
    model_bytes: int
    parameters: int
    versions: dict[str, str]


class CityLearnCheck(Result):
    """Sums over hours that CityLearn simulated: from its ledger, and as its own `evaluate_v2` gives them."""

    judged_on: tuple[str, ...]
    hours: int
    ledger: dict[str, float]
    """By the name of the ledger's column."""
    evaluate_v2: dict[str, float]
    """By the same names."""

    @property
    def differences(self) -> dict[str, float]:
        """Relative difference of each sum (absolute below one unit)."""
        return {
            name: abs(self.ledger[name] - theirs) / max(abs(theirs), 1.0) for name, theirs in self.evaluate_v2.items()
        }


class ControllerResult(Result):
    """One controller on one stretch of hours, or on the sum of several."""

    controller: str
    kind: ControllerKind
    hours: int
    score: float
    """J: weighted sum of the terms over those of no control on the same hours; lower is better."""
    mean_reward: float
    reward_std: float
    """Spread (sample standard deviation) of the mean reward over the windows; 0 with a single one."""
    terms: ScoreTerms
    gap_closed: float | None
    """(J(rule) - J) / (J(rule) - J*); absent where nothing is open, or no optimum could be computed."""
    gap_interval: Interval | None = None
    """Over the resampled weeks of the year; absent where less than a whole year was judged."""
    captured_share: float | None
    """(J(no control) - J) / (J(no control) - J*); absent where no optimum could be computed."""
    kpis: dict[str, float | None]
    """Every KPI by name, as `docs/kpis.md` defines them; `None` where it has no meaning on these hours."""
    ev_kwh: float
    charge_kwh: float
    discharge_kwh: float
    departures: int
    departures_met: int
    infeasible: int
    ledger_sha256: str
    window_rewards: tuple[float, ...] = ()
    """Mean hourly reward on each stretch of `ScenarioResult.judged_on`."""
    citylearn: CityLearnCheck | None = None
    """CityLearn's own sums over the hours that it simulated."""


class OptimumResult(Result):
    """The perfect-foresight optimum of the same hours, in the mode that the controllers act in."""

    mode: Mode
    bound: float
    """J*: no controller within the plant's limits scores less on these hours."""
    replay: float
    """J of the optimum's plan, run through the simulator."""
    terms: ScoreTerms
    """Of the replay."""
    peak_kw: float
    """Highest import of an hour in the replay."""

    @property
    def gap(self) -> float:
        """How far the replay is above the bound, as a share of the bound."""
        return (self.replay - self.bound) / self.bound if self.bound > 0.0 else 0.0


class GapPart(Result):
    """What one term has to do with what is open between the rule and J*."""

    term: str
    """Name of the term, a field of `ScoreTerms`."""
    rule: float
    """Its total under the rule."""
    plan: float
    """Its total under the optimum's plan, replayed."""
    contribution: float
    """What it adds to J(rule) - J(plan): weight x difference / scale; below zero where the plan has more of it."""


class ScenarioResult(Result):
    """All controllers on the same hours of one year."""

    scenario: str
    simulator: SimulatorName
    digest: str
    judged_on: tuple[str, ...]
    reference: ScoreTerms
    """Terms of no control on these hours, the scale of J (EV service: the energy required)."""
    terms_left_out: tuple[str, ...] = ()
    """Terms without a scale (zero under no control), not in J."""
    optimum: OptimumResult | None
    optimum_refused: str | None = None
    """Why there is no optimum."""
    gap_parts: tuple[GapPart, ...] = ()
    """J(rule) - J(plan), term by term; with the replay's distance from the bound it is J(rule) - J*."""
    ranking: tuple[ControllerResult, ...]


class SetEntry(Result):
    """One controller over a set of scenarios; intervals are over resampled weeks (docs/evaluation.md)."""

    controller: str
    kind: ControllerKind
    mean_score: float
    score_interval: Interval | None
    gap_closed: float | None
    """(mean J(rule) - mean J) / (mean J(rule) - mean J*); absent where nothing is open, or an optimum is missing."""
    gap_interval: Interval | None
    captured_share: float | None
    """(mean J(no control) - mean J) / (mean J(no control) - mean J*)."""
    against_rule: float
    """Mean of J - J(rule)."""
    against_rule_interval: Interval | None
    mean_terms: ScoreTerms
    saving_intervals: dict[str, Interval] = Field(default_factory=dict)
    """Interval of what the mean year costs less than under `no-control` and `rule` [PEN], by their names."""


class SetResult(Result):
    """All controllers over a set of scenarios, the lowest mean J first."""

    name: str
    scenarios: tuple[str, ...]
    source_weeks: int | None
    """Weeks that its years were drawn from, and that are resampled; absent where there are no intervals."""
    mean_bound: float | None
    mean_replay: float | None
    mean_reference: ScoreTerms
    entries: tuple[SetEntry, ...]


class TrainingVerdict(Result):
    """Whether an agent is better after training than before it, on the same hours.

    `difference` is J(trained) - J(untrained), below zero where training helped; the interval (95 %) is absent where
    there is only one stretch of hours.
    """

    agent: Agent
    outcome: TrainingOutcome
    difference: float
    interval: Interval | None
    beats_rule: bool
    """Whether the interval of J(trained) - J(rule) lies below zero."""
    co2_difference_kg: float
    """Over all windows, or of the mean scenario."""
    sentence: str
    judged_on: tuple[str, ...] = ()
    """Scenarios or windows that the difference is a mean of."""


class EvaluationReport(Result):
    """`evaluation_report.json`."""

    scenario: str
    profile: str
    mode: Mode
    guard: bool
    forecast: str
    dataset_digest: str
    scenarios: tuple[ScenarioResult, ...]
    """The validated year first, where it was evaluated; it contains training weeks and is never a test."""
    sets: tuple[SetResult, ...] = ()
    missing: dict[str, str]
    """Controllers that could not be evaluated, with the reason."""
    verdicts: tuple[TrainingVerdict, ...] = ()
    nearness: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Share of a test day's energy in other hours than in its nearest training day, by series: `median`, `tenth`."""
    trade_offs: TradeOffs | None = None
    """What hangs on the weights; absent where the validated year was not evaluated."""
    ev_term: EvTerm | None = None
    """What the EV term tells, and the departure guard off; absent likewise."""
    files: dict[str, str] = Field(default_factory=dict)
    """Digest (SHA-256) of each file beside this one, by name."""

    @property
    def main(self) -> ScenarioResult:
        """The scenario that tables begin with."""
        return self.scenarios[0]
