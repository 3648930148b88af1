"""The settings that a dataset depends on, beside the series that it is made of."""

from __future__ import annotations

from typing import Any

from pvbesscar.store.files import sha256_json
from schemas.settings import Settings

DATASET_SETTINGS: dict[str, Any] = {
    **dict.fromkeys(("seed", "site", "bess", "grid", "tariff", "weights", "control", "scenarios"), True),
    "pv": {"dc_kwp", "ac_kw", "tilt_deg", "azimuth_deg"},
    "carbon": {"source"},
    "ev": {
        "chargers", "sockets_per_charger", "moto_chargers", "socket_kw", "socket_min_kw", "charger_efficiency",
        "moto_battery_kwh", "mototaxi_battery_kwh", "required_soc", "declared_kwh",
    },
}  # fmt: skip
"""Settings that a dataset depends on, beside the series that it is made of."""


def dataset_settings_digest(settings: Settings) -> str:
    """Digest of the settings that a dataset depends on; where its series come from is none of them."""
    return sha256_json(settings.model_dump(mode="json", include=DATASET_SETTINGS))
