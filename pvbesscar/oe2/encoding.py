"""Bytes of an input file to text: what is no text, or in no known encoding, is refused."""

from __future__ import annotations

import codecs
import re

from pvbesscar.oe2.cells import NamedFile
from pvbesscar.oe2.foreign import as_table
from pvbesscar.oe2.limits import PARQUET, shape_of
from pvbesscar.oe2.parquet import parquet_text
from pvbesscar.oe2.records import records_text
from pvbesscar.oe2.workbook import is_workbook, sheet_text
from schemas.errors import InputError

MAGIC = {
    b"PK\x03\x04": "a zip archive, and no whole Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF",
    b"\x89HDF": "an HDF5 or NetCDF file",
    b"CDF": "a NetCDF file",
    b"SQLite format 3": "an SQLite database",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstandard archive",
    b"ARROW1": "an Arrow (Feather) file",
    b"MATLAB 5.0": "a MATLAB file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}
ZIP = b"PK\x03\x04"
UTF8_MARK = codecs.BOM_UTF8
WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
C1 = re.compile(r"[\x80-\x9f]")
NOT_ASCII = re.compile(rb"[\x80-\xff]+")


def read_bytes(file: NamedFile) -> bytes:
    """Bytes of an input file; a pipe, a device or a folder is refused before it is opened.

    Raises
    ------
    InputError
        The file is missing, no regular file, unreadable, empty or beyond the limits of `pvbesscar.oe2.limits`.
    """
    try:
        shape_of(file)
        data = file.path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError.missing_file(file.path, file.key) from error
    except OSError as error:
        raise InputError(
            f"{file.named} can not be read: {error.strerror}.",
            hint=f"make it a readable file, or set `{file.key}` to another one.",
        ) from error
    except ValueError as error:  # a zero byte in the name
        raise InputError(
            f"{str(file.path)!r} (named by `{file.key}`) is no file name: {error}.", hint=f"set `{file.key}` to a file."
        ) from error
    if not data.removeprefix(UTF8_MARK).strip():
        raise InputError(
            f"{file.named} is empty ({len(data)} bytes). Likely cause: an export that was cut off.",
            hint=f"export the file again, or set `{file.key}` to another one; no other data is used in its place.",
        )
    return data


def decode(data: bytes, file: NamedFile) -> tuple[str, str]:
    """Encoding and text of an input file's bytes; of a foreign format its name, and the text of its table.

    Raises
    ------
    InputError
        It holds no text, or text in no encoding that is stated or proven.
    """
    if data.startswith(PARQUET):
        file.decide("encoding", "Parquet", "the file begins with its mark")
        return "Parquet", parquet_text(data, file)
    if data.startswith(ZIP) and is_workbook(data):
        file.decide("encoding", "Excel workbook", "the file is an archive with the parts of one")
        return "Excel workbook", sheet_text(data, file)
    kind = next((name for magic, name in MAGIC.items() if data.startswith(magic)), None)
    if kind is not None:
        raise not_text(file, f"is {kind}")
    wide = data.startswith(WIDE_MARKS) or file.layout.encoding == "utf-16"
    if b"\0" in data and not wide:
        raise not_text(file, f"is binary (a zero byte at {data.index(0)})")
    codec = file.layout.encoding or ("utf-16" if wide else None)
    encoding, text, why = (
        _decode_as(data, codec, file, declared=file.layout.encoding is not None)
        if codec is not None
        else _decode_text(data, file)
    )
    control = CONTROLS.search(text)
    if control is not None:
        raise not_text(file, f"is binary (control character {control[0]!r})")
    if not text.strip():
        raise not_text(file, "holds no text")
    file.decide("encoding", encoding, why)
    records = records_text(text, file)
    if records is not None:
        file.decide("layout", "JSON records", "the file is one list of objects")
        return f"JSON in {encoding}", records
    foreign = as_table(text, file)
    return (encoding, text) if foreign is None else foreign


def not_text(file: NamedFile, seen: str) -> InputError:
    """Build the error for a file that is no text."""
    return InputError(
        f"{file.named} {seen}; text in UTF-8, UTF-16 or latin-1 is read.",
        hint=f"save it as CSV in UTF-8, or set `{file.key}` to another file.",
    )


def _decode_as(data: bytes, codec: str, file: NamedFile, *, declared: bool) -> tuple[str, str, str]:
    try:
        text = data.decode("utf-8-sig" if codec == "utf-8" else codec)
    except UnicodeError as error:
        raise InputError(
            f"{file.named} is not in {codec}: {error}.",
            hint=f"correct `{file.setting('encoding')}`, or save the file as CSV in UTF-8.",
        ) from error
    names = {"utf-8": "UTF-8", "utf-16": "UTF-16"}
    why = f"`{file.setting('encoding')}` says so" if declared else "the file begins with the mark of UTF-16"
    return names.get(codec, codec), text, why


def _decode_text(data: bytes, file: NamedFile) -> tuple[str, str, str]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return "latin-1", _decode_latin(data, file, error), "no UTF-8, and every byte is a letter of latin-1"
    if data.startswith(UTF8_MARK):
        return "UTF-8 with byte order mark", text, "the file begins with the mark of UTF-8"
    return "UTF-8", text, "ASCII only" if data.isascii() else "every byte is valid UTF-8"


def _decode_latin(data: bytes, file: NamedFile, error: UnicodeDecodeError) -> str:
    text = data.decode("latin-1")
    line = data.count(b"\n", 0, error.start) + 1
    hint = f"save it as CSV in UTF-8, or set `{file.setting('encoding')}` to what it is."
    # Latin-1 decodes anything; its C1 range holds no letters, so a byte there says that it is something else.
    if C1.search(text):
        raise InputError(
            f"{file.named} is in no known encoding (byte 0x{data[error.start]:02x} in line {line}); text "
            "in UTF-8, UTF-16 with its mark, or latin-1 is known without being told.",
            hint=hint,
        ) from error
    if any(_is_utf8(part) for part in NOT_ASCII.findall(data)):
        raise InputError(
            f"{file.named} mixes encodings: UTF-8 in places, but not in line {line}. Likely cause: rows "
            "of two exports in one file.",
            hint=hint,
        ) from error
    return text


def _is_utf8(part: bytes) -> bool:
    try:
        part.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
