"""All rules, one module per topic; importing this package registers them in the order of application."""

from pvbesscar.quality.year.rules import structure as structure  # isort: skip
from pvbesscar.quality.year.rules import time_axis as time_axis  # isort: skip
from pvbesscar.quality.year.rules import values as values  # isort: skip
from pvbesscar.quality.year.rules import weather as weather  # isort: skip
from pvbesscar.quality.year.rules import solar as solar  # isort: skip
from pvbesscar.quality.year.rules import pv as pv  # isort: skip
from pvbesscar.quality.year.rules import energy as energy  # isort: skip
from pvbesscar.quality.year.rules import sessions as sessions  # isort: skip
from pvbesscar.quality.year.rules import time_shift as time_shift  # isort: skip
from pvbesscar.quality.year.rules import patterns as patterns  # isort: skip
from pvbesscar.quality.year.rules import lines as lines  # isort: skip
from pvbesscar.quality.year.rules import levels as levels  # isort: skip
from pvbesscar.quality.year.rules import copies as copies  # isort: skip
from pvbesscar.quality.year.rules import seasons as seasons  # isort: skip
from pvbesscar.quality.year.rules import fills as fills  # isort: skip
from pvbesscar.quality.year.rules import chargers as chargers  # isort: skip
from pvbesscar.quality.year.rules import plant as plant  # isort: skip
from pvbesscar.quality.year.rules import waivers as waivers  # isort: skip
from pvbesscar.quality.year.context import YEAR_RULES as YEAR_RULES  # isort: skip
