"""Which settings a piece of code reads: every attribute that it asks of a `Settings`, by dotted key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import BaseModel

from pvbesscar.config import known_keys
from schemas.settings import Frozen, Settings


class Recorder:
    """Notes what is read of settings. A section of which two stand there (the profiles) is told by its identity."""

    def __init__(self, settings: Settings) -> None:
        self.read: set[str] = set()
        self.busy = False
        self._keys = frozenset(known_keys())
        self._twins = {id(settings.training.smoke): "training.smoke.", id(settings.training.full): "training.full."}
        self._places: dict[type[BaseModel], list[str]] = {}
        self._walk(Settings, "")

    def _walk(self, model: type[BaseModel], prefix: str) -> None:
        self._places.setdefault(model, []).append(prefix)
        for name, field in model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                self._walk(field.annotation, f"{prefix}{name}.")

    def prefixes(self, model: BaseModel) -> list[str]:
        """Where a section stands in the settings."""
        return [self._twins[id(model)]] if id(model) in self._twins else self._places.get(type(model), [])

    def note(self, model: BaseModel, name: str) -> None:
        """Note an attribute, if it is a setting."""
        if not self.busy and name in type(model).model_fields:
            self.read |= {f"{prefix}{name}" for prefix in self.prefixes(model)} & self._keys

    def note_dump(self, model: BaseModel, include: Any, exclude: Any) -> None:
        """Note what `model_dump` gives: all of a section, unless it is told otherwise."""
        for prefix in self.prefixes(model):
            chosen = dict.fromkeys(type(model).model_fields, True) if include is None else include
            left_out = {name for name in exclude or () if not isinstance(exclude, dict) or exclude[name] is True}
            for name in set(chosen) - left_out:
                self._note_below(f"{prefix}{name}", chosen[name] if isinstance(chosen, dict) else True)

    def _note_below(self, key: str, include: Any) -> None:
        if include is True:
            self.read |= {known for known in self._keys if known == key or known.startswith(f"{key}.")}
            return
        for name in include:
            self._note_below(f"{key}.{name}", include[name] if isinstance(include, dict) else True)


@contextmanager
def recording(settings: Settings) -> Iterator[set[str]]:
    """Yield a set that fills with the dotted keys that are read of any settings meanwhile."""
    recorder = Recorder(settings)
    own_getattribute, own_dump, own_json = Frozen.__getattribute__, Frozen.model_dump, Frozen.model_dump_json

    def getattribute(self: Frozen, name: str) -> Any:
        recorder.note(self, name)
        return own_getattribute(self, name)

    def dump(self: Frozen, *args: Any, **words: Any) -> Any:
        recorder.note_dump(self, words.get("include"), words.get("exclude"))
        before, recorder.busy = recorder.busy, True
        try:
            return own_dump(self, *args, **words)
        finally:
            recorder.busy = before

    def dump_json(self: Frozen, *args: Any, **words: Any) -> Any:
        recorder.note_dump(self, words.get("include"), words.get("exclude"))
        return own_json(self, *args, **words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Frozen, "__getattribute__", getattribute)
        patch.setattr(Frozen, "model_dump", dump)
        patch.setattr(Frozen, "model_dump_json", dump_json)
        yield recorder.read
