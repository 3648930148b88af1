"""Units that a file says: in a header, in a row under it, or by a key; what is known is converted, other is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pvbesscar.oe2.cells import Table, plain
from schemas.errors import InputError


@dataclass(frozen=True, slots=True)
class Quantity:
    """A physical quantity with the units that a file may give it in.

    Attributes
    ----------
    name
        As messages say it.
    units
        Names of each unit, as written without case, blanks and marks; the first is the canonical one.
    foreign
        Names of units that are known not to be among them.
    """

    name: str
    units: Mapping[str, tuple[str, ...]]
    foreign: frozenset[str] = frozenset()

    def unit(self, text: str) -> str | None:
        """Unit that a text is the name of."""
        written = _written(text)
        return next((unit for unit, names in self.units.items() if written in names), None)


POWER = Quantity(
    "power or energy",
    {
        "W": ("w", "watt", "watts", "vatios"), "kW": ("kw", "kilowatt", "kilowatts"), "MW": ("mw", "megawatt"),
        "GW": ("gw",), "Wh": ("wh", "whr"), "kWh": ("kwh", "kwhr", "kwhh", "kilowatthora", "kilowatthour"),
        "MWh": ("mwh", "mwhr"), "GWh": ("gwh",), "kJ": ("kj",), "MJ": ("mj",), "GJ": ("gj",),
    },
    frozenset({"kva", "kvar", "kvarh", "kvah", "va", "var", "varh", "vah", "hp", "btu", "therm", "kcal", "amps"}),
)  # fmt: skip
IRRADIANCE = Quantity(
    "irradiance",
    {
        "W/m2": ("w/m2", "wm2", "w/m^2", "wm-2", "w_m2", "watt/m2"), "kW/m2": ("kw/m2", "kwm2", "kwm-2", "kw_m2"),
        "Wh/m2": ("wh/m2", "whm2", "whm-2", "wh_m2"), "kWh/m2": ("kwh/m2", "kwhm2", "kwhm-2", "kwh_m2"),
        "MJ/m2": ("mj/m2", "mjm2", "mjm-2", "mj_m2"), "kJ/m2": ("kj/m2", "kjm2", "kjm-2", "kj_m2"),
        "J/m2": ("j/m2", "jm2", "jm-2", "j_m2"), "J/cm2": ("j/cm2", "jcm2", "jcm-2", "j_cm2"),
    },
    frozenset({"ly", "langley", "langleys", "btu/ft2", "lux", "klux", "umol/m2/s", "par"}),
)  # fmt: skip
WIND = Quantity(
    "wind speed",
    {
        "m/s": ("m/s", "ms", "m_s", "ms-1", "mps", "msec", "m/sec"),
        "km/h": ("km/h", "kmh", "km_h", "kmh-1", "kph", "kmph", "km/hr"), "mph": ("mph", "mi/h", "miles/h", "mi_h"),
        "kn": ("kn", "kt", "kts", "knot", "knots", "nudos"), "ft/s": ("ft/s", "fts", "ft_s", "fps"),
    },
    frozenset({"bft", "beaufort", "ft/min", "fpm", "ft_min", "cm/s", "cm_s"}),
)  # fmt: skip
TEMPERATURE = Quantity(
    "air temperature",
    {
        "degC": ("c", "degc", "celsius", "deg_c", "degreesc", "degreescelsius", "gradosc", "ºc", "centigrados"),
        "K": ("k", "kelvin", "degk", "deg_k"), "degF": ("f", "degf", "fahrenheit", "deg_f", "degreesf", "ºf"),
    },
    frozenset({"r", "rankine", "degr"}),
)  # fmt: skip
HUMIDITY = Quantity(
    "relative humidity",
    {"%": ("%", "pct", "percent", "porcentaje"), "1": ("1", "0-1", "fraction", "ratio", "frac", "-", "fraccion")},
    frozenset({"g/kg", "g/m3", "g_kg", "kg/kg"}),
)  # fmt: skip
PER_KWH = {
    "W": 1e-3, "kW": 1.0, "MW": 1e3, "GW": 1e6, "Wh": 1e-3, "kWh": 1.0, "MWh": 1e3, "GWh": 1e6,
    "kJ": 1 / 3600, "MJ": 1 / 3.6, "GJ": 1e3 / 3.6,
}  # fmt: skip
"""Energy of one hour [kWh] per unit of a column; a mean power over one hour is that energy."""
PER_WATT = {
    "W/m2": 1.0, "kW/m2": 1e3, "Wh/m2": 1.0, "kWh/m2": 1e3, "MJ/m2": 1e3 / 3.6, "kJ/m2": 1 / 3.6, "J/m2": 1 / 3600,
    "J/cm2": 1e4 / 3600,
}  # fmt: skip
"""Mean irradiance over one hour [W/m2] per unit of a column."""
LINEAR = {
    "m/s": (1.0, 0.0), "km/h": (1 / 3.6, 0.0), "mph": (0.44704, 0.0), "kn": (1852 / 3600, 0.0), "ft/s": (0.3048, 0.0),
    "degC": (1.0, 0.0), "K": (1.0, -273.15), "degF": (5 / 9, -160 / 9), "%": (1.0, 0.0), "1": (100.0, 0.0),
}  # fmt: skip
"""Factor and summand from a unit to the canonical one of its quantity."""
BRACKETS = re.compile(r"[(\[{]([^()\[\]{}]*)[)\]}]")
CAMEL = re.compile(r"(?<=[a-z0-9]{2})(?=[A-Z])")
NO_UNIT = re.compile(
    r"\d+\s?m|h|n|i|ac|dc|pv|utc|mean|avg|media|total|\d+\s?min|ghi|dni|dhi|real|est|beam|diffuse", re.IGNORECASE
)
"""What stands in brackets and is no unit: a height, PVGIS's planes, a kind."""


