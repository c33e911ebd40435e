"""Long recordings to text: cut where it is quiet, each chunk transcribed on its own, with its place in the recording.

Holds one chunk at a time, or as many as the engine takes, however long the recording is.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass

from auricle.api import VadEngine
from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES, AudioFrame
from auricle.model.errors import EngineDied, EngineError
from auricle.model.intent import Transcript
from auricle.pipeline.files import inbound_frames
from auricle.ports import SpeechToText

_HYSTERESIS = 0.15
_TRIES = 2
_SEARCHED = 0.4
"""A chunk that is cut because it is too long is cut after this share of its length."""
_MOST_VARIED = 3
"""Segments of which is told what else they may be: a command with more is none."""
_SMOOTH = 5
"""Windows whose mean tells the quietest place where there is no pause at all."""


@dataclass(frozen=True, slots=True)
class CutRule:
    """Where a recording is cut into chunks."""

    speech_threshold: float = 0.5
    """Probability of voice at which speech begins; it goes on down to a little below."""
    longest_s: float = 27.5
    """Longest chunk; without a pause it is cut at its quietest place. Whisper hears 30 s at once."""
    gap_s: float = 1.5
    """Quiet that ends any chunk; it is not sent."""
    good_s: float = 8.0
    """Length from which a chunk ends at the next pause."""
    pause_s: float = 0.5
    """Quiet that counts as a pause at that length; the longer the chunk, the less will do."""
    least_pause_s: float = 0.2
    """The same in a chunk of nearly `longest_s`."""
    margin_s: float = 0.3
    """Sound before and after the speech that goes with it."""
    least_speech_s: float = 0.1
    """Less speech than this is a noise and is not sent."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of a recording that has speech in it."""

    sound: AudioFrame
    first_sample: int
    """First one of speech."""
    end_sample: int
    """The first one after the speech."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What was said in one chunk, and when."""

    start_s: float
    end_s: float
    text: str
    language: str | None = None
    confidence: float | None = None
    """0 to 1; none where the engine gives none."""
    alternatives: tuple[str, ...] = ()
    """What else may have been said."""
    utterance: str = ""
    """What the engine calls its sound; see `Transcript`."""


@dataclass(frozen=True, slots=True)
class Recording:
    """All that was said in a recording."""

    segments: Sequence[Segment]
    """In the order in which they were spoken, those without words left out."""
    audio_s: float

    @property
    def text(self) -> str:
        return " ".join(segment.text for segment in self.segments)

    @property
    def language(self) -> str | None:
        """The one that was spoken for the longest."""
        spoken_s: dict[str | None, float] = {}
        for segment in self.segments:
            spoken_s[segment.language] = spoken_s.get(segment.language, 0.0) + _length_s(segment)
        return max(spoken_s, key=lambda language: spoken_s[language], default=None)

    @property
    def confidence(self) -> float | None:
        """Mean over the time of speech."""
        known = [
            (segment.confidence, _length_s(segment)) for segment in self.segments if segment.confidence is not None
        ]
        total_s = sum(length_s for _, length_s in known)
        return sum(confidence * length_s for confidence, length_s in known) / total_s if total_s else None

    @property
    def transcript(self) -> Transcript:
        """The whole as one command; what else it may be differs in one segment each."""
        texts = [segment.text for segment in self.segments]
        others = (
            " ".join((*texts[:index], other, *texts[index + 1 :]))
            for index, segment in enumerate(self.segments[:_MOST_VARIED])
            for other in segment.alternatives
        )
        utterance = self.segments[0].utterance if len(self.segments) == 1 else ""
        return Transcript(self.text, self.language, self.confidence, alternatives=tuple(others), utterance=utterance)


class AtATime:
    """Speech to text of which no more is asked at a time than it takes; the others wait for their turn."""

    def __init__(self, stt: SpeechToText, most: Callable[[], int]) -> None:
        """most: requests at a time; may change, since another engine may take over."""
        self.most = most
        self._stt = stt
        self._asked = 0
        self._answered = asyncio.Event()

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], language: str | None
    ) -> AsyncGenerator[Transcript, None]:
        """As that does."""
        while self._asked >= max(1, self.most()):
            self._answered.clear()
            await self._answered.wait()
        self._asked += 1
        try:
            async with aclosing(self._stt.transcribe(frames, language)) as found:
                async for transcript in found:
                    yield transcript
        finally:
            self._asked -= 1
            self._answered.set()


