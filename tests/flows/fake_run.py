"""`pvbesscar` with fake stages, as a program of its own: `python -m tests.flows.fake_run ROOT run ...`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import pvbesscar.cli
from flows.server import prepare

if __name__ == "__main__":
    prepare(Path(sys.argv.pop(1)), quiet=True)
    from tests.flows import fake_stages

    with pytest.MonkeyPatch.context() as patch:
        fake_stages.put_in_place(patch)
        pvbesscar.cli.main()
