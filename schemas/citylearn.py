"""Codes of CityLearn's files that more than one room reads or writes."""

from __future__ import annotations

CONNECTED, INCOMING, AWAY = 1, 2, 3
"""States of a charger: a vehicle is there, comes in the next hour, or is somewhere else."""
