"""Where telemetry comes from: a file that grows, or an address that may be slow, away, or cut short.

What is read is whole lines: a last line without its end is still being written and waits for the next pass.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from pvbesscar.oe2.cells import NamedFile
from pvbesscar.oe2.limits import MAX_BYTES
from pvbesscar.oe2.parquet import parquet_text
from pvbesscar.oe2.records import records_text
from schemas.errors import InputError, PvbesscarError
from schemas.settings.shadow import ShadowSettings

PARQUET = b"PAR1"
OK, SERVER_ERROR = 200, 500
PAUSE_S = 1.0
"""Pause before an address is asked again; it doubles with each try [s]."""


class AwayError(PvbesscarError):
    """An address did not answer, or not whole; the next pass takes up where this one ended."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a source held at one moment.

    Attributes
    ----------
    where
        Path or address.
    text
        Comma separated text, whole lines.
    cut
        Whether a last line without its end was left for later.
    """

    where: str
    text: str
    cut: bool = False


def read_source(where: str, key: str, settings: ShadowSettings, token: str | None = None) -> Snapshot:
    """Read a file or an address.

    Parameters
    ----------
    where, key
        Path or http(s) address, and the configuration key that names it.
    token
        Bearer token for an address.

    Raises
    ------
    InputError
        There is no such file, it is too large, or what it holds is no table.
    AwayError
        The address gave no whole answer in `settings.tries` tries.
    """
    if where.startswith(("http://", "https://")):
        return _asked(where, key, settings, token)
    path = Path(where)
    if not path.is_file():
        raise InputError.missing_file(path, key)
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path} has more than {MAX_BYTES:,} bytes.", hint="keep the last months in it alone.")
    return _table(where, key, path.read_bytes())


def _asked(where: str, key: str, settings: ShadowSettings, token: str | None) -> Snapshot:
    headers = {"Accept": "text/csv, application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    said = ""
    with new_client(settings, headers) as client:
        for _ in tries(settings):
            try:
                status, body = fetched(client, settings, "GET", where)
                if status == OK:
                    return _table(where, key, body)
            except (httpx.HTTPError, json.JSONDecodeError, UnicodeDecodeError) as error:
                said = f"{type(error).__name__}: {error}"
                continue
            said = f"it answers {status}"
            if status < SERVER_ERROR:  # asking again would not mend it
                break
    raise AwayError(
        f"{where} (named by `{key}`): no whole answer ({said}).",
        hint="nothing is lost: the next pass takes up at the same hour. Look whether the address answers, or set "
        "`shadow.timeout_s` and `shadow.tries`.",
    )


def tries(settings: ShadowSettings) -> Iterator[int]:
    """Numbers of the tries, with a pause before each but the first."""
    for tried in range(settings.tries):
        if tried:
            time.sleep(PAUSE_S * 2 ** (tried - 1))
        yield tried


def new_client(settings: ShadowSettings, headers: dict[str, str]) -> httpx.Client:
    """A client that asks whom it is told to ask, whatever proxies the environment names."""
    return httpx.Client(timeout=settings.timeout_s, trust_env=False, headers=headers)


def fetched(
    client: httpx.Client, settings: ShadowSettings, method: str, url: str, body: bytes | None = None
) -> tuple[int, bytes]:
    """Status and body of an answer, whole and within a time in all.

    Raises
    ------
    httpx.HTTPError
        No answer, one cut short, or one that took too long.
    """
    until = time.monotonic() + settings.timeout_s
    with client.stream(method, url, content=body) as answer:
        parts, size = [], 0
        for part in answer.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > MAX_BYTES:
                raise httpx.ReadError(f"more than {MAX_BYTES:,} bytes")
            # httpx's own limit is between two parts: a trickle would last for ever.
            if time.monotonic() > until:
                raise httpx.ReadTimeout(f"not whole after {settings.timeout_s:g} s")
        return answer.status_code, b"".join(parts)


def _table(where: str, key: str, data: bytes) -> Snapshot:
    file = NamedFile(Path(where), key)
    if data.startswith(PARQUET):
        return Snapshot(where, parquet_text(data, file))
    text = data.decode("utf-8-sig")
    if text.lstrip()[:1] in {"[", "{"}:
        json.loads(text)  # half a body is found here, before anyone takes it for a table
        records = records_text(text, file)
        if records is None and json.loads(text) != []:
            raise InputError(f"{file.named}: JSON, but no list of objects.", hint="give one object an hour.")
        return Snapshot(where, records or "")
    whole, end, rest = text.rpartition("\n")
    return Snapshot(where, whole + end, cut=bool(rest.strip()))