async def transcribe_recording(
    path: str,
    stt: SpeechToText,
    vad: VadEngine,
    *,
    language: str | None = None,
    rule: CutRule | None = None,
    batch: Callable[[], int] = lambda: 1,
    on_progress: Callable[[float], None] = lambda seconds: None,
) -> Recording:
    """Transcribe a sound file of any format, rate, channels and length.

    vad: loaded; nobody else may use it meanwhile. batch: chunks that the engine takes at a time; so many are held.
    on_progress: told how many more seconds are done, or begun.
    An engine that dies at a chunk is given that chunk once more. Raises AudioFileError naming the file, EngineError.
    """
    segments: list[Segment] = []
    end_sample = told = 0

    def counted(frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
        nonlocal end_sample
        for frame in frames:
            end_sample = frame.end_sample
            yield frame

    asked: deque[asyncio.Task[Segment]] = deque()
    try:
        with closing(inbound_frames(path)) as frames:
            for chunk in chunks(counted(frames), vad, rule or CutRule()):
                if chunk is not None:
                    name = f"transcribe {path} from {chunk.first_sample / INBOUND_RATE_HZ:.1f} s"
                    asked.append(asyncio.create_task(_segment(chunk, stt, language), name=name))
                    while len(asked) >= batch():
                        segments.append(await asked.popleft())
                    continue
                await asyncio.sleep(0)
                on_progress((end_sample - told) / INBOUND_RATE_HZ)
                told = end_sample
        while asked:
            segments.append(await asked.popleft())
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    return Recording([segment for segment in segments if segment.text], end_sample / INBOUND_RATE_HZ)


async def chunks_of(frames: Sequence[AudioFrame], make_vad: Callable[[], VadEngine]) -> Sequence[Chunk]:
    """The chunks of sound that is there already. make_vad: gives one that is not loaded.

    The work is done on a thread, which ends soon after a cancelled call.
    """
    given_up = threading.Event()

    def cut() -> Sequence[Chunk]:
        vad = make_vad()
        try:
            vad.load()
            found: list[Chunk] = []
            for chunk in chunks(frames, vad, CutRule()):
                if given_up.is_set():
                    break
                if chunk is not None:
                    found.append(chunk)
            return found
        finally:
            vad.close()

    try:
        return await asyncio.to_thread(cut)
    finally:
        given_up.set()


async def transcribe_chunks(
    found: Iterable[Chunk],
    frames: Sequence[AudioFrame],
    transcribe: Callable[[Sequence[AudioFrame], str | None], Awaitable[Transcript]],
    language: str | None,
) -> Recording:
    """Transcribe the chunks of `frames`, one after another. Raises EngineError."""
    segments: list[Segment] = []
    for chunk in found:
        segment = _segment_of(chunk, await transcribe([chunk.sound], language))
        if segment.text:
            segments.append(segment)
    return Recording(segments, frames[-1].end_sample / INBOUND_RATE_HZ if frames else 0.0)


def chunks(frames: Iterable[AudioFrame], vad: VadEngine, rule: CutRule) -> Iterator[Chunk | None]:
    """Yield the chunks of a recording, each as soon as it is whole, and None after each frame.

    frames: inbound audio, consecutive from sample 0.
    """
    vad.reset()
    cutter = Cutter(rule, vad.window_samples)
    size = vad.window_samples * SAMPLE_BYTES
    rest = bytearray()
    end_sample = 0
    for frame in frames:
        end_sample = frame.end_sample
        rest += frame.pcm
        for at in range(0, len(rest) - size + 1, size):
            window = bytes(rest[at : at + size])
            if (chunk := cutter.push(window, vad.probability(window))) is not None:
                yield chunk
        del rest[: len(rest) // size * size]
        yield None
    if rest:
        window = bytes(rest).ljust(size, b"\0")
        yield cutter.push(window, vad.probability(window))
    yield cutter.finish(end_sample)


class Cutter:
    """Finds the chunks in a run of windows and their probabilities of voice; pure, and holds one chunk at most."""

    def __init__(self, rule: CutRule, window_samples: int) -> None:
        self._rule = rule
        self._window_samples = window_samples
        self._enter = rule.speech_threshold
        self._stay = max(rule.speech_threshold - _HYSTERESIS, rule.speech_threshold / 2)
        self._margin = self._windows(rule.margin_s)
        self._pcm = bytearray()
        self._speech: list[float] = []
        self._voiced: list[bool] = []
        self._first_window = 0
        """Number in the recording of the first window that is held."""

    def push(self, pcm: bytes, speech: float) -> Chunk | None:
        """Take the next window; return the chunk that it ended, if it did."""
        voiced = speech >= (self._stay if self._voiced and self._voiced[-1] else self._enter)
        self._pcm += pcm
        self._speech.append(speech)
        self._voiced.append(voiced)
        if True not in self._voiced:
            self._drop(len(self._voiced) - self._margin)
            return None
        quiet = self._quiet()
        held = len(self._voiced)
        if quiet >= self._pause(held):
            return self._cut(held - quiet + min(self._margin, quiet))
        return self._cut(self._quietest()) if held >= self._windows(self._rule.longest_s) else None

    def finish(self, end_sample: int) -> Chunk | None:
        """Return what is left. end_sample: where the recording ends, so that no padding is sent."""
        if True not in self._voiced:
            return None
        chunk = self._cut(min(len(self._voiced), len(self._voiced) - self._quiet() + self._margin))
        if chunk is None or chunk.sound.end_sample <= end_sample:
            return chunk
        pcm = chunk.sound.pcm[: (end_sample - chunk.sound.first_sample) * SAMPLE_BYTES]
        sound = AudioFrame(pcm, chunk.sound.first_sample)
        return Chunk(sound, chunk.first_sample, min(chunk.end_sample, end_sample))

    def _cut(self, end: int) -> Chunk | None:
        """Take the first `end` windows away; they are a chunk if there is speech enough in them."""
        voiced = [index for index in range(end) if self._voiced[index]]
        first_sample = self._first_window * self._window_samples
        pcm = bytes(self._pcm[: end * self._window_samples * SAMPLE_BYTES])
        self._drop(end)
        if len(voiced) < self._windows(self._rule.least_speech_s):
            return None
        return Chunk(
            AudioFrame(pcm, first_sample),
            first_sample + voiced[0] * self._window_samples,
            first_sample + (voiced[-1] + 1) * self._window_samples,
        )

    def _drop(self, count: int) -> None:
        if count > 0:
            del self._pcm[: count * self._window_samples * SAMPLE_BYTES]
            del self._speech[:count]
            del self._voiced[:count]
            self._first_window += count

    def _quiet(self) -> int:
        """Windows since the last one with voice; there is one."""
        return next(index for index, voiced in enumerate(reversed(self._voiced)) if voiced)

    def _quietest(self) -> int:
        """The middle of the longest pause in the later part of what is held, else of its least voiced place."""
        begin = int(len(self._voiced) * _SEARCHED)
        best = run = 0
        where = begin
        for index in range(begin, len(self._voiced)):
            run = 0 if self._voiced[index] else run + 1
            if run > best:
                best, where = run, index + 1 - run // 2
        if best:
            return where
        places = range(begin, len(self._speech) - _SMOOTH)
        return min(places, key=lambda place: sum(self._speech[place : place + _SMOOTH])) + _SMOOTH // 2

    def _pause(self, held: int) -> int:
        """Windows of quiet that end a chunk of this length."""
        rule = self._rule
        length_s = held * self._window_samples / INBOUND_RATE_HZ
        if length_s < rule.good_s:
            return self._windows(rule.gap_s)
        share = min(1.0, (length_s - rule.good_s) / (rule.longest_s - rule.good_s))
        return self._windows(rule.pause_s - share * (rule.pause_s - rule.least_pause_s))

    def _windows(self, seconds: float) -> int:
        return max(1, int(seconds * INBOUND_RATE_HZ / self._window_samples))


async def _segment(chunk: Chunk, stt: SpeechToText, language: str | None) -> Segment:
    tries = 0
    while True:
        tries += 1
        try:
            heard = await _final(chunk.sound, stt, language)
        except EngineDied:
            if tries == _TRIES:
                raise
        else:
            return _segment_of(chunk, heard)


def _segment_of(chunk: Chunk, heard: Transcript) -> Segment:
    start_s, end_s = chunk.first_sample / INBOUND_RATE_HZ, chunk.end_sample / INBOUND_RATE_HZ
    return Segment(
        start_s,
        end_s,
        heard.text.strip(),
        heard.language,
        heard.confidence,
        heard.alternatives,
        heard.utterance,
    )


async def _final(sound: AudioFrame, stt: SpeechToText, language: str | None) -> Transcript:
    async with aclosing(stt.transcribe(_whole(sound), language)) as found:
        async for transcript in found:
            if transcript.final:
                return transcript
    raise EngineError("the STT engine ended without a transcript")


async def _whole(sound: AudioFrame) -> AsyncIterator[AudioFrame]:
    yield sound


def _length_s(segment: Segment) -> float:
    return segment.end_s - segment.start_s
