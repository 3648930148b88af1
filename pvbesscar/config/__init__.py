"""The scenario's configuration: YAML and `--set` in, frozen settings with their origins out."""

from pvbesscar.config.keys import as_yaml, configuration_table, known_keys
from pvbesscar.config.load import LoadedSettings, describe, load_settings, pinned

__all__ = ["LoadedSettings", "as_yaml", "configuration_table", "describe", "known_keys", "load_settings", "pinned"]
