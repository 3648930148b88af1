"""All folder rules, one module per topic; importing this package registers them in the order of application."""

from pvbesscar.quality.datasets.rules import schema as schema  # isort: skip
from pvbesscar.quality.datasets.rules import files as files  # isort: skip
from pvbesscar.quality.datasets.rules import physics as physics  # isort: skip
from pvbesscar.quality.datasets.rules import buildings as buildings  # isort: skip
from pvbesscar.quality.datasets.rules import chargers as chargers  # isort: skip
