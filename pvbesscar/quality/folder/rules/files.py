"""Files as a whole: there, inside the folder, complete, and of the kind that the schema names them for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pvbesscar.quality.engine import Violation
from pvbesscar.quality.folder.columns import KINDS, KNOWN, NEEDED
from pvbesscar.quality.folder.dataset_folder import CITYLEARN, MAX_FILES, SCHEMA, DatasetFolder, folder_rule, short_name
from pvbesscar.quality.folder.rules.schema import LOADING, listed, said
from schemas.errors import InputError, TooLargeError


@folder_rule(
    "files.inside",
    "error",
    "every file is in the folder",
    looks_at=("schema.json, names of files",),
    rationale="A dataset that reaches out of its folder is another one on another machine; a name with `..`, an "
    "absolute path or a link out of the folder may also read what it should not. Such files are not opened.",
    reference=f"{LOADING}: names are joined to `root_directory` as they are",
    cause="paths of the author's machine, or a hostile dataset",
    fix="put the files into the folder and name them relative to it; leave `root_directory` null",
)
def inside(folder: DatasetFolder) -> Iterator[Violation]:
    """Find names that lead out, and a root elsewhere."""
    root = folder.schema.get("root_directory")
    if root not in (None, "", "."):
        yield said("root_directory", short_name(root), "null, or `.`", "the files are said to be in another folder")
    for file in folder.named:
        if folder.leads_out(file.name):
            name = short_name(file.name)
            yield said(file.key, name, "the name of a file in the folder", f"`{name}` is no file in the folder")


@folder_rule(
    "files.count",
    "error",
    "no more files than a dataset has",
    looks_at=(SCHEMA,),
    rationale="A schema that names thousands of files is no dataset that anyone could simulate.",
    reference=f"{CITYLEARN}: each file is a table in memory",
    cause="a schema made by a program that went wrong",
    fix="leave out what the simulation does not need",
)
def count(folder: DatasetFolder) -> Iterator[Violation]:
    """Count the files that are named."""
    if len(folder.named) > MAX_FILES:
        yield said("buildings", f"{len(folder.named)} files", f"at most {MAX_FILES}", "too many files are named")


@folder_rule(
    "files.missing",
    "error",
    "every file that is named is there",
    looks_at=("schema.json, names of files",),
    rationale="CityLearn stops at the first file that is missing; tools that put zeros in its place do worse.",
    reference="docs/design.md, What it is for: a missing solar file once became a year of zeros",
    cause="a file left behind when the dataset was copied, or renamed",
    fix="add the file named, or correct its name in the schema (upper and lower case count)",
)
def missing(folder: DatasetFolder) -> Iterator[Violation]:
    """Find names without a file."""
    for file in folder.named:
        if folder.is_missing(file.name):
            name = short_name(file.name)
            yield said(file.key, f"`{name}` is not there", "a file in the folder", f"the file `{name}` is missing")


@folder_rule(
    "files.unnamed",
    "error",
    "every building names its demand and its weather, every charger its course",
    looks_at=(SCHEMA,),
    rationale="These three have no default: CityLearn stops.",
    reference=f"{LOADING}, load_building",
    cause="a schema written by hand",
    fix="name the file under the key given",
)
def unnamed(folder: DatasetFolder) -> Iterator[Violation]:
    """Find buildings and chargers without their files."""
    owners = {(f"buildings.{name}", key): one for name, one in folder.buildings.items() for key in KINDS[:2]}
    for name in folder.buildings:
        for charger, config in folder.chargers(name).items():
            owners[f"buildings.{name}.chargers.{charger}", KINDS[-1]] = config
    for (owner, key), config in owners.items():
        if config.get(key) is None:
            yield said(
                f"{owner}.{key}", "no file", "the name of a file", f"`{short_name(owner)}` names no file as `{key}`"
            )


@folder_rule(
    "files.silent_zero",
    "warning",
    "every building has its prices and its carbon intensity",
    looks_at=(SCHEMA,),
    rationale="Without a file CityLearn takes zeros in all hours and says nothing: energy is free and clean, and every "
    "figure on cost or CO2 is zero.",
    reference=f"{LOADING}, load_building",
    cause="a dataset made for another question than cost or CO2",
    fix="name a file under `pricing` and `carbon_intensity`, or publish no figure on cost or CO2",
)
def silent_zero(folder: DatasetFolder) -> Iterator[Violation]:
    """Find buildings without prices or carbon intensity."""
    for name, building in folder.buildings.items():
        for key in KINDS[2:4]:
            if building.get(key) is None:
                limit = "the name of a file"
                yield said(
                    f"buildings.{name}.{key}", "no file", limit, f"`{key}` of `{short_name(name)}` is zero all year"
                )


@folder_rule(
    "files.readable",
    "error",
    "every file is a table",
    looks_at=("every file named",),
    rationale="What can not be read without a guess is not judged, and so not accepted. Numbers are plain decimal "
    "numbers; text, infinity and formulas among them are refused.",
    reference="docs/inputs.md, what holds for every file",
    cause="a file cut off, a page in the place of a download, text among numbers, another format, or years in seconds",
    fix="export the file again as CSV, with commas and decimal points",
)
def readable(folder: DatasetFolder) -> Iterator[Violation]:
    """Pass on what the reader could not bear."""
    for file in folder.named:
        read = folder.read(file)
        if isinstance(read, InputError):
            seen = read.message.replace(f"{folder.path}/", "")
            yield Violation(
                short_name(file.name), "", seen, "a table that is read without a guess", "no table can be read",
                fix=read.hint if isinstance(read, TooLargeError) and read.hint else None,
            )  # fmt: skip
    for file, columns in folder.of(*KINDS):
        for column, fault in columns.faults.items():
            seen = fault.replace(f"{folder.path}/", "")
            yield Violation(
                short_name(file.name), column, seen, "plain numbers", f"column `{column}` holds no plain numbers"
            )


@folder_rule(
    "files.format",
    "error",
    "every file is written as CityLearn reads it",
    looks_at=("every file named",),
    rationale="CityLearn reads commas between cells, decimal points and UTF-8, or Parquet in a file that is named so: "
    "a file with semicolons is one column to it, and a decimal comma text.",
    reference=f"{LOADING}, _file_format; pandas.read_csv with its defaults",
    cause="saved by a spreadsheet with the country's settings",
    fix="save it as CSV in UTF-8 with commas and decimal points",
)
def form(folder: DatasetFolder) -> Iterator[Violation]:
    """Find what our reader bears and CityLearn's does not."""
    for file, columns in folder.of(*KINDS):
        if columns.foreign:
            seen = "; ".join(columns.foreign[:3])
            yield Violation(
                short_name(file.name),
                "",
                seen,
                "commas, decimal points, UTF-8; or Parquet",
                f"written otherwise: {seen}",
            )


