"""Words to phonemes, by a process of its own that knows espeak-ng; what was once asked for is kept."""

import json
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from auricle.pipeline.phonetic.alphabet import phones

TIMEOUT_S = 20.0
"""Longest time that one answer may take; espeak-ng does 20,000 words a second."""
BATCH = 500
"""Words of one question."""
MOST_KEPT = 200_000
"""Words in memory; with more, those of transcripts are forgotten."""

COMMAND = (sys.executable, "-m", "auricle_espeak")


class PhonemesUnavailable(Exception):
    """There are no phonemes; the sentence says why."""


class Phonemes:
    """The phonemes of one language's words. Safe to use from several threads."""

    def __init__(self, language: str, folder: Path | None = None, command: Sequence[str] | None = None) -> None:
        """folder: where the phonemes of sentences are kept over a restart; none keeps them in memory alone."""
        self._language = language
        self._command = tuple(command or COMMAND)
        self._file = folder / f"phonemes-{language}.tsv" if folder is not None else None
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, ...]] = {}
        self._heard: dict[str, tuple[str, ...]] = {}
        self._worker: _Worker | None = None
        self._read()

    def of_sentences(self, words: Iterable[str]) -> None:
        """Learn the words of templates in one go, and keep them on disk. Raises PhonemesUnavailable."""
        with self._lock:
            new = [word for word in dict.fromkeys(words) if word not in self._known]
            found = self._ask(new)
            self._known.update(zip(new, map(phones, found), strict=True))
            self._write(new, found)

    def of(self, words: Sequence[str]) -> list[tuple[str, ...]]:
        """The phonemes of each word; those of a transcript stay in memory. Raises PhonemesUnavailable."""
        with self._lock:
            new = [w for w in dict.fromkeys(words) if w not in self._known and w not in self._heard]
            if new:
                found = self._ask(new)
                if len(self._known) + len(self._heard) > MOST_KEPT:
                    kept = {word: self._heard[word] for word in words if word in self._heard}
                    self._heard = kept
                self._heard.update(zip(new, map(phones, found), strict=True))
            return [self._known[word] if word in self._known else self._heard[word] for word in words]

    def close(self) -> None:
        with self._lock:
            if self._worker is not None:
                self._worker.end()
                self._worker = None

    def _ask(self, words: Sequence[str]) -> list[str]:
        found: list[str] = []
        for first in range(0, len(words), BATCH):
            found += self._batch(words[first : first + BATCH])
        return found

    def _batch(self, words: Sequence[str]) -> list[str]:
        """Ask; once more of a new process where the old one has died."""
        for attempt in (1, 2):
            if self._worker is None:
                self._worker = _Worker(self._command)
            try:
                answer = self._worker.ask({"language": self._language, "words": list(words)})
            except OSError as error:
                self._worker.end()
                self._worker = None
                if attempt == 2:
                    raise PhonemesUnavailable(f"the process for phonemes failed: {error}") from error
                continue
            ipa = answer.get("ipa")
            if isinstance(ipa, list) and len(ipa) == len(words):
                return [str(one) for one in ipa]
            raise PhonemesUnavailable(str(answer.get("error", "the process for phonemes answered nonsense")))
        raise AssertionError("unreachable")

    def _read(self) -> None:
        if self._file is None:
            return
        try:
            lines = self._file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return
        if lines[:1] != [_header()]:
            return
        for line in lines[1:]:
            word, tab, ipa = line.partition("\t")
            if tab:
                self._known[word] = phones(ipa)

    def _write(self, words: Sequence[str], ipa: Sequence[str]) -> None:
        """Keep what was learned; where that cannot be done it is asked for again after a restart."""
        if self._file is None or not words:
            return
        lines = "".join(f"{word}\t{one}\n" for word, one in zip(words, ipa, strict=True))
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            if _is_known(self._file):
                with self._file.open("a", encoding="utf-8") as file:
                    file.write(lines)
            else:
                part = self._file.with_suffix(f".{os.getpid()}.part")
                part.write_text(f"{_header()}\n{lines}", encoding="utf-8")
                part.replace(self._file)
        except (OSError, UnicodeDecodeError):
            return


def _header() -> str:
    try:
        return f"# phonemes by piper-tts {version('piper-tts')}"
    except PackageNotFoundError:
        return "# phonemes"


class _Worker:
    """The process, and one question at a time to it."""

    def __init__(self, command: Sequence[str]) -> None:
        """Raises PhonemesUnavailable if it does not start."""
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise PhonemesUnavailable(f"the process for phonemes cannot be started: {error}") from error
        self._process = process
        self._held = b""
        self.end = weakref.finalize(self, _end, process)
        try:
            answer = self._answer()
        except OSError as error:
            self.end()
            raise PhonemesUnavailable(f"the process for phonemes failed: {error}") from error
        if not answer.get("ready"):
            self.end()
            raise PhonemesUnavailable(str(answer.get("error")))

    def ask(self, question: dict[str, object]) -> dict[str, object]:
        """Raises OSError if there is no answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, object]:
        assert self._process.stdout is not None
        file = self._process.stdout.fileno()
        until_s = time.monotonic() + TIMEOUT_S
        while b"\n" not in self._held:
            if not select.select([file], [], [], max(0.0, until_s - time.monotonic()))[0]:
                raise TimeoutError(f"no answer within {TIMEOUT_S:g} s")
            more = os.read(file, 65536)
            if not more:
                raise BrokenPipeError("it has ended")
            self._held += more
        line, _, self._held = self._held.partition(b"\n")
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise OSError(f"it wrote {line[:80]!r}") from error
        return answer if isinstance(answer, dict) else {}


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue


def _is_known(file: Path) -> bool:
    """Whether a file of phonemes is there and of this version."""
    try:
        with file.open(encoding="utf-8") as lines:
            return lines.readline() == _header() + "\n"
    except FileNotFoundError:
        return False
