"""Reports that the project's own server hands out: links in a folder of Prefect's home, one for each report folder.

A browser opens no file of the machine from a page of a server, so the server has to hand the report out itself.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from prefect.settings import PREFECT_API_URL, PREFECT_HOME

ROUTE = "reports"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def folder() -> Path:
    """Folder with the links; the server makes it."""
    return Path(PREFECT_HOME.value()) / ROUTE


def address(page: Path) -> str | None:
    """Path of a page on the server, whatever its port; `None` where the server is not this machine's or not ours."""
    if urlsplit(PREFECT_API_URL.value() or "").hostname not in LOOPBACK or not folder().is_dir():
        return None
    target = page.parent.resolve()
    link = folder() / hashlib.sha256(str(target).encode()).hexdigest()[:12]
    if not link.is_symlink():
        link.symlink_to(target, target_is_directory=True)
    return f"/{ROUTE}/{link.name}/{page.name}"
