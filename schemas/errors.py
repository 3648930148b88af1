"""Errors a user can act on: what, where, how much, the likely cause, and the command or key that mends it."""

from __future__ import annotations

from pathlib import Path


class PvbesscarError(Exception):
    """Base of all errors that the project raises on purpose.

    Parameters
    ----------
    message
        What was seen, and where.
    hint
        The command or configuration key that mends it.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message if hint is None else f"{message}\n\nHint: {hint}")

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle message and hint apart: errors cross process borders, and the default joins the two."""
        return (_rebuild, (type(self), self.message, self.hint))


def _rebuild(cls: type[PvbesscarError], message: str, hint: str | None) -> PvbesscarError:
    error = cls.__new__(cls)
    PvbesscarError.__init__(error, message, hint=hint)
    return error


class ConfigError(PvbesscarError):
    """The configuration can not be used."""

    exit_code = 2


class InputError(PvbesscarError):
    """An input file is missing or can not be read as what it is declared to be."""

    exit_code = 2

    @classmethod
    def missing_file(cls, path: Path, key: str) -> InputError:
        """Build the error for an input file that is not there; `key` is the configuration key that names it."""
        return cls(
            f"{path}: the file does not exist (named by `{key}`).",
            hint=f"put the file there, or set `{key}` to where it is; no other data is used in its place.",
        )

    @classmethod
    def missing_column(cls, path: Path, column: str, found: list[str], key: str) -> InputError:
        """Build the error for a column that the file does not have."""
        return cls(
            f"{path}: column `{column}` is missing; the file has {', '.join(f'`{c}`' for c in found)}.",
            hint=f"rename the column in the file, or name the right one with `{key}`.",
        )


class TooLargeError(InputError):
    """An input file is larger than any input, known before it is read."""


class NothingLeftError(InputError):
    """An input file can be read, and holds nothing of the declared year that the scenario keeps."""


class OutputError(PvbesscarError):
    """A file of the project can not be written where the configuration says."""

    exit_code = 2

    @classmethod
    def of(cls, path: Path, error: OSError) -> OutputError:
        """Build the error for a file that the system does not let be written."""
        return cls(
            f"{path} can not be written: {error.strerror or error}.",
            hint="make the folder writable, free the disk, or set `data.root` to another folder; what was there is as "
            "it was.",
        )

    @classmethod
    def in_the_way(cls, path: Path) -> OutputError:
        """Build the error for a folder of the project whose place something else has."""
        what = "a symbolic link" if path.is_symlink() else "no folder"
        return cls(
            f"{path} is {what} where the project has a folder of its own.",
            hint="move it away; to keep the project's files elsewhere set `data.root`.",
        )


class QualityError(PvbesscarError):
    """The quality gate found at least one error; nothing downstream was changed."""

    exit_code = 2


class StaleError(PvbesscarError):
    """A stage was asked to use something that is missing or no longer matches its manifest."""

    exit_code = 2


class TrainingError(PvbesscarError):
    """An agent could not be trained."""


class SimulationError(PvbesscarError):
    """The simulator did something that the plant's physics forbid."""


class ControllerError(PvbesscarError):
    """A controller can not be made for this plant, or asks for what the plant's contract forbids."""


class RequestError(PvbesscarError):
    """A request does not fit the site; nothing was decided.

    Parameters
    ----------
    faults
        Path of each field that is missing or wrong, and what is wrong with it.
    """

    def __init__(self, message: str, *, hint: str, faults: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.faults = faults
