"""The shadow as a flow on a live server: one pass, its days as artifacts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.dispatch import DispatchRequest
from tests.flows.conftest import ROOT, Server
from tests.shadow.servers import serving
from tests.shadow.sites import ROOT_CONFIG, built, example, service

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_a_pass_under_prefect(server: Server, tmp_path: Path) -> None:
    settings = example(built(tmp_path / "site"), tmp_path / "flown", days=3)
    own = service(settings)

    def answer(path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/v1/model":
            return 200, own.describe().model_dump_json().encode()
        return 200, own.ask(DispatchRequest.model_validate_json(body)).model_dump_json().encode()

    config = tmp_path / "site.yaml"
    config.write_text(ROOT_CONFIG.format(root=settings.data.root, name="flown"))
    with serving(answer) as told:
        overrides = [
            f"shadow.telemetry={settings.shadow.telemetry}", f"shadow.sessions={settings.shadow.sessions}",
            f"shadow.api={told.url}",
        ]  # fmt: skip
        code = "import json, sys; from flows.shadow import shadow; shadow(sys.argv[1], tuple(json.loads(sys.argv[2])))"
        command = [sys.executable, "-c", code, str(config), json.dumps(overrides)]
        done = subprocess.run(
            command, cwd=ROOT, env=server.env, capture_output=True, text=True, timeout=300, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Thu 02 Jan 2025: the site paid" in done.stdout + done.stderr
    found = {one["key"]: one for one in server.ask("artifacts/latest/filter", {})}
    assert {"shadow-flown-courses", "shadow-flown-days"} <= set(found)
    rows = json.loads(found["shadow-flown-courses"]["data"])
    assert [row["course"] for row in rows] == ["site", "shadow", "shadow, hour known", "least possible"]
