"""Which sound files a command's arguments mean, and where each one's output goes."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

SUFFIXES = frozenset(
    ".wav .wave .w64 .rf64 .flac .ogg .oga .opus .mp3 .aif .aiff .aifc .au .snd .caf .voc .sph .nist".split()
)
"""Files in a folder that are taken for sound."""


class Input(NamedTuple):
    """One sound file."""

    path: str
    """As the user would write it."""
    below: str
    """The path below the folder that was named, or the file's own name."""


def inputs(names: Iterable[str]) -> Iterator[Input]:
    """Yield each file that is named, and the sound files in each folder that is, with those below it, by name.

    A name that is no folder is yielded whatever it is, so that whoever opens it says what is wrong.
    """
    for name in names:
        if not os.path.isdir(name):
            yield Input(name, Path(name).name)
            continue
        for folder, below, files in os.walk(name):
            below.sort()
            for file in sorted(files):
                if Path(file).suffix.lower() in SUFFIXES:
                    path = os.path.join(folder, file)
                    yield Input(path, os.path.relpath(path, name))


def fresh(output: Path, source: str) -> bool:
    """Whether an output is there and no older than what it was made from."""
    try:
        return output.stat().st_mtime_ns >= os.stat(source).st_mtime_ns
    except OSError:
        return False


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
