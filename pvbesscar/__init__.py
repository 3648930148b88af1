"""Data and training pipeline for EV charging at the Iquitos mall; this package knows nothing of Prefect."""

__version__ = "0.1.0"
