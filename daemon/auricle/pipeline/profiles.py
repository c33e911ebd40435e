"""Who is enrolled for which wake word: one JSON file a user and word, checked strictly, never unpickled."""

import contextlib
import logging
import os
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from auricle.model.errors import AuricleError
from auricle.pipeline.voiceprint import Voiceprint, wrong

_LOG = logging.getLogger(__name__)
LAYOUT = 1
_NAME = re.compile(r"[a-z0-9_-]{1,64}\Z")
_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700
_MOST_BYTES = 4_000_000


class ProfileError(AuricleError):
    """A profile cannot be read or written; the message names its file."""

    code = "profile"


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user's way of saying a wake word."""

    layout: int
    """Of this file."""
    name: Annotated[str, Meta(pattern=_NAME.pattern)]
    word: Annotated[str, Meta(min_length=1)]
    at: datetime
    """When it was made."""
    made_by: str
    """Version of the program."""
    recordings: Annotated[int, Meta(ge=1)]
    """How many sayings of the word it is made of."""
    voiceprint: Voiceprint


def is_name(name: str) -> bool:
    """Whether a user may be called that: it names a file."""
    return _NAME.match(name) is not None


def save(folder: Path, profile: Profile) -> Path:
    """Write a profile, whole or not at all, for its owner's eyes alone; return its file. Raises ProfileError."""
    path = folder / profile.word / f"{profile.name}.json"
    part = path.with_name(f".{profile.name}.{os.getpid()}.part")
    try:
        for made in (folder, path.parent):
            made.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE_FILE), "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(profile), indent=1))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise ProfileError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def load(path: Path) -> Profile:
    """Read a profile. Raises ProfileError that says what is wrong with the file and what to do."""
    again = f"auricle wake forget {path.stem}, then enrol again"
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ProfileError(f"{path} is no profile of a voice: it is too large; {again}")
        profile = msgspec.json.decode(path.read_bytes(), type=Profile)
    except OSError as error:
        raise ProfileError(f"{path} cannot be read: {error.strerror or error}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path} is no profile of a voice: {error}; {again}") from error
    if profile.layout != LAYOUT:
        raise ProfileError(f"{path} is of another version ({profile.layout}, not {LAYOUT}); {again}")
    if (profile.word, profile.name) != (path.parent.name, path.stem):
        raise ProfileError(f"{path} is the profile of {profile.name} for {profile.word}; {again}")
    if (fault := wrong(profile.voiceprint)) is not None:
        raise ProfileError(f"{path} is no profile of a voice: {fault}; {again}")
    return profile


def remove(path: Path) -> None:
    """Take a profile away. Raises ProfileError."""
    try:
        path.unlink()
    except OSError as error:
        raise ProfileError(f"{path} cannot be removed: {error.strerror or error}") from error
    with contextlib.suppress(OSError):  # others are enrolled for the word
        path.parent.rmdir()


def enrolled(folder: Path) -> Iterator[tuple[Path, Profile | ProfileError]]:
    """Every profile, by word and name; one that cannot be read with what is wrong with it."""
    for path in sorted(folder.glob("*/*.json")):
        try:
            yield path, load(path)
        except ProfileError as error:
            yield path, error


class Profiles:
    """The folder `WORD/NAME.json`, read when it is asked about and has changed. For one thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, tuple[int, Sequence[Profile]]] = {}
        """Word to when its folder changed last, and who is in it."""

    def of(self, word: str) -> Sequence[Profile]:
        """Who is enrolled for a word. One that cannot be read is told in the log, once, and does not count."""
        folder = self._folder / word
        try:
            changed = folder.stat().st_mtime_ns
        except OSError:
            return ()
        known = self._read.get(word)
        if known is not None and known[0] == changed:
            return known[1]
        found: list[Profile] = []
        for path in sorted(folder.glob("*.json")):
            try:
                found.append(load(path))
            except ProfileError as error:
                _LOG.error("a voice that is enrolled for %s does not count: %s", word, error.message)
        self._read[word] = changed, found
        return found
