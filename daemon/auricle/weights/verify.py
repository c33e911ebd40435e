"""Whether a model is whole: against checksums that are known, else against those that were first seen."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec

from auricle.model.errors import AuricleError
from auricle.weights.manifest import Model, PackageSource
from auricle.weights.places import Places, package_version, sha256_of

State = Literal["ok", "first seen", "broken", "not installed"]


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """Checksums of a model, and where they are from."""

    files: dict[str, str]
    """File below the model's folder to its SHA-256."""
    origin: str
    """In words: `manifest`, `hub`, or `first seen`."""
    revision: str = ""
    """The package's version, or the hub's commit."""
    at: str = ""
    """When it was recorded."""

    @property
    def sha256(self) -> str:
        """A file's own for a model of one file; else that of the list which `sha256sum` prints, sorted by name."""
        if len(self.files) == 1:
            return next(iter(self.files.values()))
        return sha256("".join(f"{self.files[name]}  {name}\n" for name in sorted(self.files)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying a model found."""

    state: State
    detail: str
    known: Known | None = None

    @property
    def good(self) -> bool:
        return self.state in ("ok", "first seen")


def verify(model: Model, places: Places) -> Verdict:
    """Read every file of a model and compare; where no checksum is known, record the ones that are there now.

    Raises AuricleError if the record cannot be written.
    """
    folder, missing = places.folder(model), places.missing(model)
    if folder is None or len(missing) == len(model.source.files):
        return Verdict("not installed", f"{model.name} is not here")
    known = known_checksums(model, places)
    if missing:
        return Verdict("broken", f"{folder} lacks {', '.join(missing)}", known)
    names = known.files if known is not None else model.source.files
    try:
        found = {name: sha256_of(folder / name) for name in names}
    except OSError as error:
        return Verdict("broken", f"{error.filename or folder}: {error.strerror or error}", known)
    if known is None:
        known = record(model, places, found, origin="first seen")
        return Verdict("first seen", "no checksum is known: what is here now is recorded and counts from now on", known)
    wrong = [name for name, checksum in found.items() if checksum != known.files[name]]
    if wrong:
        return Verdict("broken", f"{folder}: {', '.join(wrong)} is not what it was ({_said(known)})", known)
    return Verdict("ok", _said(known), known)


def known_checksums(model: Model, places: Places) -> Known | None:
    """Return what the files' checksums must be, if that is known."""
    if isinstance(model.source, PackageSource):
        committed = _committed().get(model.name)
        version = package_version(model.source)
        if committed is not None and committed.revision == version:
            return committed
        recorded = _recorded(model, places)
        return recorded if recorded is not None and recorded.revision == version else None
    return _recorded(model, places)


def record(model: Model, places: Places, files: Mapping[str, str], *, origin: str, revision: str = "") -> Known:
    """Keep a model's checksums in the state folder. Raises AuricleError if that cannot be."""
    if isinstance(model.source, PackageSource):
        revision = package_version(model.source) or ""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    known = Known(files=dict(files), origin=origin, revision=revision, at=at)
    path = _record(model, places)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(msgspec.json.format(msgspec.json.encode(known)))
        os.replace(part, path)
    except OSError as error:
        raise AuricleError(f"{path} cannot be written: {error.strerror or error}", code="model") from error
    return known


def checksums_toml(models: Mapping[str, Known]) -> str:
    """The text of `checksums.toml`."""
    lines = ["# Written by script/model-checksums from the installed packages.", ""]
    for name, known in models.items():
        lines += [f'["{name}"]', f'revision = "{known.revision}"', f'["{name}".files]']
        lines += [*(f'"{file}" = "{checksum}"' for file, checksum in known.files.items()), ""]
    return "\n".join(lines)


def _said(known: Known) -> str:
    if known.origin == "manifest":
        return "checksums of the manifest"
    if known.origin == "hub":
        return f"checksums of the hub, from the pull at {known.at}"
    return f"checksums first seen at {known.at}; none is known from elsewhere"


def _record(model: Model, places: Places) -> Path:
    return places.records_dir / f"{model.name}.json"


def _recorded(model: Model, places: Places) -> Known | None:
    """None also for a record that cannot be read: the next verification writes it anew."""
    try:
        known = msgspec.json.decode(_record(model, places).read_bytes(), type=Known)
    except (OSError, msgspec.MsgspecError):
        return None
    return known if set(model.source.files) <= known.files.keys() else None


@cache
def _committed() -> Mapping[str, Known]:
    """Of the models in packages, as the packages' makers published them."""
    text = (Path(__file__).parent / "checksums.toml").read_text(encoding="utf-8")
    return {
        name: msgspec.convert(table | {"origin": "manifest"}, Known, strict=True)
        for name, table in tomllib.loads(text).items()
    }
