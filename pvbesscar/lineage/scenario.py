"""A scenario as it enters a run: its settings, and the waivers among them held to the quality rules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pvbesscar.config import LoadedSettings, load_settings


def load_scenario(path: Path, overrides: Sequence[str] = ()) -> LoadedSettings:
    """Read a scenario and refuse the waiver of a rule that can not be waived; see `pvbesscar.config.load_settings`.

    Raises
    ------
    ConfigError
        A setting is wrong, or a waiver names no rule or one that can not be waived.
    """
    loaded = load_settings(path, overrides)
    if loaded.settings.quality.waivers:
        # The rules load pandera and pvlib, which only a scenario with waivers has to wait for.
        from pvbesscar.quality.gate import check_waivers

        check_waivers(loaded.settings.quality.waivers)
    return loaded
