"""The readers of OE2 files, by the series that they give; a further kind of file is added here.

Rows are never dropped, sorted or padded, and shifted only from the end or middle of their interval to its start; a
missing number stays missing, for the quality gate to judge. What was decided about a file is in its provenance.
Delimited text and Parquet come as one table of cells (`pvbesscar.oe2.delimited.read_table`), so each reader reads both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pvbesscar.oe2.carbon_file import read_carbon
from pvbesscar.oe2.energy_file import read_mall, read_pv
from pvbesscar.oe2.profile_file import read_profile
from pvbesscar.oe2.series import Series
from pvbesscar.oe2.sessions_file import read_sessions
from pvbesscar.oe2.weather_file import read_weather
from schemas.errors import InputError
from schemas.frames import CARBON, EV_PROFILE, MALL, PV, SESSIONS, WEATHER
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class Reader:
    """Reader of one kind of file.

    Attributes
    ----------
    section
        Section of the configuration whose `file` names the file.
    read
        Series of a file: `read(path, key, settings)`; an `InputError` where the file is not what it is declared to be.
    """

    section: str
    read: Callable[[Path, str, Settings], Series]


READERS: Mapping[str, Reader] = {
    WEATHER: Reader("weather", lambda path, key, it: read_weather(path, key, it.site, it.weather)),
    PV: Reader("pv", lambda path, key, it: read_pv(path, key, it.site, it.pv)),
    MALL: Reader("mall", lambda path, key, it: read_mall(path, key, it.site, it.mall)),
    EV_PROFILE: Reader("ev", lambda path, key, it: read_profile(path, key, it.site, it.ev)),
    SESSIONS: Reader("ev", read_sessions),
    CARBON: Reader("carbon", lambda path, key, it: read_carbon(path, key, it.site, it.carbon)),
}
"""Reader of each canonical series."""


def read_series(series: str, settings: Settings) -> Series:
    """Read a canonical series from the file that the scenario names.

    Raises
    ------
    InputError
        The file can not be read as what the scenario declares it to be.
    """
    reader = READERS[series]
    file: Path | None = getattr(settings, reader.section).file
    key = f"{reader.section}.file"
    if file is None:  # settings guarantee it; here for callers that build their own
        raise InputError(f"`{key}` is not set.", hint=f"set `{key}` to the file.")
    return reader.read(input_path(settings, file, key), key, settings)


def input_path(settings: Settings, file: Path, key: str) -> Path:
    """Path of an input file; a relative one starts from `data.oe2_dir`.

    Raises
    ------
    InputError
        The file is relative and the folder is not there.
    """
    folder = settings.data.oe2_dir
    if not file.is_absolute() and not folder.is_dir():
        raise InputError(
            f"{folder / file} (named by `{key}`): the folder of OE2 files, {folder.resolve()}, does not exist.",
            hint=f"set `data.oe2_dir` to the folder that holds `{file}`; no other data is used in its place.",
        )
    return folder / file
