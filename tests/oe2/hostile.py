"""Hostile input, made by hypothesis: files, configurations and stored results that a person or a disk could plant."""

from __future__ import annotations

import json
import struct
from typing import Any

from hypothesis import strategies as st

NUMBERS = [
    "0",
    "1.5",
    "-3",
    "1e308",
    "-1e308",
    "1e400",
    "1e-400",
    "NaN",
    "nan",
    "inf",
    "-inf",
    "Infinity",
    "+Inf",
    "1.#INF",
    "1.#QNAN",
    "#DIV/0!",
    "#REF!",
    "0x10",
    "1_000",
    "1,5",
    "1.234",
    "1.234,5",
    "1,234.5",
    "٣",
    "\uff11\uff12",
    "",
    " ",
    "-",
    "+",
    ".",
    "e5",
    "1e",
    "NULL",
    "None",
    "N/A",
    "=1+1",
    "=cmd|'/C calc'!A0",
    "@SUM(A1)",
    "+1+cmd|x",
    "-2+3",
    "true",
    "12 kWh",
    "9" * 400,
    "1" * 5000,
    "\u2212" + "5",
]
STAMPS = [
    "2025-01-01 00:00",
    "2025-01-01T00:00:00Z",
    "2025-01-01 24:00",
    "2025-13-01 00:00",
    "2025-02-30",
    "0000-00-00 00:00",
    "9999-12-31 23:00+14:00",
    "0001-01-01T00:00+14:00",
    "01/02/2025 00:00",
    "1/1/25",
    "2025-01-01 00:00+99:99",
    "now",
    "",
    "1735689600",
    "2025-01-01 00:00:60",
    "45658.5",
    "\uff12\uff10\uff12\uff15-01-01 00:00",
    "2025-01-01 00:00.5",
    "-2025-01-01",
]
HEADERS = [
    "timestamp",
    "fecha",
    "hora",
    "kwh",
    "kWh",
    "demanda_kw",
    "pv_kwh",
    "ghi_w_m2",
    "dni_w_m2",
    "dhi_w_m2",
    "temp_air_c",
    "wind_speed_m_s",
    "Charger_01",
    "Charger_02",
    "Charger_1",
    "Socket_001",
    "session_id",
    "socket",
    "vehicle_class",
    "arrival",
    "departure",
    "battery_kwh",
    "arrival_soc",
    "required_soc",
    "=kwh",
    "",
    " ",
    "period_end",
    "time_utc",
    "k" * 3000,
    "año",
    "\ufeffkwh",
]
MARKS = [",", ";", "\t", "|", ":", "  "]
ENCODINGS = ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32"]
ENDS = ["\n", "\r\n", "\r", "\n\n", "\x0b", "\u2028"]

cells = st.one_of(
    st.sampled_from(NUMBERS), st.sampled_from(STAMPS), st.text(max_size=12), st.floats().map(repr),
    st.just('"'), st.just('"a\nb"'), st.just("\x00"), st.just("\x1b[31m"),
)  # fmt: skip
headers = st.one_of(st.sampled_from(HEADERS), st.text(max_size=8))


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """Text that looks like a table: known and unknown headers, rows that may not fit, one encoding or two."""
    mark, end = draw(st.sampled_from(MARKS)), draw(st.sampled_from(ENDS))
    head = draw(st.lists(headers, min_size=1, max_size=9))
    width = st.integers(0, 9) if draw(st.booleans()) else st.just(len(head))
    rows = draw(st.lists(width.flatmap(lambda n: st.lists(cells, min_size=n, max_size=n)), max_size=6))
    repeat = draw(st.sampled_from([1, 1, 1, 40]))
    text = end.join(mark.join(row) for row in [head, *rows * repeat]) + draw(st.sampled_from(["", end]))
    data = text.encode(draw(st.sampled_from(ENCODINGS)), "replace")
    return data + draw(st.sampled_from([b"", b"", b"\xe9\n", "é\n".encode(), b"\x00", b"\x1a", b"\x81"]))


def year(header: str, cell: str, rows: int = 48) -> str:
    """A plain hourly file of one quantity."""
    stamps = (f"2025-01-{1 + i // 24:02d} {i % 24:02d}:00" for i in range(rows))
    return "\n".join([f"timestamp,{header}", *(f"{stamp},{cell}" for stamp in stamps)]) + "\n"


KINDS = ("weather", "pv", "mall", "profile", "sessions")
GOOD = {
    "weather": year("ghi_w_m2,dni_w_m2,dhi_w_m2,temp_air_c,wind_speed_m_s", "500.5,300,250,27.5,1.2"),
    "pv": year("ac_energy_kwh", "12.5"),
    "mall": year("demanda_kw", "101.93").replace(",", ";"),
    "profile": year("Charger_01,Charger_02", "0.5,1.5"),
    "sessions": "session_id,socket,vehicle_class,arrival,departure,battery_kwh,arrival_soc,required_soc\n"
    + "".join(f"s{i},{i % 2},moto,{5 * i},{5 * i + 3},3.5,0.2,0.9\n" for i in range(20)),
}


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, bytes]:
    """A good file of some kind with cells replaced, rows cut, doubled or swapped, bytes flipped, or none of it."""
    kind = draw(st.sampled_from(KINDS))
    lines = GOOD[kind].splitlines()
    mark = ";" if ";" in lines[0] else ","
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        parts = lines[at].split(mark)
        parts[draw(st.integers(0, len(parts) - 1))] = draw(cells)
        lines[at] = mark.join(parts)
    way = draw(st.sampled_from(["", "", "double", "swap", "drop", "tail"]))
    at = draw(st.integers(1, len(lines) - 2))
    if way == "double":
        lines.insert(at, lines[at])
    elif way == "swap":
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
    elif way == "drop":
        del lines[at]
    elif way == "tail":
        del lines[at + 1 :]
    data = bytearray("\n".join(lines).encode("utf-8", "replace"))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return kind, bytes(data[: draw(st.integers(0, len(data)))] if draw(st.sampled_from([0, 0, 0, 1])) else data)


