"""The list of models: `manifest.toml` beside this module, and a file of the user's in the same form."""

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from auricle.model.errors import ConfigError

_BESIDE = Path(__file__).parent
_Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")]
_File = Annotated[str, Meta(pattern=r"^(?!/)(?!.*(^|/)\.\.(/|$))[^\\\x00]+\Z")]
"""A path below a folder; it cannot lead out of it."""


class _Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="from"):
    files: Annotated[tuple[_File, ...], Meta(min_length=1)]
    """What a whole model has, below its folder."""


class HubSource(_Source, frozen=True, kw_only=True, tag="hub"):
    """A repository on a Hugging Face hub."""

    repo: str
    revision: str = "main"
    below: str = ""
    """Folder in the repository that the files are in."""
    also: tuple[str, ...] = ()
    """Files that are fetched too if they are there; `*` stands for anything."""

    def __str__(self) -> str:
        return "/".join(part for part in (f"hub {self.repo}", self.below) if part)


class PackageSource(_Source, frozen=True, kw_only=True, tag="package"):
    """An installed Python package."""

    package: str
    module: str
    folder: str
    """Below the module's own."""
    extra: str
    """The extra of this distribution that brings it; empty: it always comes along."""

    def __str__(self) -> str:
        return f"package {self.package}"


class PackagePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of several installed Python packages that hold a model together."""

    package: str
    module: str
    folder: str
    """Below the module's own."""


class PartsSource(_Source, frozen=True, kw_only=True, tag="parts"):
    """Installed Python packages with the pieces of a model: what is too large for one is cut into `FILE.part1` …"""

    parts: Annotated[tuple[PackagePart, ...], Meta(min_length=1)]
    """In the order of the pieces."""
    extra: str
    """The extra of this distribution that brings them."""
    sha256: dict[str, str]
    """Of each file, put together."""

    def __str__(self) -> str:
        return f"packages {', '.join(part.package for part in self.parts)}"


class FolderSource(_Source, frozen=True, kw_only=True, tag="folder"):
    """A folder on this machine, or one that is mounted here."""

    folder: str
    """A path, which may begin with file://; one that is not absolute counts from the manifest."""

    def __str__(self) -> str:
        return f"folder {self.folder}"


Source = HubSource | PackageSource | PartsSource | FolderSource


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model and where it comes from."""

    name: _Name
    kind: Literal["stt", "tts", "wake", "vad"]
    engine: str
    languages: tuple[str, ...]
    size_mb: Annotated[float, Meta(gt=0)]
    """About."""
    licence: str
    use: str
    """What the configuration says to use it; `{path}` is where it is."""
    source: Source
    folder: _Name | None = None
    """Folder among the models; none is its own, of its name. Piper's voices share one."""
    main: str = ""
    """The file that `path` means; empty is the folder."""


class _Manifest(msgspec.Struct, forbid_unknown_fields=True):
    model: list[Model] = []


def load_manifest(more: Path | None = None) -> Mapping[str, Model]:
    """Return name to model, in the order of the manifest.

    more: a manifest of the user's, whose models come first and stand for those of the same name.
    Raises ConfigError naming what is wrong in it.
    """
    models = {model.name: model for model in _read(more)} if more is not None else {}
    return models | {model.name: model for model in _read(_BESIDE / "manifest.toml") if model.name not in models}


def find_model(models: Mapping[str, Model], name: str) -> Model:
    """Raises ConfigError with the nearest name."""
    if name in models:
        return models[name]
    near = get_close_matches(name, models, n=1, cutoff=0.5)
    advice = f"did you mean {near[0]}?" if near else "`auricle models list` shows them"
    raise ConfigError(f"there is no model {name}; {advice}")


def _read(path: Path) -> list[Model]:
    try:
        models = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _Manifest, strict=True).model
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the manifest {path} cannot be read: {error}") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"the manifest {path}: {error}") from error
    return [_absolute(model, path.parent) for model in models]


def _absolute(model: Model, beside: Path) -> Model:
    if not isinstance(model.source, FolderSource):
        return model
    folder = Path(model.source.folder.removeprefix("file://")).expanduser()
    return msgspec.structs.replace(
        model, source=msgspec.structs.replace(model.source, folder=str((beside / folder).absolute()))
    )
