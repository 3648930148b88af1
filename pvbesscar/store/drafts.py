"""Drafts (files and folders not yet complete) that a killed process left: found by name, removed when it is dead."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from pvbesscar.store.processes import ProcessMark

FOLDERS = ("data", "checkpoints", "outputs")
"""Where the project writes, below its root."""
OTHER_BOOT_S = 3600.0
"""How long a draft of another machine or an earlier boot must lie untouched before it counts as left behind [s]."""
PATTERN = re.compile(r"\..+-(?P<boot>[0-9a-f]{8})-(?P<pid>\d+)-(?P<started>\d+)-[a-z0-9_]+\.tmp(\.\w+)?")


def draft_prefix(name: str) -> str:
    """Beginning of the name of a draft of `name`: hidden, and with the mark of the process that writes it."""
    mark = ProcessMark.own()
    return f".{name}-{mark.boot}-{mark.pid}-{mark.started}-"


def sweep(root: Path) -> list[Path]:
    """Remove the drafts below a project folder whose writers are dead; return what was removed.

    A draft of a living process stays. One of an earlier boot, or of another machine that shares the folder, goes when
    nothing in it has changed for an hour.
    """
    found = [path for name in FOLDERS for path in (root / name).rglob(".*.tmp*") if PATTERN.fullmatch(path.name)]
    left = [path for path in found if _left_behind(path)]
    for path in left:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return left


def _left_behind(path: Path) -> bool:
    match = PATTERN.fullmatch(path.name)
    assert match is not None
    writer = ProcessMark(int(match["pid"]), int(match["started"]), match["boot"])
    return not writer.alive if writer.here else time.time() - _last_change(path) > OTHER_BOOT_S


def _last_change(path: Path) -> float:
    try:
        return max(one.lstat().st_mtime for one in (path, *path.rglob("*")))
    except FileNotFoundError:  # somebody is at work in it this very moment
        return time.time()