magic = st.sampled_from(
    [b"PAR1", b"PK\x03\x04", b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"%PDF", b"\x89HDF", b""]
)
junk = st.builds(bytes.__add__, magic, st.binary(max_size=300))
files = st.one_of(st.tuples(st.sampled_from(KINDS), tables() | junk), spoilt(), spoilt())

keys = st.just({}) | st.fixed_dictionaries(
    {},
    optional={
        "separator": st.sampled_from(["comma", "semicolon", "tab", "pipe"]),
        "encoding": st.sampled_from(["utf-8", "utf-16", "latin-1", "cp1252"]),
        "decimal": st.sampled_from(["point", "comma"]),
        "dates": st.sampled_from(["day_first", "month_first"]),
        "timestamps": st.sampled_from(["start", "end", "middle"]),
        "interval_minutes": st.sampled_from([1, 15, 30, 60]),
        "timezone": st.sampled_from(["UTC", "America/Lima", "Europe/Madrid", "Asia/Kathmandu"]),
    },
)

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(NUMBERS),
    st.sampled_from(["../../etc/passwd", "/dev/zero", "a\0b", "x" * 5000, "file:///etc/passwd", "~", "$HOME", "CON"]),
)  # fmt: skip
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=8,
)
YAML = [
    "&a [*a]",
    "&a {b: *a}",
    "!!python/object/apply:os.system [id]",
    "!!binary AAAA",
    "!!set {a, b}",
    "!!omap [a: 1]",
    "!!float x",
    "!!int x",
    "!!bool x",
    "!!timestamp x",
    "! x",
    "!<x> y",
    "<<: {a: 1}",
    "{a: 1, a: 2}",
    "[" * 40 + "]" * 40,
    "{a: " * 40 + "}" * 40,
    "|\n  x",
    ">\n  x",
    "0o17",
    "1e400",
    ".nan",
    ".inf",
    "9" * 5000,
    "---\nb",
    "...",
    "%YAML 9.9",
    "\ufeff",
    "\x85",
    "? [a, b]\n: c",
    "\t",
    "@x",
    "`x`",
    "'",
    '"\\uD800"',
    '"\\0"',
    "- - - - a",
    "*",
    "&",
]


@st.composite
def configurations(draw: st.DrawFn, known: list[str]) -> bytes:
    """YAML that sets known keys to strange values, or is strange itself."""
    lines = [
        "name: plant",
        "weather: {source: synthetic}",
        "pv: {source: synthetic}",
        "mall: {source: synthetic}",
        "ev: {source: synthetic, dwell_hours: 3}",
    ]
    for _ in range(draw(st.integers(0, 3))):
        key = draw(st.one_of(st.sampled_from(known), st.text(max_size=10)))
        value = draw(
            st.one_of(st.sampled_from(YAML), trees.map(lambda v: json.dumps(v, ensure_ascii=draw(st.booleans()))))
        )
        *above, last = key.split(".")
        lines.append("".join(f"{part}: {{" for part in above) + f"{last}: {value}" + "}" * len(above))
    if draw(st.booleans()):
        lines = lines[draw(st.integers(0, 5)) :]
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    return data[: draw(st.integers(0, len(data)))] if draw(st.sampled_from([0, 0, 0, 1])) else data


overrides = st.one_of(
    st.text(max_size=30), st.builds("{}={}".format, st.text(alphabet="abc._", max_size=8), st.sampled_from(YAML))
)


def mutated(good: bytes) -> st.SearchStrategy[bytes]:
    """JSON results that were cut, flipped, deepened, or replaced whole."""

    @st.composite
    def build(draw: st.DrawFn) -> bytes:
        data = bytearray(good)
        kind = draw(st.sampled_from(["flip", "cut", "value", "deep", "junk"]))
        if kind == "flip":
            for _ in range(draw(st.integers(1, 4))):
                data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
            return bytes(data)
        if kind == "cut":
            return bytes(data[: draw(st.integers(0, len(data) - 1))])
        if kind == "value":
            tree: dict[str, Any] = json.loads(good)
            tree[draw(st.sampled_from(sorted(tree)))] = draw(trees)
            return json.dumps(tree).encode("utf-8", "surrogatepass")
        if kind == "deep":
            return draw(st.sampled_from([b"[", b'{"a":'])) * draw(st.integers(1, 100_000))
        return draw(st.one_of(st.binary(max_size=100), trees.map(lambda v: json.dumps(v).encode())))

    return build()


def parquet_like(size: int) -> bytes:
    """Bytes that begin and end as Parquet does and hold nothing of it."""
    return b"PAR1" + struct.pack("<I", size) + b"\xff" * (size % 100) + struct.pack("<I", size) + b"PAR1"
