"""Evaluations for the documentation that are kept in folders: of what they were made, and whether they still are."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from pvbesscar.evaluation.evaluate import REPORT_FILE
from pvbesscar.store.files import sha256_file, sha256_json, write_text
from pvbesscar.store.fingerprints import code_digest
from pvbesscar.store.stamps import DIGITS, machine
from schemas.results import EvaluationReport, Result
from schemas.settings import Settings

CODE = ("pvbesscar.oe2", "pvbesscar.dataset", "pvbesscar.evaluation")
"""Packages whose code, with all that it imports, makes the figures."""
MADE_FILE = "made.json"


class Made(Result):
    """Of what an evaluation was made, and on which processor."""

    settings: str
    """Digest of the settings, less the folders that they name."""
    inputs: str
    """Digest of the measured files."""
    code: str
    processor: str

    @property
    def stamp(self) -> str:
        """What a page says of it: code, its packages, processor."""
        return f"code `{self.code[:DIGITS]}` of {', '.join(f'`{name}`' for name in CODE)}; {self.processor}"


def made_now(settings: Settings, inputs: Path) -> Made:
    """What an evaluation would be made of now."""
    files = sorted(path for path in inputs.rglob("*") if path.is_file())
    return Made(
        settings=sha256_json(settings.model_dump(mode="json", exclude={"data": {"root", "oe2_dir"}})),
        inputs=sha256_json({path.relative_to(inputs).as_posix(): sha256_file(path) for path in files}),
        code=code_digest(*CODE),
        processor=machine(),
    )


def keep(folder: Path, made: Made) -> None:
    """Write down of what the evaluation in a folder was made, once it is whole."""
    write_text(folder / MADE_FILE, made.model_dump_json(indent=1) + "\n")


def forget(folder: Path) -> None:
    """Take the evaluation in a folder for none, for it is about to be made again."""
    (folder / MADE_FILE).unlink(missing_ok=True)


def made_of(folder: Path) -> Made | None:
    """Of what the evaluation in a folder was made; `None` where it is not whole, or of an earlier form."""
    path = folder / MADE_FILE
    if not path.is_file() or not _report(folder).is_file():
        return None
    try:
        return Made.model_validate_json(path.read_bytes())
    except ValidationError:
        return None


def is_of(made: Made | None, now: Made) -> bool:
    """Whether the same would come out now; another processor gives the same figures (docs/design.md)."""
    return made is not None and made.model_copy(update={"processor": now.processor}) == now


def report_in(folder: Path) -> EvaluationReport:
    """Report of the evaluation in a folder."""
    return EvaluationReport.model_validate_json(_report(folder).read_bytes())


def _report(folder: Path) -> Path:
    return folder / "outputs" / "evaluation" / REPORT_FILE