@folder_rule(
    "files.columns",
    "error",
    "the columns that CityLearn knows, and no other",
    looks_at=("every file named",),
    rationale="Columns are handed to CityLearn by name: one that is missing or unknown stops it, in charger files an "
    "unknown one is dropped.",
    reference=f"{CITYLEARN}, data.py, constructors of the series",
    cause="a renamed column, an index saved with the table, or files of another kind exchanged",
    fix="rename the columns, or remove those that CityLearn does not know",
)
def columns_known(folder: DatasetFolder) -> Iterator[Violation]:
    """Compare the headers with those that CityLearn takes."""
    for file, columns in folder.of(*KINDS):
        lacking = [name for name in NEEDED[file.kind] if name not in columns.header]
        strange = [name for name in columns.header if name not in {*NEEDED[file.kind], *KNOWN[file.kind]}]
        if lacking:
            names = listed(lacking)
            yield Violation(
                short_name(file.name),
                lacking[0],
                f"no {names}",
                f"the columns of {file.kind}",
                f"columns are missing: {names}",
            )
        if strange and file.kind != "charger_simulation":
            names = listed(strange)
            yield Violation(
                short_name(file.name),
                short_name(strange[0]),
                names,
                f"the columns of {file.kind}",
                f"unknown columns: {names}",
            )


