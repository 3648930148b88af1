"""Every number of the page is one of a result file, or made of such by arithmetic that this test does again."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pvbesscar.evaluation.bill import bill_of
from pvbesscar.evaluation.score import TERM_FIELDS
from pvbesscar.report.publish import publish
from pvbesscar.store.files import read_json, write_text
from pvbesscar.store.workspace import Workspace
from schemas.results import DatasetManifest
from schemas.settings import HOURS_PER_YEAR, Settings
from tests.report.made import Reader, write_evaluation

NUMBER = re.compile(r"(?<![\w.-])-?\d+(?:,\d{3})*(?:\.\d+)?(?![\w])")
OUR_WORDS = {0.0, 1.0, 2.0, 3.0, 95.0, 1000.0}
"""Numbers of the catalogue's own sentences: intervals of 95 %, J - 1, axes in thousands, steps of provenance."""


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from leaves(one)
    else:
        yield value


@pytest.fixture
def files(settings: Settings, workspace: Workspace) -> list[Any]:
    """The result files that the page is made from, as Python values."""
    digest = DatasetManifest.model_validate(read_json(workspace.dataset / "manifest.json")).digest
    write_evaluation(workspace, settings, digest, HOURS_PER_YEAR)
    write_text(workspace.training("sac") / "sac_validation.csv", "steps,j,gap_closed\n0,0.24,0.0\n500,0.22,0.5\n")
    paths = [
        workspace.dataset / "manifest.json", workspace.canonical / "provenance.json",
        workspace.quality / "quality_report.json", workspace.evaluation / "evaluation_report.json",
        *(workspace.training_metrics(agent) for agent in ("sac", "ppo")),
    ]  # fmt: skip
    looks = pd.read_csv(workspace.training("sac") / "sac_validation.csv").to_dict("list")
    return [settings.model_dump(mode="json"), looks, *(read_json(path) for path in paths)]


def ledgers_of(workspace: Workspace) -> dict[str, pd.DataFrame]:
    folder = workspace.evaluation / "ledgers" / "nominal"
    return {path.stem: pd.read_parquet(path) for path in folder.glob("*.parquet")}


def derived(report: dict[str, Any], ledgers: dict[str, pd.DataFrame], settings: Settings) -> Iterator[float]:
    """What the page computes of results: differences and sums of like things, months, bills, and shares of hours."""
    main, own = report["scenarios"][0], report["sets"][0]
    terms = [result["terms"] for result in main["ranking"]] + [main["optimum"]["terms"]]
    terms += [entry["mean_terms"] for entry in own["entries"]]
    for one, other in itertools.permutations(terms, 2):
        yield from (one[field] - other[field] for field in TERM_FIELDS)
    yield from (result["departures"] * count for result in main["ranking"] for count in (1, len(own["scenarios"])))
    yield from (result["departures_met"] * count for result in main["ranking"] for count in (1, 2))
    yield from (result["infeasible"] * count for result in main["ranking"] for count in (1, 2))
    yield from (100.0 * result["departures_met"] / result["departures"] for result in main["ranking"])
    parts = [part["contribution"] for part in main["gap_parts"]]
    rest = main["optimum"]["replay"] - main["optimum"]["bound"]
    yield from (rest, sum(parts) + rest)
    for ledger in ledgers.values():
        columns = ledger.select_dtypes("number")
        yield from columns.sum()
        sources, uses = ["pv_kwh", "import_kwh", "discharge_kwh"], [
            "mall_kwh", "ev_kwh", "charge_kwh", "export_kwh", "curtailed_kwh",
        ]  # fmt: skip
        yield from (
            ledger[sources].sum().sum(),
            ledger[uses].sum().sum(),
            ledger["mall_kwh"].add(ledger["ev_kwh"]).sum(),
        )
        week = ledger.iloc[:168]
        yield from week.select_dtypes("number").sum()
        yield float(len(week))
        for _, month in ledger.groupby(pd.DatetimeIndex(ledger["timestamp"]).month):
            yield from month.select_dtypes("number").sum()
            yield float(month["import_kwh"].max())
        bill = bill_of(ledger, settings.tariff)
        yield from (bill.pen(), *bill.months.values(), *(line.quantity for line in bill.lines))
        yield from (float(v) for v in np.quantile(ledger["import_kwh"], (0.5, 1.0)))
        yield from (100.0 * float(ledger["bess_soc"].mean()), float(ledger["import_kwh"].mean()))


def pool(files: list[Any], workspace: Workspace, settings: Settings) -> np.ndarray:
    report = read_json(workspace.evaluation / "evaluation_report.json")
    known: list[float] = [*OUR_WORDS]
    for leaf in itertools.chain.from_iterable(map(leaves, files)):
        if isinstance(leaf, bool) or leaf is None:
            continue
        if isinstance(leaf, int | float):
            # A share is shown in percent.
            known += [float(leaf), 100.0 * leaf]
        else:
            known += [float(text.replace(",", "")) for text in NUMBER.findall(leaf)]
    known += derived(report, ledgers_of(workspace), settings)
    # What files hold many of is counted: rules, scenarios, expectations, files of the run, parts that are missing.
    known += [float(len(leaf)) for file in files for leaf in file.values() if isinstance(leaf, list | dict)]
    manifest = files[2]["facts"]
    known.append(manifest["ev_kwh"] * settings.grid.avoided_fuel_kg_per_kwh)
    known += [float(np.mean(metrics["untrained_validation_rewards"])) for metrics in files[-2:]]
    return np.array(known)


def untraced(text: str, known: np.ndarray) -> list[str]:
    """Numbers of a text that are none of those known, at the digits that they are written with."""
    missing = []
    for token in NUMBER.findall(re.sub(r"\d{4}-\d{2}(-\d{2}([T ]\d{2}:\d{2}(:\d{2})?([+-]\d{2}:\d{2})?)?)?", "", text)):
        value, digits = float(token.replace(",", "")), len(token.partition(".")[2])
        if not (np.abs(np.abs(known) - abs(value)) <= 0.5000001 * 10.0**-digits).any():
            missing.append(token)
    return missing


class Undrawn(Reader):
    """The text of a page without the ticks of its drawings, which the plotting library chooses."""

    def handle_data(self, data: str) -> None:
        if "svg" not in self.open:
            super().handle_data(data)


def visible(page: Path) -> str:
    """Text of the page up to the files and settings of its last part, which are the files themselves."""
    return " ".join(Undrawn(page.read_text(encoding="utf-8")).text).partition("pvbesscar run")[0]


def test_every_number_is_of_a_result_file(settings: Settings, workspace: Workspace, files: list[Any]) -> None:
    text = visible(publish(settings, workspace, "smoke", {}))
    known = pool(files, workspace, settings)
    assert len(NUMBER.findall(text)) > 300
    hours = r"\d{2}-\d{2} \d{2}:\d{2}"
    assert untraced(re.sub(hours, "", text), known) == []


def test_a_number_that_is_of_no_file_would_be_found(settings: Settings, workspace: Workspace, files: list[Any]) -> None:
    known = pool(files, workspace, settings)
    assert untraced("S/ 123,456,789 less a year; 77.31 %", known) == ["123,456,789", "77.31"]
