"""Configuration: what is refused and in what words, where values come from, and that nothing in a file is executed."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvbesscar.config import configuration_table, describe, known_keys, load_settings, pinned
from pvbesscar.config.load import load_tariff
from pvbesscar.config.yaml_text import MAX_BYTES
from schemas.errors import ConfigError
from schemas.settings import TariffSettings

ROOT = Path(__file__).resolve().parents[2]
MALL = ROOT / "config" / "iquitos_mall.yaml"
TARIFFS = ROOT / "config" / "tariffs"
BASE = """\
name: plant
weather: {source: synthetic}
pv: {source: synthetic}
mall: {source: synthetic}
ev: {source: synthetic, dwell_hours: 3}
"""


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "plant.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _refused(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(path, overrides)
    assert caught.value.exit_code == 2
    return caught.value.message


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_scenario_loads(path: Path) -> None:
    assert load_settings(path).settings.name == path.stem


def test_values_come_from_file_override_or_default_in_that_order_of_origin() -> None:
    loaded = load_settings(MALL, ["training.smoke.steps=200", "ev.dwell_hours=4"])
    line = MALL.read_text().splitlines().index("name: iquitos_mall") + 1
    assert loaded.origins["name"] == f"{MALL}:{line}"
    assert loaded.origins["ev.dwell_hours"] == "--set"
    assert loaded.origins["bess.efficiency"] == "default (OE2 design of the Iquitos mall)"
    assert loaded.origins["training.smoke.episode_hours"] == "default (a week)"
    assert loaded.settings.ev.dwell_hours == 4


def test_part_of_a_profile_can_be_set() -> None:
    smoke = load_settings(MALL, ["training.smoke.steps=200"]).settings.training.smoke
    assert (smoke.steps, smoke.episode_hours, smoke.evaluate_on) == (200, 168, "windows")


def test_the_last_override_wins() -> None:
    assert load_settings(MALL, ["seed=1", "seed=2"]).settings.seed == 2


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("training.agents=[sac, a2c]", "training.agents", ("sac", "a2c")),
        ("training.sac.learning_rate=3e-4", "training.sac.learning_rate", 3e-4),
        ("ev.peak_hours=[17, 23]", "ev.peak_hours", (17, 23)),
        ("control.departure_guard=false", "control.departure_guard", False),
        ("pv.column=", "pv.column", None),
        ("description=a = b", "description", "a = b"),
        ("site.holidays=[2025-04-17, 05-01]", "site.holidays", ("2025-04-17", "05-01")),
    ],
)
def test_override_values_are_read_as_yaml(text: str, key: str, value: object) -> None:
    seen: object = load_settings(MALL, [text]).settings
    for part in key.split("."):
        seen = getattr(seen, part)
    assert seen == value


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("bess.capacity", "bess.capacity_kwh"),
        ("capacity_kwh", "bess.capacity_kwh"),
        ("pv.dc_kw", "pv.dc_kwp"),
        ("training.smoke.stepz", "training.smoke.steps"),
        ("trainign.smoke.steps", "training.smoke.steps"),
        ("ev.dwell_hour", "ev.dwell_hours"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(key: str, nearest: str) -> None:
    message = _refused(MALL, f"{key}=1")
    assert f"`{key}` (--set) is no known key; the nearest is `{nearest}`." in message


def test_an_unknown_key_in_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = _file(tmp_path, BASE + "bess:\n  capacity_kwh: 5000\n  eficiency: 0.9\n")
    assert f"`bess.eficiency` ({path}:8) is no known key; the nearest is `bess.efficiency`." in _refused(path)


def test_a_limit_is_named_with_value_origin_and_unit(tmp_path: Path) -> None:
    path = _file(tmp_path, BASE + "bess:\n  capacity_kwh: -5\n")
    assert _refused(path) == (f"{path}: `bess.capacity_kwh`: given -5 ({path}:7); it must be greater than 0 [kWh].")


def test_a_choice_is_named_with_what_can_be_chosen() -> None:
    assert "`pv.source`: given 'fil' (--set); it must be 'file', 'model' or 'synthetic'." in _refused(
        MALL, "pv.source=fil"
    )


def test_all_faults_are_named_at_once() -> None:
    message = _refused(MALL, "seed=x", "bess.power_kw=0", "nonsense.key=1")
    assert "3 settings can not be used" in message
    assert message.count("\n  - ") == 3


@pytest.mark.parametrize("value", ["true", "abc", "[1]", ".nan", ".inf", "1e400", "''"])
def test_a_number_is_a_number(value: str) -> None:
    assert "`bess.capacity_kwh`" in _refused(MALL, f"bess.capacity_kwh={value}")


def test_a_required_key_is_named_with_its_meaning(tmp_path: Path) -> None:
    message = _refused(_file(tmp_path, BASE.replace("name: plant\n", "")))
    assert "`name` is required (name of the scenario), and is not given." in message
    message = _refused(_file(tmp_path, BASE.replace(", dwell_hours: 3", "")))
    assert "`ev.dwell_hours` is required for `ev.source: synthetic`" in message


def test_checks_over_several_keys_speak_for_themselves() -> None:
    assert _refused(MALL, "weights.co2=0.9") == f"{MALL}: the five weights add up to 1.4, not to 1."


@pytest.mark.parametrize(
    "override",
    [
        "nonsense",
        "=3",
        "seed",
        "bess=3",
        "pv.source.deeper=3",
        "seed=[1",
        "seed=&a 1\n*a",
        "nonsense={b: 1}",
        "quality.waivers.x=1",
        "seed=!!bool x",
    ],
)
def test_an_override_that_can_not_be_applied_is_shown(override: str) -> None:
    assert _refused(MALL, override)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a mapping of settings is expected, found nothing"),
        ("- a\n- b\n", "a mapping of settings is expected, found a sequence"),
        ("just words", "found a scalar"),
        (BASE + "seed: 1\nseed: 2\n", "key `seed` is given a second time (first in line 6)"),
        (BASE + "bess:\n  power_kw: 1\n  power_kw: 2\n", "key `bess.power_kw` is given a second time"),
        (BASE + "seed: !!python/object/apply:os.system ['true']\n", "tags like `tag:yaml.org,2002:python/object/apply"),
        (BASE + "a: &a [x, x]\nb: &b [*a, *a]\n", "anchors and aliases are not used"),
        (BASE + "seed: " + "[" * 5000 + "]" * 5000, "nested deeper than 12"),
        (BASE + "seed: " + "9" * 5000, "no YAML that can be read"),
        (BASE + "---\nname: other\n", "expected a single document"),
        (BASE + "seed: [1\n", "no YAML that can be read"),
        (BASE + "seed: 1\n\tseed: 2\n", "no YAML that can be read"),
        (BASE + "seed: \x07\n", "no YAML that can be read"),
        (BASE + "#" * MAX_BYTES, f"a configuration has at most {MAX_BYTES}"),
        (BASE + "pv: 3\n", "key `pv` is given a second time"),
        (BASE.replace("pv: {source: synthetic}", "pv: 3"), "a section with keys of its own is expected"),
        (BASE + "? [a, b]\n: 1\n", "no known key"),
        (BASE + "seed: !!bool maybe\n", "tags like `tag:yaml.org,2002:bool` are not used"),
        (BASE + "seed: !!timestamp x\n", "tags like"),
        (BASE + "seed: &a 1\n", "anchors and aliases are not used"),
        (BASE + "".join(f"k{i}: {i}\n" for i in range(5000)), "and 4980 more."),
        (BASE + "x" * 900 + ": 1\n", "(900 characters)"),
        (BASE + "site: {timezone: ../../etc/passwd}\n", "is no IANA time zone"),
        (BASE + 'data: {root: "a\\0b"}\n', "no path"),
        (BASE + f"data: {{oe2_dir: {'x' * 2000}}}\n", "no path"),
        (BASE + "quality: {waivers: [{rule: a, rule: b, reason: c}]}\n", "key `rule` is given a second time"),
    ],
)  # fmt: skip
def test_hostile_or_broken_yaml_is_refused_in_words(tmp_path: Path, text: str, says: str) -> None:
    assert says in _refused(_file(tmp_path, text))


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    assert "does not exist" in _refused(tmp_path / "none.yaml")
    assert "is no regular file" in _refused(tmp_path)
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "is no regular file" in _refused(tmp_path / "pipe.yaml")
    assert "is no regular file" in _refused(Path("/dev/zero"))
    assert "File name too long" in _refused(tmp_path / ("x" * 5000))
    assert _refused(Path("a\0b"))
    (tmp_path / "latin.yaml").write_bytes(BASE.encode() + "description: a\xf1o\n".encode("latin-1"))
    assert "is not UTF-8" in _refused(tmp_path / "latin.yaml")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbf" + BASE.encode())
    assert load_settings(tmp_path / "bom.yaml").settings.name == "plant"


def test_scalars_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    path = _file(
        tmp_path, BASE + "description: no\nseed: 010\ntraining: {ppo: {learning_rate: 1e-4}}\ndate: 2025-06-01\n"
    )
    settings = load_settings(path).settings
    assert (settings.description, settings.seed, settings.training.ppo.learning_rate) == ("no", 10, 1e-4)
    assert str(settings.date) == "2025-06-01"


@given(st.text(max_size=200))
def test_any_text_is_settings_or_a_configuration_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError):
        load_settings(path)


@given(st.text(max_size=40))
def test_any_override_is_a_setting_or_a_configuration_error(text: str) -> None:
    try:
        settings = load_settings(MALL, [f"bess.capacity_kwh={text}"]).settings
    except ConfigError:
        return
    assert settings.bess.capacity_kwh == pytest.approx(float(text.split("#", maxsplit=1)[0].strip().strip("'\"")))


def test_pinned_settings_are_the_same_settings(tmp_path: Path) -> None:
    settings = load_settings(
        ROOT / "config/iquitos_oe2.yaml", ["training.sac.learning_rate=1e-7", "date=2025-01-02"]
    ).settings
    assert load_settings(_file(tmp_path, pinned(settings))).settings == settings


def test_describe_has_a_row_for_every_key() -> None:
    rows = {row.key: row for row in describe(load_settings(MALL))}
    assert list(rows) == list(known_keys())
    assert rows["bess.capacity_kwh"].value == "4520.0"
    assert rows["bess.capacity_kwh"].unit == "kWh"
    assert not [row.key for row in rows.values() if not row.description]


def test_the_table_of_the_documentation_has_default_unit_limits_and_source() -> None:
    lines = configuration_table().splitlines()
    assert len(lines) == 2 + len(known_keys())
    assert "| `bess.capacity_kwh` | `4520.0` | kWh | > 0 | capacity | OE2 design of the Iquitos mall |" in lines
    assert "| `training.full.steps` | `100000` | steps | >= 1 | environment steps of each agent | a choice |" in lines
    (source,) = [line for line in lines if line.startswith("| `pv.source` ")]
    assert "| required |" in source
    assert "`file` or `model` or `synthetic`" in source


def test_every_quantity_has_a_unit_and_every_default_a_source() -> None:
    assert not [key.name for key in known_keys().values() if not key.required and not key.source]


def test_the_default_tariff_is_the_shipped_file() -> None:
    assert load_tariff(TARIFFS / "energy_only.yaml") == TariffSettings()


def test_a_scenario_takes_its_tariff_from_a_file_and_changes_it(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text((TARIFFS / "mt2_example.yaml").read_text())
    scenario = tmp_path / "site.yaml"
    scenario.write_text(MALL.read_text() + "tariff: own.yaml\n")
    loaded = load_settings(scenario, ["tariff.feed_in_price=0.01"])
    assert loaded.settings.tariff.demand[1].basis == "two_of_six_months"
    assert loaded.settings.tariff.feed_in_price == 0.01
    assert loaded.origins["tariff.feed_in_price"] == "--set"
    assert loaded.origins["tariff.demand"].startswith(f"{tmp_path / 'own.yaml'}:")
    pinned_file = tmp_path / "pinned.json"
    pinned_file.write_text(pinned(loaded.settings))
    assert load_settings(pinned_file).settings == loaded.settings


def test_a_tariff_can_be_set_on_the_command_line() -> None:
    given = f"tariff={TARIFFS / 'mt2_example.yaml'}"
    assert load_settings(MALL, [given, "tariff.fee_pen_per_month=9"]).settings.tariff.fee_pen_per_month == 9.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tariff.energy=[{name: day, hours: [[6, 18]], pen_per_kwh: 0.3}]", "hour 0 of a monday"),
        (
            "tariff.energy=[{name: all, pen_per_kwh: 0.3}, {name: peak, hours: [[18, 23]], pen_per_kwh: 0.4}]",
            "in the energy bands all, peak",
        ),
        ("tariff.demand=[{name: a, hours: [[18, 17]], pen_per_kw_month: 1}]", "half open intervals"),
        ("tariff.demand=[{name: a, pen_per_kw_month: 1, basis: excess}]", "`over` of `a`"),
        ("tariff.demand=[{name: a, pen_per_kw_month: 1, basis: excess, over: b}]", "`over: b`"),
        ("tariff.demand=[{name: a, pen_per_kw_month: 1, basis: two_of_six_months}]", "must hold 5 demands"),
        ("tariff.source=", "tariff.source"),
        ("tariff.classification={declared: outside_peak, band: noon}", "`noon` is no energy band"),
    ],
)
def test_a_tariff_that_can_not_be_billed_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        load_settings(MALL, [text])
