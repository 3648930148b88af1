"""The certificate: what it says, when it is current, and what is refused without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pvbesscar import plant
from pvbesscar.certify import certificate, plan
from pvbesscar.certify.certificate import certify
from pvbesscar.certify.compare import Differences
from pvbesscar.certify.plan import plan_runs, windows
from pvbesscar.dataset.build import build
from pvbesscar.plant.certificate import require_certificate
from pvbesscar.plant.data import PlantData, load_plant
from pvbesscar.store.dataset_manifest import read_manifest
from pvbesscar.store.workspace import Workspace
from schemas.certificates import Certificate
from schemas.errors import StaleError
from schemas.progress import Progress
from schemas.settings import Settings
from tests.builders import scenario, session, write_canonical
from tests.certify.faults import FAULTS, plain_twin
from tests.mini_site import mini_site

POLICIES = (
    "idle", "full-charge", "full-discharge", "alternating-extremes", "random", "no-control", "rule", "swing",
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return mini_site(tmp_path_factory.mktemp("certify"))


@pytest.fixture(scope="module")
def issued(site: Settings) -> Certificate:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "DEFAULT_HOURS", 1300)
        return certify(site, Workspace.of(site))


@pytest.fixture
def workspace(site: Settings, issued: Certificate) -> Workspace:
    """Workspace with the certificate as it was issued."""
    workspace = Workspace.of(site)
    _put(workspace, issued)
    return workspace


def _put(workspace: Workspace, certificate: Certificate, **changes: Any) -> None:
    text = certificate.model_copy(update=changes).model_dump_json()
    workspace.certificate.write_text(text, encoding="utf-8")


def test_a_certificate_says_what_was_compared_and_how_it_came_out(site: Settings, issued: Certificate) -> None:
    workspace = Workspace.of(site)
    assert issued.verdict == "equal"
    assert issued.policies == POLICIES
    assert {run.mode for run in issued.runs} == {"dispatch", "bidirectional"}
    assert all(run.equal and run.first_difference is None and run.totals_difference == 0.0 for run in issued.runs)
    assert all(d.equal and d.max_abs == 0.0 and d.hours == 0 for d in issued.differences)
    assert issued.hours == sum(run.hours for run in issued.runs)
    assert {run.policy for run in issued.runs if run.compiled} == set(POLICIES[:5])
    assert issued.dataset_digest == read_manifest(workspace.dataset).digest
    assert issued.plant_code_digest == plant.code_digest()
    assert set(issued.versions) == {"citylearn", "numpy", "numba"}
    assert issued.branches_missed == ()
    assert Certificate.model_validate_json(workspace.certificate.read_text(encoding="utf-8")) == issued
    assert require_certificate(workspace) == issued


def test_training_is_refused_without_a_certificate(workspace: Workspace) -> None:
    workspace.certificate.unlink()
    with pytest.raises(StaleError, match="there is no certificate") as caught:
        require_certificate(workspace)
    assert caught.value.hint == "run `pvbesscar certify --config CONFIG`."


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset_digest": "a" * 64}, r"dataset: certified aaaaaaaaaaaa, now [0-9a-f]{12}\."),
        ({"plant_code_digest": "b" * 64}, r"code of pvbesscar\.plant: certified bbbbbbbbbbbb, now [0-9a-f]{12}\."),
        ({"versions": {"citylearn": "2.2b0"}}, "citylearn: certified 2.2b0, now 3.0.2; numpy: certified none, now "),
    ],
)
def test_an_outdated_certificate_says_which_part(
    workspace: Workspace, issued: Certificate, changes: dict[str, Any], message: str
) -> None:
    _put(workspace, issued, **changes)
    with pytest.raises(StaleError, match=message):
        require_certificate(workspace)


def test_an_unreadable_certificate_is_refused(workspace: Workspace) -> None:
    workspace.certificate.write_text('{"verdict": "equal"}', encoding="utf-8")
    with pytest.raises(StaleError, match="not a certificate"):
        require_certificate(workspace)


def test_a_certificate_for_a_dataset_that_is_gone_is_refused(issued: Certificate, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "site")
    workspace.certificate.parent.mkdir(parents=True)
    _put(workspace, issued)
    with pytest.raises(StaleError, match="there is no dataset here"):
        require_certificate(workspace)


def test_a_twin_that_differs_gets_a_certificate_that_says_so(
    site: Settings, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = next(fault for fault in FAULTS if fault.name == "charger efficiency forgotten on the way out")
    monkeypatch.setattr(certificate, "Twin", plain_twin(fault))
    monkeypatch.setattr(plan, "DEFAULT_HOURS", 100)
    told: list[Progress] = []
    found = certify(site, workspace, on_progress=told.append)
    assert found.verdict == "not equal"
    by_name = {d.quantity: d for d in found.differences}
    # A moto's last hour of charging draws 0.6 * 3.5 kWh / 0.95; without the charger's loss 0.6 * 3.5 kWh.
    assert by_name["delivered_kwh"].max_abs == pytest.approx(3.5 * (1.0 - 0.95), abs=1e-6)
    assert by_name["delivered_kwh"].first_run is not None
    assert by_name["delivered_kwh"].first_run.startswith("idle (dispatch), hour ")
    assert by_name["vehicle_soc"].equal
    with pytest.raises(StaleError, match=r"not equal to CityLearn on this dataset\. First seen with policy `idle`"):
        require_certificate(workspace)
    assert told[0].message == "loading CityLearn"
    assert told[-1].done == told[-1].total == found.hours


def test_differences_are_of_bits_not_of_values() -> None:
    found = Differences("test", 0)
    found.note(3, "ledger", np.array([1.0, 0.0]), np.array([1.0, -0.0]), ("a", "b"))
    assert (found.equal, found.gaps["ledger"].max_abs) == (False, 0.0)
    found.note(4, "ledger", np.array([1.0, 2.0]), np.array([1.0, np.nan]), ("a", "b"))
    found.note(5, "ledger", np.array([1.0, 2.0]), np.array([1.0, 9.0]), ("a", "b"))
    assert np.isnan(found.gaps["ledger"].max_abs)
    assert (found.gaps["ledger"].hours, found.gaps["ledger"].first_hour) == (3, 3)
    found = Differences("test", 0)
    found.note(7, "vehicle_soc", np.float32([0.5, 0.5]), np.float32([0.5, 0.25]))
    assert found.first == "hour 7: vehicle_soc (socket 1), up to 0.25 1"


def _rare(tmp_path: Path) -> PlantData:
    """A year with one vehicle of each kind, far apart."""
    sessions = [
        session(0, 1000, 1004, 0.5), session(0, 3000, 3003, 0.0), session(1, 5000, 5002, 0.5),
        session(1, 5002, 5004, 0.5), session(2, 7000, 7001, 0.1), session(3, 8755, 8760, 0.4),
    ]  # fmt: skip
    settings = scenario(tmp_path)
    pv = np.zeros(8760)
    pv[6000] = 3000.0
    write_canonical(settings, sessions, pv_kwh=pv)
    build(settings, Workspace.of(settings))
    return load_plant(Workspace.of(settings).dataset)


def test_windows_hold_every_kind_of_session_and_hour(tmp_path: Path) -> None:
    data = _rare(tmp_path)
    chosen = windows(data, 400)
    held = {t for start, hours in chosen for t in range(start, start + hours)}
    # Arrival on an empty socket is in any of them; the others are each in one place.
    for first, last in ((3000, 3003), (5000, 5004), (6000, 6001), (7000, 7001), (8755, 8760), (0, 1)):
        assert set(range(first, last)) <= held, first
    assert len(chosen) == 6
    assert {hours for _, hours in chosen} == {60}


def test_a_full_plan_is_the_year_for_every_policy(tmp_path: Path) -> None:
    data = _rare(tmp_path)
    runs = plan_runs(data, 1, {"ppo": None}, full=True)  # type: ignore[dict-item]
    assert {(run.start, run.hours) for run in runs} == {(0, 8760)}
    assert tuple(dict.fromkeys(run.policy.name for run in runs)) == (*POLICIES, "ppo")
    assert sum(run.policy.name in POLICIES[:5] for run in runs) == 10
    assert [run.mode for run in runs if run.policy.name not in POLICIES[:5]] == ["dispatch"] * 4


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_full_certificate_covers_the_year_in_both_modes(site: Settings, workspace: Workspace) -> None:
    found = certify(site, workspace, full=True)
    assert found.verdict == "equal"
    assert found.scope == "year"
    assert found.hours == 13 * 8760
    assert all(run.totals_difference is not None and run.totals_difference <= 1e-9 for run in found.runs)
