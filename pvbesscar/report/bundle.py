"""What the page carries for its scripts: data and plotting library, packed, and a policy that lets nothing else run."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

from plotly.offline import get_plotlyjs


def packed(content: bytes) -> str:
    """Bytes as the text of a page: gzip, base64; the same bytes give the same text."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode("ascii")


def packed_json(value: Any) -> str:  # noqa: ANN401
    """Data of the page, packed."""
    return packed(json.dumps(value, separators=(",", ":"), allow_nan=False, sort_keys=True).encode())


@cache
def library() -> str:
    """plotly.js, packed."""
    return packed(get_plotlyjs().encode())


@cache
def script() -> str:
    """The page's own script."""
    return files("pvbesscar.report").joinpath("script.js").read_text(encoding="utf-8")


@cache
def policy() -> str:
    """Content security policy of the page: these two scripts by their digests, no request to any host."""
    allowed = " ".join(_digest(source) for source in (script(), get_plotlyjs()))
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src {allowed}"


def _digest(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode('ascii')}'"
