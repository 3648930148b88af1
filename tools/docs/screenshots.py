"""Pictures of the report and of the Prefect UI, taken in a headless Chromium; and what a page does while it loads.

python -m tools.docs.screenshots report outputs/report/index.html docs/images/report.png
python -m tools.docs.screenshots prefect .prefect docs/images/prefect-dag.png
python -m tools.docs.screenshots artifact .prefect docs/images/lineage-graph.png --key iquitos-mall-lineage
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

CHROMIUM, DRIVER = "chromium", "chromedriver"
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
REQUESTS = {"Network.requestWillBeSent", "Network.webSocketCreated"}
OWN_SCHEMES = {"file", "data", "blob", "about", "chrome"}
"""Addresses that leave the page's own file or memory on no wire."""
HOST = "127.0.0.1"
ONLY_LOOPBACK = f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOST}"


@dataclass(frozen=True)
class Visit:
    """What a browser saw of a page.

    Attributes
    ----------
    errors
        What the console reports as severe.
    hosts
        Hosts that were asked for anything.
    """

    errors: list[str]
    hosts: set[str]


def installed() -> bool:
    """Whether Debian's Chromium and its driver are there."""
    return all(shutil.which(name) for name in (CHROMIUM, DRIVER))


@contextmanager
def browser(width: int, height: int, *flags: str) -> Iterator[webdriver.Chrome]:
    """Yield a browser with an empty profile of its own."""
    with tempfile.TemporaryDirectory(prefix="pvbesscar-chromium-") as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = str(shutil.which(CHROMIUM))
        for flag in (*FLAGS, *flags, f"--window-size={width},{height}", f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which(DRIVER)))
        try:
            yield driver
        finally:
            driver.quit()


def visit(driver: webdriver.Chrome, url: str, settle_s: float = 0.5) -> Visit:
    """Open a page, let it settle, and say what it did."""
    driver.get(url)
    time.sleep(settle_s)
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [urlsplit(_address(m["params"])) for m in messages if m["method"] in REQUESTS]
    errors = [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    return Visit(errors, {url.hostname or url.scheme for url in asked if url.scheme not in OWN_SCHEMES})


def _address(parameters: dict[str, Any]) -> str:
    return str(parameters["request"]["url"] if "request" in parameters else parameters["url"])


def picture_of_report(page: Path, picture: Path, width: int = 1100, height: int = 1360) -> Visit:
    """Take the first screen of a report page."""
    with browser(width, height) as driver:
        seen = visit(driver, page.resolve().as_uri())
        driver.save_screenshot(str(picture))
    return seen


def picture_of_run(prefect_home: Path, picture: Path) -> Visit:
    """Take the stages of the last parent run in a Prefect database as a graph: what each one waits for."""
    return _picture_of_ui(
        prefect_home, picture, lambda database: f"runs/flow-run/{last_parent_run(database)}", 1500, 640, _as_graph
    )


def picture_of_artifact(prefect_home: Path, key: str, picture: Path) -> Visit:
    """Take the page of the newest artifact of a key in a Prefect database."""
    return _picture_of_ui(
        prefect_home, picture, lambda database: f"artifacts/artifact/{newest_artifact(database, key)}", 1100, 1040
    )


def _picture_of_ui(
    prefect_home: Path,
    picture: Path,
    page_of: Callable[[Path], str],
    width: int,
    height: int,
    prepare: Callable[[webdriver.Chrome], None] = lambda _: None,
) -> Visit:
    """Take a page of the Prefect UI; works on a copy of the database, which stays as it is."""
    with tempfile.TemporaryDirectory(prefix="pvbesscar-prefect-") as folder:
        home = Path(folder) / "home"
        shutil.copytree(prefect_home, home)
        page = page_of(home / "prefect.db")
        with prefect_server(home) as base, browser(width, height, ONLY_LOOPBACK) as driver:
            seen = visit(driver, f"{base}/v2/{page}", settle_s=6.0)
            for dismiss in driver.find_elements(By.CSS_SELECTOR, "[aria-label='Close toast']"):
                dismiss.click()
            prepare(driver)
            driver.save_screenshot(str(picture))
    smaller(picture)
    return seen


def _as_graph(driver: webdriver.Chrome) -> None:
    """Lay the tasks of a flow run's page out by their dependencies, without artifacts and events."""
    driver.find_element(By.XPATH, "//button[.//*[contains(@class, 'lucide-cog')]]").click()
    for choice in ("dependency_nearest-parent", "hideArtifacts", "hideEvents"):
        driver.find_element(By.ID, choice).click()
    driver.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)
    time.sleep(2.0)  # the graph moves to its new layout


def smaller(picture: Path, colours: int = 128) -> None:
    """Write a screenshot again with a palette: a page has few colours, and the file a third of the size."""
    with Image.open(picture) as image:
        reduced = image.convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    reduced.save(picture, optimize=True)


def newest_artifact(database: Path, key: str) -> str:
    """Id of the newest artifact of a key."""
    with sqlite3.connect(database) as connection:
        row = connection.execute(
            "select id from artifact where key = ? order by created desc limit 1", (key,)
        ).fetchone()
    return str(row[0])


def last_parent_run(database: Path) -> str:
    """Id of the last flow run that has no parent."""
    with sqlite3.connect(database) as connection:
        row = connection.execute(
            "select id from flow_run where parent_task_run_id is null order by start_time desc limit 1"
        ).fetchone()
    return str(row[0])


@contextmanager
def prefect_server(home: Path) -> Iterator[str]:
    """Yield the address of a Prefect server with its UI on the database in `home`."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")} | {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "DO_NOT_TRACK": "1",
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--no-services"]
    with (home / "ui.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=home)
        try:
            _await(f"http://{HOST}:{port}/api/health")
            yield f"http://{HOST}:{port}"
        finally:
            server.terminate()
            server.wait(20)


def _await(url: str, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def main() -> None:
    """Take a picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("report", "prefect", "artifact"))
    parser.add_argument("source", type=Path, help="the report's index.html, or the folder of Prefect's database")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--key", help="key of the artifact")
    arguments = parser.parse_args()
    if arguments.what == "artifact":
        seen = picture_of_artifact(arguments.source, arguments.key, arguments.picture)
    else:
        take = picture_of_report if arguments.what == "report" else picture_of_run
        seen = take(arguments.source, arguments.picture)
    print(f"{arguments.picture}: {arguments.picture.stat().st_size:,} bytes")
    for error in seen.errors:
        print(f"console: {error}")
    if seen.hosts:
        print(f"hosts: {', '.join(sorted(seen.hosts))}")


if __name__ == "__main__":
    main()
