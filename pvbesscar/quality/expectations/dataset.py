"""The files of a CityLearn dataset, read from the disk as CityLearn reads them, and what must hold of them.

The contract is that of `docs/files.md`, `docs/columns.md` and `docs/design.md`, and CityLearn 3.0.2's own reading
(`citylearn/data.py`: a SOC above 1 is taken for percent, a state that is no number for a missing one).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from pvbesscar.quality.expectations.charger_suites import charger_lengths, charger_rows, charger_suites
from pvbesscar.quality.expectations.dataset_files import DatasetFiles, read_dataset
from pvbesscar.quality.expectations.run import judge_suites, require_met
from pvbesscar.quality.expectations.schema_suites import chargers_suite, files_suite, schema_suite, vehicles_suite
from pvbesscar.quality.expectations.series_suites import (
    building_suite,
    calendar_due,
    carbon_suite,
    closing_suite,
    pricing_suite,
    weather_suite,
)
from pvbesscar.quality.expectations.suite import Suite
from schemas.expectations import ExpectationReport
from schemas.settings import Settings


def require_dataset_files(folder: Path, settings: Settings, docs: Path, waived: Collection[str] = ()) -> None:
    """Judge a dataset, publish its Data Docs and refuse it when an expectation does not hold.

    Parameters
    ----------
    folder
        The dataset, complete; a draft when a stage calls it.
    docs
        Folder of the Data Docs.
    waived
        Rules of the quality gate whose findings the site accepts: a declared energy is not asked for again.

    Raises
    ------
    QualityError
        The files are not what the contract says.
    """
    require_met(judge_dataset(folder, settings, docs, waived), docs)


def judge_dataset(
    folder: Path, settings: Settings, docs: Path | None = None, waived: Collection[str] = ()
) -> ExpectationReport:
    """Judge the files of a dataset.

    Parameters
    ----------
    folder
        The dataset, with its manifest.
    settings
        The scenario; it gives the declared numbers.
    docs
        Folder of the Data Docs, `None` for none.
    waived
        As in `require_dataset_files`.

    Raises
    ------
    QualityError
        The schema, the manifest or a table can not be read at all.
    """
    dataset = read_dataset(folder, settings, waived)
    return judge_suites("dataset", dataset.manifest.digest, [*_suites(dataset)], docs)


def _suites(dataset: DatasetFiles) -> Iterable[Suite]:
    yield files_suite(dataset)
    yield from (schema_suite(dataset), chargers_suite(dataset), vehicles_suite(dataset))
    calendar = calendar_due(dataset)
    for key, make in (("energy_simulation", building_suite), ("weather", weather_suite), ("pricing", pricing_suite),
                      ("carbon_intensity", carbon_suite)):  # fmt: skip
        name = str(dataset.building.get(key))
        if name in dataset.tables:
            yield make(dataset, name, dataset.tables[name], calendar)
    yield closing_suite(dataset)
    yield charger_lengths(dataset)
    charged = charger_rows(dataset)
    if charged is not None:
        yield from charger_suites(dataset, charged)
