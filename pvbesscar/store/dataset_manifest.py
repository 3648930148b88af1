"""The dataset's manifest: what is in the folder, and the proof that it still is."""

from __future__ import annotations

from pathlib import Path

from pvbesscar.store.files import read_model, sha256_file, sha256_json
from schemas.errors import StaleError
from schemas.results import DatasetManifest

MANIFEST_FILE = "manifest.json"
_REBUILD = "run `pvbesscar build --config CONFIG` again; it replaces the whole folder."


def file_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file of a folder but the manifest, by name relative to it."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return {name: sha256_file(folder / name) for name in names if name != MANIFEST_FILE}


def read_manifest(folder: Path) -> DatasetManifest:
    """Read and prove a dataset's manifest.

    Raises
    ------
    StaleError
        No manifest, a file missing, changed or unknown to it.
    """
    path = folder / MANIFEST_FILE
    manifest = read_model(
        path, DatasetManifest, missing="there is no dataset here", wrong="not a dataset manifest",
        hint=_REBUILD,
    )  # fmt: skip
    found = file_digests(folder)
    missing = sorted(manifest.files.keys() - found.keys())
    orphans = sorted(found.keys() - manifest.files.keys())
    changed = sorted(name for name in manifest.files.keys() & found.keys() if manifest.files[name] != found[name])
    if missing or orphans or changed:
        parts = [
            f"{what}: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''} ({len(names)})"
            for what, names in (("missing", missing), ("unknown", orphans), ("changed", changed))
            if names
        ]
        raise StaleError(f"{folder}: the files are not those of the manifest; {'; '.join(parts)}.", hint=_REBUILD)
    if manifest.digest != sha256_json(manifest.files):
        raise StaleError(f"{path}: its digest is not that of its list of files.", hint=_REBUILD)
    return manifest
