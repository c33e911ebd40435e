"""Whole utterances that wait for an engine which takes several at a time: it is given them together.

Speech that is still being spoken is never waited for, and never waits for the end of others.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from auricle.api.engines import SttEngine
from auricle.engines.utterance import Abandoned, Utterance
from auricle.model.audio import AudioFrame
from auricle.model.errors import EngineError
from auricle.model.intent import Expected, Transcript

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Request:
    utterance: Utterance
    language: str | None
    expected: Expected | None = None
    frames: list[AudioFrame] | None = None
    """All of them, once they were asked for; they can be had once only."""
    found: Transcript | None = None
    """Once it was transcribed together with an earlier one."""

    @property
    def batchable(self) -> bool:
        return self.utterance.whole and self.expected is None


class Together:
    """The utterances of one engine."""

    def __init__(self, engine: SttEngine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._waiting: list[_Request] = []

    def hear(
        self, utterance: Utterance, language: str | None, expected: Expected | None = None
    ) -> Iterator[Transcript]:
        """What the engine's `transcribe` yields, or the final one only. Iterate it on the engine's thread.

        One of which something is expected is transcribed by itself.
        """
        request = _Request(utterance, language, expected)
        with self._lock:
            self._waiting = [other for other in self._waiting if not other.utterance.abandoned]
            self._waiting.append(request)
        return self._heard(request)

    def _heard(self, request: _Request) -> Iterator[Transcript]:
        batch = self._batch(request)
        if request.found is None and batch:
            self._find(batch)
        if request.found is not None:
            yield request.found
        else:
            frames = request.utterance if request.frames is None else request.frames
            self._engine.expect(request.expected)
            yield from self._engine.transcribe(iter(frames), request.language)

    def _batch(self, request: _Request) -> list[_Request]:
        """A request that is whole and those like it, the earliest first; empty for one that is not, or alone may be."""
        with self._lock:
            if request not in self._waiting:
                return []
            self._waiting.remove(request)
            if self._engine.batch < 2 or not request.batchable:
                return []
            batch = [request, *(other for other in self._waiting if other.batchable)][: self._engine.batch]
            self._waiting = [other for other in self._waiting if other not in batch]
        return batch

    def _find(self, batch: list[_Request]) -> None:
        """What cannot be transcribed together is left to be transcribed one by one."""
        asked = []
        for request in batch:
            with suppress(Abandoned):
                request.frames = list(request.utterance)
                asked.append((request.frames, request.language))
        self._engine.expect(None)
        try:
            found = self._engine.transcribe_all(asked)
        except EngineError as error:
            _log.warning("%d utterances are transcribed one by one: %s", len(asked), error)
            return
        heard = [request for request in batch if request.frames is not None]
        for request, transcript in zip(heard, found, strict=True):
            request.found = transcript
