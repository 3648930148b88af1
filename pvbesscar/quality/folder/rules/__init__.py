"""All folder rules, one module per topic; importing this package registers them in the order of application."""

from pvbesscar.quality.folder.rules import schema as schema  # isort: skip
from pvbesscar.quality.folder.rules import files as files  # isort: skip
from pvbesscar.quality.folder.rules import physics as physics  # isort: skip
from pvbesscar.quality.folder.rules import buildings as buildings  # isort: skip
from pvbesscar.quality.folder.rules import chargers as chargers  # isort: skip
from pvbesscar.quality.folder.rules import stays as stays  # isort: skip
from pvbesscar.quality.folder.dataset_folder import FOLDER_RULES as FOLDER_RULES  # isort: skip
