"""Building blocks of the settings: a number with its unit and source, and the types of names, paths and dates."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

HOURS_PER_YEAR = 8760
SITE_SOURCE = "OE2 design of the Iquitos mall"


def quantity(default: Any, unit: str, description: str, source: str = SITE_SOURCE, **limits: Any) -> Any:  # noqa: ANN401
    """Declare a setting with its unit and the source of its default (`...` as default: the key is required)."""
    return Field(default, description=description, json_schema_extra={"unit": unit, "source": source}, **limits)


class Frozen(BaseModel):
    """Base of all settings: immutable, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)


def _is_month_day_or_date(value: str) -> str:
    if not re.fullmatch(r"(\d{4}-)?\d{2}-\d{2}", value):
        raise ValueError(f"`{value}` is neither MM-DD nor YYYY-MM-DD")
    dt.date.fromisoformat(value if len(value) > 5 else f"2024-{value}")
    return value


def _is_plain_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", value):
        raise ValueError(f"`{value}` is not a plain name (letters, digits, `_`, `-`; at most 64)")
    return value


def _is_zone(value: str) -> str:
    # Zone names are looked up as files: a name with dots or a leading slash is no zone.
    msg = f"`{value[:60]}` is no IANA time zone; a name like `America/Lima` or `UTC` is"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", value):
        raise ValueError(msg)
    try:
        zoneinfo.ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(msg) from error
    return value


def _is_path(value: Path) -> Path:
    text = str(value)
    if len(text) > 1000 or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", text):
        raise ValueError("no path: it is longer than 1,000 characters or holds control characters")
    return value


def _divides_the_hour(value: int) -> int:
    if 60 % value:
        raise ValueError(f"{value} minutes do not divide an hour")
    return value


MonthDay = Annotated[str, AfterValidator(_is_month_day_or_date)]
PlainName = Annotated[str, AfterValidator(_is_plain_name)]
Zone = Annotated[str, AfterValidator(_is_zone)]
FilePath = Annotated[Path, AfterValidator(_is_path)]
Minutes = Annotated[int, Field(ge=1, le=60), AfterValidator(_divides_the_hour)]
Unit = Literal["W", "kW", "MW", "kWh", "Wh", "MWh"]
