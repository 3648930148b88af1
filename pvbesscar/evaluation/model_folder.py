"""A promoted model: a folder that holds all that proves it, read and proven byte by byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pvbesscar.plant.certificate import outdated_parts
from pvbesscar.store.dataset_manifest import read_manifest
from pvbesscar.store.files import read_model, sha256_file, sha256_json
from pvbesscar.store.workspace import Workspace
from schemas.certificates import Certificate
from schemas.errors import StaleError
from schemas.models import ModelFacts, PromotedModel
from schemas.settings import Agent, Settings

CARD_FILE, PAGE_FILE, SETTINGS_FILE = "card.json", "card.md", "settings.json"
_AGAIN = "copy the whole folder again from where it was promoted, or promote the model again."


@dataclass(frozen=True, slots=True)
class ModelFolder(Workspace):
    """The places of a promoted model; the dataset stays that of the project.

    Parameters
    ----------
    built
        Folder of the dataset that the model is to act on.
    """

    built: Path = field(kw_only=True)

    @classmethod
    def at(cls, folder: Path, workspace: Workspace) -> ModelFolder:
        """Places of the model in `folder` for the dataset of a project."""
        return cls(folder.resolve(), workspace.dataset_name, built=workspace.dataset)

    @property
    def dataset(self) -> Path:
        """CityLearn dataset of the project."""
        return self.built

    @property
    def certificate(self) -> Path:
        """Parity certificate of the dataset that the model was judged on."""
        return self.root / "certificate.json"

    @property
    def evaluation(self) -> Path:
        """Report of the evaluation, and the model's ledger of it."""
        return self.root / "evaluation"

    def final_model(self, agent: Agent) -> Path:
        """The model."""
        return self.root / f"{agent}_final_model.zip"

    def training_metrics(self, agent: Agent) -> Path:
        """Metrics of its training."""
        return self.root / f"{agent}_training_metrics.json"


@dataclass(frozen=True, slots=True)
class Promoted:
    """A folder whose every byte is what was promoted.

    Attributes
    ----------
    card
        What `card.json` holds.
    settings
        Those that the model was trained with.
    files
        Digest of each file, the card's too.
    """

    folder: Path
    card: PromotedModel
    settings: Settings
    files: Mapping[Path, str]

    @property
    def facts(self) -> ModelFacts:
        """What the card says of the model."""
        return self.card.facts


def card_of(facts: ModelFacts, files: Mapping[str, str]) -> PromotedModel:
    """Card with the digest of what it says."""
    named = dict(sorted(files.items()))
    said = {"facts": facts.model_dump(mode="json"), "files": named}
    return PromotedModel(facts=facts, files=named, digest=sha256_json(said))


def card_text(card: PromotedModel) -> str:
    """Write a card as its file has it."""
    return card.model_dump_json(indent=2) + "\n"


def open_model(folder: Path) -> Promoted:
    """Read the folder of a promoted model.

    Raises
    ------
    StaleError
        It is no such folder, or a file is missing or has another byte than it had: the message names the file.
    """
    path = folder / CARD_FILE
    card = read_model(
        path, PromotedModel, missing="no promoted model is here", wrong="no card of a promoted model",
        hint="name a folder that `pvbesscar models promote` has written.",
    )  # fmt: skip
    if card != card_of(card.facts, card.files) or path.read_bytes() != card_text(card).encode():
        raise StaleError(f"{path}: edited after the promotion.", hint=_AGAIN)
    files = {path: sha256_file(path)}
    for name, digest in card.files.items():
        own = folder / name
        if not own.is_file():
            raise StaleError(f"{own}: missing.", hint=_AGAIN)
        files[own] = sha256_file(own)
        if files[own] != digest:
            raise StaleError(f"{own}: not the file that was promoted.", hint=_AGAIN)
    settings = read_model(
        folder / SETTINGS_FILE, Settings, missing="missing", wrong="no settings of this version", hint=_AGAIN
    )
    return Promoted(folder, card, settings, files)


def require_site(promoted: Promoted, settings: Settings, workspace: Workspace) -> ModelFolder:
    """Refuse a model on another dataset, under another tariff, or with other code than it was judged with.

    Parameters
    ----------
    settings, workspace
        Of the site that it is to act on.

    Returns
    -------
    ModelFolder
        Where its files are, with the dataset of the site.

    Raises
    ------
    StaleError
        Naming what differs.
    """
    places = ModelFolder.at(promoted.folder, workspace)
    if fault := site_fault(promoted, settings, workspace):
        raise StaleError(
            f"{promoted.folder}: {fault}.",
            hint=f"bring the scenario `{promoted.facts.scenario}` and its dataset beside the folder, and the locked "
            "packages of this version; on another site a model is trained anew.",
        )
    return places


def site_fault(promoted: Promoted, settings: Settings, workspace: Workspace) -> str | None:
    """Why a promoted model can not act on a site, `None` where it can."""
    facts, now = promoted.facts, read_manifest(workspace.dataset).digest
    if now != facts.dataset_digest:
        return (
            f"judged on the dataset {facts.dataset_digest[:12]} of the scenario `{facts.scenario}`; "
            f"{workspace.dataset} is {now[:12]} of `{settings.name}`"
        )
    if tariff_digest(settings) != facts.tariff_digest:
        return f"judged under the tariff `{facts.tariff}`; `{settings.tariff.name}` of `{settings.name}` is another one"
    path = ModelFolder.at(promoted.folder, workspace).certificate
    certificate = read_model(path, Certificate, missing="missing", wrong="not a certificate", hint=_AGAIN)
    outdated = outdated_parts(certificate, now)
    return f"its certificate is out of date; {'; '.join(outdated)}" if outdated else None


def tariff_digest(settings: Settings) -> str:
    """Digest of the tariff."""
    return sha256_json(settings.tariff.model_dump(mode="json"))