@folder_rule(
    "files.length",
    "error",
    "all files have the same rows",
    looks_at=("every file named",),
    rationale="Row t of every file is the same hour. CityLearn does not compare their lengths: a shorter one ends the "
    "episode with an error, or its owner's data belong to other hours. A charger's file that goes on beyond the last "
    "step is cut there: a warning, unless it has several times the rows, and so rows of another length.",
    reference=f"{LOADING}; docs/design.md, Calendar",
    cause="a file cut off, or files of different years or resolutions",
    fix="export all files over the same hours",
)
def length(folder: DatasetFolder) -> Iterator[Violation]:
    """Compare the rows of each file with those of most."""
    rows = {file.key: (file, columns.rows) for file, columns in folder.of(*KINDS)}
    if not rows:
        return
    lengths = [n for _, n in rows.values()]
    # Chargers may be many and go on behind the year: what is usual is said by the files of the buildings.
    own = [n for file, n in rows.values() if file.kind != "charger_simulation"] or lengths
    usual = max(set(own), key=lambda n: (own.count(n), lengths.count(n), n))
    for file, n in rows.values():
        if n != usual:
            unread = folder.window is not None and folder.window[1] < usual < n and not _is_multiple(n, usual)
            goes_on = file.kind == "charger_simulation" and unread
            yield Violation(
                short_name(file.name),
                "",
                f"{n} rows",
                f"{usual} rows, as in most files",
                f"{n} rows where {usual} are usual{': those behind are never read' if goes_on else ''}",
                severity="warning" if goes_on else None,
            )


def _is_multiple(rows: int, usual: int) -> bool:
    """Whether rows are the usual ones cut into parts; each part may have a closing row."""
    parts = round(rows / usual)
    return parts > 1 and abs(rows - parts * usual) <= parts


@folder_rule(
    "files.shared",
    "warning",
    "buildings and chargers have files of their own",
    looks_at=("schema.json, names of files",),
    rationale="Two chargers with one file charge the same vehicle in the same hours twice, two buildings with one file "
    "have the same demand: energies are counted double. Weather, prices and carbon intensity may well be shared.",
    reference="docs/design.md, What it is for: 32 measured profiles were once stretched to 128 sockets",
    cause="a name copied, or profiles multiplied to fill a larger site",
    fix="give each charger and each building a file of its own, or leave the copies out",
)
def shared(folder: DatasetFolder) -> Iterator[Violation]:
    """Find files that have two owners."""
    owners = defaultdict(list)
    for file in folder.named:
        if file.kind in {"energy_simulation", "charger_simulation"} and isinstance(file.name, str):
            owners[file.name].append(file.key)
    for name, keys in owners.items():
        if len(keys) > 1:
            names = listed(keys)
            yield said(
                keys[1],
                f"`{short_name(name)}` for {names}",
                "one owner each",
                f"{len(keys)} owners share a file: {names}",
            )


@folder_rule(
    "files.unused",
    "warning",
    "every file in the folder is named",
    looks_at=("the folder",),
    rationale="A file that nobody names is not simulated: data that somebody meant to use, or an older state that will "
    "be taken for the present one. Files that a manifest lists are known.",
    reference="a dataset is what its schema names",
    cause="a building, charger or year that was left out of the schema, or a forgotten copy",
    fix="name the file in the schema, or remove it from the folder",
)
def unused(folder: DatasetFolder) -> Iterator[Violation]:
    """Find data that nobody names."""
    if folder.schema and folder.unused:
        names = listed([*folder.unused])
        yield Violation(
            short_name(folder.unused[0]), "", f"{len(folder.unused)} files: {names}", "files that the schema names",
            f"{len(folder.unused)} files are in the folder and named nowhere: {names}",
        )  # fmt: skip