def said_unit(table: Table, header: str, quantity: Quantity) -> tuple[str | None, str]:
    """Unit that a file says for a column, and where; None where it says none.

    Raises
    ------
    InputError
        It says a unit that is none of the quantity's.
    """
    below = table.units.get(header)
    if below and (unit := quantity.unit(below)) is not None:
        return unit, f"the row of units under `{header}` says so"
    unit = unit_in(header, quantity)
    if unit is not None:
        return unit, f"the header `{header}` says so"
    foreign = foreign_unit(header, quantity) or (below if below and not NO_UNIT.fullmatch(below) else None)
    if foreign:
        raise InputError(
            f"{table.path}: column `{header}` (named by `{table.key}`) is in `{foreign}`, which is no unit of "
            f"{quantity.name} that is read; known are {', '.join(quantity.units)}.",
            hint=f"convert the column to {next(iter(quantity.units))} and say so in its header.",
        )
    return None, ""


def unit_in(header: str, quantity: Quantity) -> str | None:
    """Unit of a quantity that a header says, in brackets or as its last word."""
    for text in reversed(BRACKETS.findall(header)):
        unit = quantity.unit(text)
        if unit is not None:
            return unit
    return next((unit for text in _endings(header) if (unit := quantity.unit(text)) is not None), None)


def foreign_unit(header: str, quantity: Quantity) -> str | None:
    """What a header says in the place of a unit, where it is none of the quantity's."""
    for text in BRACKETS.findall(header):
        if text.strip() and not NO_UNIT.fullmatch(text.strip()):
            return str(text)
    return next((text for text in _endings(header) if _written(text) in quantity.foreign), None)


def stem(header: str, quantity: Quantity) -> str:
    """Plain header without its unit: `Wind speed (km/h)` is `wind_speed`."""
    bare = BRACKETS.sub(lambda match: "" if quantity.unit(match[1]) else match[0], header)
    words = plain(CAMEL.sub("_", bare)).split("_")
    for length in (3, 2, 1):
        if len(words) > length and quantity.unit("_".join(words[-length:])) is not None:
            return "_".join(words[:-length])
    return "_".join(words)


def find_quantity(table: Table, names: Sequence[str], quantity: Quantity) -> list[str]:
    """Headers of a quantity by its known names, with or without a unit, in the file's order."""
    bare = set(names) | {stem(name, quantity) for name in names if unit_in(name, quantity)}
    return [
        header for header in table.columns
        if plain(header) in names or (stem(header, quantity) in bare and _has_unit(table, header, quantity))
    ]  # fmt: skip


def _has_unit(table: Table, header: str, quantity: Quantity) -> bool:
    return unit_in(header, quantity) is not None or bool(quantity.unit(table.units.get(header, "")))


def _endings(header: str) -> list[str]:
    words = plain(CAMEL.sub("_", BRACKETS.sub("", header)).replace("%", " pct ")).split("_")
    return ["_".join(words[-length:]) for length in (3, 2, 1) if len(words) > length or (length == 1 and words)]


def _written(text: str) -> str:
    folded = text.strip().casefold().replace("²", "2").replace("°", "deg").replace("⁻", "-")
    return re.sub(r"[·. *]", "", folded).replace("degdeg", "deg").replace("m^2", "m2")
