"""What the second reading of files, by Great Expectations, comes to."""

from __future__ import annotations

from typing import Literal

from schemas.results import Result


class ExpectationFault(Result):
    """One expectation that does not hold."""

    suite: str
    file: str
    column: str
    """Empty where the fault is one of the table as a whole."""
    expectation: str
    """Name of the expectation in its suite."""
    message: str
    rows: int | None
    """Rows at fault; absent where a sum, a number of rows or a set of values is judged."""
    first: tuple[str, ...]
    """The first rows at fault, with the value seen."""
    cause: str
    fix: str


class ExpectationSuite(Result):
    """How many expectations on one table were judged, and how many of them hold."""

    name: str
    file: str
    rows: int
    expectations: int
    met: int


class ExpectationReport(Result):
    """`expectations.json`: the second reading of a dataset or of results."""

    subject: Literal["dataset", "results"]
    digest: str
    """Digest of what was judged: that of the dataset, or SHA-256 of the evaluation report."""
    suites: tuple[ExpectationSuite, ...]
    faults: tuple[ExpectationFault, ...]

    @property
    def expectations(self) -> int:
        """Number of expectations that were judged."""
        return sum(suite.expectations for suite in self.suites)

    @property
    def met(self) -> int:
        """How many of them hold."""
        return sum(suite.met for suite in self.suites)
