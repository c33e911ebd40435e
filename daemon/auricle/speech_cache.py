"""Finished speech kept on disk: found by all that made it what it is, the longest unused dropped first."""

import contextlib
import hashlib
import logging
import os
import re
import stat
import struct
import tempfile
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"[0-9a-f]{64}\.pcm")
_UNFINISHED = ".unfinished-"
_UNFINISHED_S = 600.0
_HEADER = struct.Struct("<8sIII")
"""Mark and version, rate in Hz, bytes of sound, their CRC-32; then the sound, 16-bit mono: found five times as
quickly as FLAC, in twice the room."""
_MARK = b"AURSPCH1"


@dataclass(frozen=True, slots=True)
class CacheFigures:
    entries: int
    bytes: int
    """On disk, headers included."""
    seconds: float
    """Of speech."""


def cache_key(facts: Mapping[str, object]) -> str:
    """A name for what `facts` describe, from which they cannot be read. facts: JSON values."""
    return hashlib.sha256(msgspec.json.encode(facts, order="deterministic")).hexdigest()


class SpeechCache:
    """A folder of sound. Blocks on the disk: not for the event loop; any thread may call.

    Nothing here raises: a disk that fails is told once in the log, and is a cache that finds nothing. Other processes
    may use the same folder.
    """

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self.folder = folder
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._sizes: OrderedDict[str, int] | None = None
        """Bytes of each entry, the longest unused first; None until the folder was read."""
        self._total = 0
        self._told = False

    def get(self, key: str, rate_hz: int) -> bytes | None:
        """Return the sound kept under `key` at that rate, if it is whole; one that is not is dropped."""
        path = self._path(key)
        try:
            with open(path, "rb", opener=_plainly) as file:
                content = file.read(self._limit)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._drop(key)
            self._tell(error)
            return None
        sound = _sound(content, rate_hz)
        if sound is None:
            _LOG.warning("a damaged entry of the speech cache is dropped: %s", path.name)
            self._drop(key)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        with self._lock:
            if self._sizes is not None and key in self._sizes:
                self._sizes.move_to_end(key)
        return sound

    def has(self, key: str) -> bool:
        return self._path(key).is_file()

    def put(self, key: str, pcm: bytes, rate_hz: int) -> None:
        """Keep 16-bit mono sound, if it fits by itself; the longest unused entries make room."""
        size = _HEADER.size + len(pcm)
        if not pcm or size > self._limit:
            return
        try:
            with self._lock:
                sizes = self._read()
                self._write(self._path(key), _HEADER.pack(_MARK, rate_hz, len(pcm), zlib.crc32(pcm)) + pcm)
                self._total += size - sizes.pop(key, 0)
                sizes[key] = size
                while self._total > self._limit:
                    oldest, freed = sizes.popitem(last=False)
                    self._total -= freed
                    _remove(self._path(oldest))
        except OSError as error:
            self._tell(error)

    def figures(self) -> CacheFigures:
        """Counted anew."""
        sizes = [entry.st_size for _, entry in self._entries()]
        sound = sum(max(0, size - _HEADER.size) for size in sizes)
        return CacheFigures(len(sizes), sum(sizes), sound / 2 / 24_000)

    def clear(self) -> CacheFigures:
        """Remove every entry; return what there was. Files that are none of ours stay."""
        figures = self.figures()
        with self._lock:
            for name, _ in self._entries():
                _remove(self.folder / name)
            self._sweep(older_s=0.0)
            self._sizes, self._total = None, 0
        return figures

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.pcm"

    def _read(self) -> OrderedDict[str, int]:
        """The entries by age of their last use, read when first needed; unfinished files of dead writers go."""
        if self._sizes is None or not self.folder.is_dir():
            self._make_folder()
            self._sweep(older_s=_UNFINISHED_S)
            entries = sorted(self._entries(), key=lambda entry: entry[1].st_mtime_ns)
            self._sizes = OrderedDict((name.removesuffix(".pcm"), entry.st_size) for name, entry in entries)
            self._total = sum(self._sizes.values())
        return self._sizes

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise PermissionError(f"{self.folder} belongs to somebody else, or is a link")
        if stat.S_IMODE(found.st_mode) != 0o700:
            self.folder.chmod(0o700)

    def _entries(self) -> list[tuple[str, os.stat_result]]:
        found = []
        with contextlib.suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    with contextlib.suppress(OSError):  # another process was quicker
                        found.append((entry.name, entry.stat(follow_symlinks=False)))
        return found

    def _sweep(self, *, older_s: float) -> None:
        for path in self.folder.glob(f"{_UNFINISHED}*"):
            with contextlib.suppress(OSError):
                if time.time() - path.lstat().st_mtime >= older_s:
                    path.unlink()

    def _write(self, path: Path, content: bytes) -> None:
        """Whole or not at all. Not synced: after a power cut the CRC tells what is damaged."""
        descriptor, unfinished = tempfile.mkstemp(prefix=_UNFINISHED, dir=self.folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            os.replace(unfinished, path)
        except BaseException:
            _remove(Path(unfinished))
            raise

    def _drop(self, key: str) -> None:
        with self._lock:
            _remove(self._path(key))
            if self._sizes is not None:
                self._total -= self._sizes.pop(key, 0)

    def _tell(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            _LOG.warning("the speech cache %s is of no use: %s", self.folder, error.strerror or error)


def _plainly(path: str, flags: int) -> int:
    """Links are not followed, and a pipe that somebody put there is not waited for."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _sound(content: bytes, rate_hz: int) -> bytes | None:
    if len(content) < _HEADER.size:
        return None
    mark, rate, length, checksum = _HEADER.unpack_from(content)
    sound = content[_HEADER.size :]
    whole = (mark, rate, length, checksum) == (_MARK, rate_hz, len(sound), zlib.crc32(sound))
    return sound if whole else None


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
