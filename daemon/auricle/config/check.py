"""Every fault of a configuration at once, each with its place and what was meant."""

import math
import typing
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from auricle.config.nearest import meant, nearest
from auricle.config.schema import Key, Table, alternatives, is_struct, table, unwrapped
from auricle.config.toml import Place, place_text
from auricle.config.wording import fits, found, kind, type_words, wanted

ReadSecret = Callable[[str], str]
"""Content of the file that a `*_file` key names; ValueError with a sentence if it cannot be read."""


class Checker:
    """Walks a configuration beside its shape; collects faults, and what is right in a form to convert."""

    def __init__(self, root: Table, read_secret: ReadSecret | None = None) -> None:
        self.faults: list[tuple[Place, str]] = []
        """Place of each wrong key and the sentence that says what is wrong, the key's name in it."""
        self.secrets: set[Place] = set()
        """Keys whose value came from the file that their `_file` key names."""
        self.root = root
        self._read_secret = read_secret

    def table(self, value: object, shape: Table, place: Place) -> dict[str, Any]:
        """Return the right part of a table."""
        if not isinstance(value, dict):
            self._fault(place, f"is {found(value)}; it must be a table")
            return {}
        faults_before = len(self.faults)
        right: dict[str, Any] = {}
        for name, inner in value.items():
            here = (*place, name)
            entry = shape.entries.get(name)
            if isinstance(entry, Table):
                right[name] = self.table(inner, entry, here)
            elif isinstance(entry, Key):
                if self._key(inner, entry, here):
                    right[name] = inner
            elif shape.known or (shape.holds and not isinstance(inner, dict)):
                self._unknown(here, inner, shape)
            else:
                right[name] = inner
        for name, entry in shape.entries.items():
            if isinstance(entry, Key) and entry.default is msgspec.NODEFAULT and name not in value:
                self._fault((*place, name), f"is missing; it must be {wanted(entry)}")
        self._secret_files(value, right, shape, place)
        if shape.struct is not None and len(self.faults) == faults_before:
            own = {found.encode_name for found in msgspec.structs.fields(shape.struct)}
            try:
                msgspec.convert(
                    {name: inner for name, inner in right.items() if name in own}, shape.struct, strict=True
                )
            except (msgspec.ValidationError, TypeError) as error:
                self._fault(place, f": {error}")
        return right

    def _key(self, value: object, key: Key, place: Place) -> bool:
        if key.secret:
            if not fits(value, key.annotation):
                self._fault(place, f"is {kind(value)}; it must be {wanted(key)}")
                return False
            return True
        return self._value(value, key.annotation, place, key.unit)

    def _value(self, value: object, annotation: typing.Any, place: Place, unit: str = "") -> bool:
        if isinstance(value, float) and not math.isfinite(value):
            self._fault(place, f"is {found(value)}; it must be {type_words(annotation, unit)}")
            return False
        faults_before = len(self.faults)
        for member in alternatives(unwrapped(annotation)[0]):
            plain = unwrapped(member)[0]
            origin = typing.get_origin(plain)
            inner = [argument for argument in typing.get_args(plain) if argument is not Ellipsis]
            if isinstance(value, dict) and is_struct(plain):
                self.table(value, table(plain), place)
            elif isinstance(value, dict) and origin is dict:
                for name, item in value.items():
                    self._value(item, inner[1], (*place, name))
            elif isinstance(value, list) and origin in (tuple, list, set, frozenset):
                for index, item in enumerate(value):
                    self._value(item, inner[min(index, len(inner) - 1)], (*place, index))
            else:
                continue
            break
        if len(self.faults) > faults_before:
            return False
        if not fits(value, annotation):
            self._fault(
                place, f"is {found(value)}; it must be {type_words(annotation, unit)}{_choice(value, annotation)}"
            )
            return False
        return True

    def _unknown(self, place: Place, value: object, shape: Table) -> None:
        if shape.holds and isinstance(value, dict):
            right = nearest(str(place[-1]), (name for name, entry in shape.entries.items() if isinstance(entry, Table)))
            names = ", ".join(name for name, entry in shape.entries.items() if isinstance(entry, Table))
            advice = f"did you mean {place_text((*place[:-1], right))}?" if right else f"there are: {names or 'none'}"
            self._fault(place, f"names no {shape.holds} that is installed; {advice}")
            return
        what = "section" if len(place) == 1 and isinstance(value, dict) else "key"
        advice = meant(place, self.root, shape)
        self._fault(place, f"is not a {what}{f'; {advice}' if advice else ''}")

    def _secret_files(self, value: Mapping[str, Any], right: dict[str, Any], shape: Table, place: Place) -> None:
        for name in shape.entries:
            secret = name.removesuffix("_file")
            if secret == name or secret not in shape.entries or not isinstance(right.get(name), str):
                continue
            if value.get(secret) is not None:
                self._fault((*place, secret), f"and {name} are both set; keep one of them")
            elif self._read_secret is not None:
                try:
                    right[secret] = self._read_secret(right[name])
                    self.secrets.add((*place, secret))
                except ValueError as error:
                    self._fault((*place, name), f": {error}")

    def _fault(self, place: Place, sentence: str) -> None:
        name = place_text(place) or "the configuration"
        self.faults.append((place, f"{name}{sentence}" if sentence.startswith(":") else f"{name} {sentence}"))


def _choice(value: object, annotation: typing.Any) -> str:
    """Return the choice that a wrong text was meant to be."""
    if not isinstance(value, str):
        return ""
    for member in alternatives(unwrapped(annotation)[0]):
        if typing.get_origin(member) is typing.Literal:
            right = nearest(value, [choice for choice in typing.get_args(member) if isinstance(choice, str)])
            return f'; did you mean "{right}"?' if right else ""
    return ""
