"""Settings of the shadow: where a site's telemetry comes from, who is asked, and when an hour is given up."""

from __future__ import annotations

import datetime as dt

from schemas.addresses import PORT
from schemas.settings.fields import Frozen, PlainName, quantity


class ShadowSettings(Frozen):
    """A controller that runs beside the site and moves nothing; docs/shadow.md."""

    name: PlainName = quantity("site", "", "name of the shadow, and of its folder under outputs/shadow/", "any")
    telemetry: str | None = quantity(
        None, "", "the site's hours: a CSV or Parquet file that grows, or an http(s) address", "the site's to say"
    )
    sessions: str | None = quantity(
        None, "", "stays of vehicles so far: a file as `ev.file`, or an http(s) address", "the site's to say"
    )
    api: str = quantity(f"http://127.0.0.1:{PORT}", "", "address of `pvbesscar serve`", "its default", min_length=8)
    begin: dt.date | None = quantity(
        None,
        "date",
        "first day of the shadow",
        "the first one that has a day of telemetry before it, a week where the controller plans ahead",
    )
    late_hours: int = quantity(
        2,
        "h",
        "how many later hours may be there before an hour without a row is given up",
        "an assumption",
        ge=0,
        le=72,
    )
    balance_tolerance: float = quantity(
        0.02, "1", "what may be left over in an hour's energy balance, as a share of its greatest flow",
        "two meters of class 1 (IEC 62053-21)", gt=0.0, le=0.2,
    )  # fmt: skip
    timeout_s: float = quantity(20.0, "s", "how long an answer may take in all", "an assumption", gt=0.0, le=600.0)
    tries: int = quantity(3, "", "how often an address is asked before a pass gives up", "an assumption", ge=1, le=10)
