"""What of the data is measured, modelled, synthetic or filled, as its provenance tells it."""

from __future__ import annotations

from pvbesscar.words import Words
from schemas.results import Provenance


def series_name(series: str, words: Words) -> str:
    """Name of a canonical series for readers; an unknown one keeps its own."""
    return words(f"series.{series}") if words.has(f"series.{series}") else series


def is_measured(provenance: Provenance | None) -> bool:
    """Whether nothing of the data is synthetic or filled, and its origin is known."""
    return provenance is not None and not any(own.source == "synthetic" or own.fills for own in provenance.series)


def origin(provenance: Provenance | None, words: Words) -> str:
    """Say what of the data is synthetic, modelled or filled."""
    if provenance is None:
        return words("origin.unknown")
    return f"{_source(provenance, words)}{_filled(provenance, words)}"


def _source(provenance: Provenance, words: Words) -> str:
    synthetic, modelled = (
        [series_name(entry.series, words) for entry in provenance.series if entry.source == source]
        for source in ("synthetic", "model")
    )
    if synthetic:
        return words(f"origin.synthetic.{'one' if len(synthetic) == 1 else 'many'}", series=words.listed(synthetic))
    if modelled:
        return words("origin.modelled", series=words.listed(modelled))
    return words("origin.files")


def _filled(provenance: Provenance, words: Words) -> str:
    """Say which hours were filled, from where and why; nothing where none were."""
    parts = [
        words(
            "origin.fill",
            hours=fill.hours,
            series=series_name(fill.series, words),
            since=fill.first_stamp[:16].replace("T", " "),
            source=fill.source,
            reason=fill.reason,
        )
        for entry in provenance.series
        for fill in entry.fills
        if fill.series == entry.series
    ]
    return f" {words('origin.filled', fills='; '.join(parts))}" if parts else ""
