"""Where a command begins and ends: from the VAD's probabilities to the frames that are worth transcribing."""

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from enum import Enum

from auricle.model.audio import INBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import NothingHeard
from auricle.pipeline.nearness import Nearness, power

_HYSTERESIS = 0.15
_BRIDGE_S = 0.3
"""Longest pause inside what is not yet known to be more than a noise: a plosive, the gap between two syllables."""
_BLIP_S = 0.1
"""Voice that is no longer than this, after a pause, is a click or a breath and not speech that goes on."""
_AT_ONCE_S = 0.1
"""Speech that begins this early goes on from before the first sample."""
_WORD_TAIL_S = 0.26
"""Speech that goes on from a wake word and is shorter than this is the end of that word: engines tell its end to some
0.1 s, and the VAD notices quiet late. The end of the word and a short command together are longer."""


@dataclass(frozen=True, slots=True)
class EndpointRule:
    """The keys of `[listen]` that say where a command begins and ends."""

    patience_s: float = 5.0
    """How long to wait for speech to begin."""
    silence_s: float = 0.7
    """Quiet that ends a command."""
    max_s: float = 15.0
    """Longest command, from its first voiced sample."""
    speech_threshold: float = 0.5
    """Probability of voice at which speech begins; it goes on down to a little below."""
    min_speech_s: float = 0.2
    """Less speech than this is a noise, not a command."""
    lead_in_s: float = 0.5
    """Sound from before the first voiced sample that goes with the command: soft consonants, room for the engine."""
    background_db: float = 8.0
    """Voice so far below the speaker's level is a television's; 0 takes all voice for the speaker's."""
    background_s: float = 1.0
    """Nothing but such voice for so long ends a command."""


_RECEDED_S = 0.4
"""Nothing but background for so long: the speaker may be done, as at the beginning of a pause; soft words are less."""


class Verdict(Enum):
    WAITING = "waiting"
    """No speech, or too little to tell it from a noise."""
    SPEAKING = "speaking"
    ENDED = "ended"
    NOTHING = "nothing"
    """Nobody spoke in time."""

    @property
    def final(self) -> bool:
        return self in (Verdict.ENDED, Verdict.NOTHING)


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command is, in samples of the stream."""

    first_sample: int
    """First one of speech."""
    last_sample: int
    """Last one of speech."""
    end_sample: int
    """The first one that was not listened to any more."""
    reason: str
    """`silence`, `background`, `max_s` or `end_of_audio`."""


class Segmenter:
    """Finds one command in a run of probabilities; pure, and told the time in samples alone.

    A little speech that a pause follows is a noise and is forgotten; it neither ends nor prolongs the patience.
    after_word: the sound begins where a wake word ended, more or less; what is left of it is no command.
    """

    def __init__(self, rule: EndpointRule, first_sample: int = 0, *, after_word: bool = False) -> None:
        self._enter = rule.speech_threshold
        self._stay = max(rule.speech_threshold - _HYSTERESIS, rule.speech_threshold / 2)
        self._usual_silence = self._silence = _samples(rule.silence_s)
        self._bridge = _samples(min(_BRIDGE_S, rule.silence_s))
        self._max = _samples(rule.max_s)
        self._needed = min(_samples(rule.min_speech_s), self._max)
        self._needed_at_once = min(max(self._needed, _samples(_WORD_TAIL_S)), self._max) if after_word else self._needed
        self._at_once_ends = first_sample + _samples(_AT_ONCE_S)
        self._patience_ends = first_sample + _samples(rule.patience_s)
        self._voiced = False
        self._voiced_samples = 0
        self._near_samples = 0
        self._last_voiced_end = self._last_near_end = first_sample
        self._nearness = Nearness(rule.background_db)
        self._usual_background = self._background = _samples(rule.background_s)
        self._goes_on = 0
        self.verdict = Verdict.WAITING
        self.position = first_sample
        """Index of the next sample to be judged."""
        self.onset: int | None = None
        """First sample of what is, or may become, the command."""
        self.reason = ""

    def push(self, samples: int, speech: float, power: float = 1.0) -> Verdict:
        """Go on by `samples` in which `speech` is the probability of voice; a final verdict stays as it is.

        power: mean square of the samples.
        """
        if self.verdict.final:
            return self.verdict
        self._voiced = speech >= (self._stay if self._voiced else self._enter)
        if self._nearness.near(samples, power, voiced=self._voiced):
            self._near_samples += samples
            self._last_near_end = self.position + samples
            self._background = self._usual_background
        if self._voiced:
            if self.onset is None:
                self.onset = self.position
            self._voiced_samples += samples
            self._last_voiced_end = self.position + samples
            self._goes_on += samples
            if self._goes_on > _samples(_BLIP_S):
                self._silence = self._usual_silence
        self.position += samples
        self.verdict = self._judge()
        return self.verdict

    def expect(self, silence_s: float) -> Verdict:
        """From now on so much quiet ends the command, what has passed counted in; speech that goes on undoes it.

        If that is more than usual, background alone must last as much longer to end it.
        """
        self._silence = _samples(silence_s)
        self._background = self._usual_background + max(0, self._silence - self._usual_silence)
        self._goes_on = 0
        if not self.verdict.final:
            self.verdict = self._judge()
        return self.verdict

    @property
    def quiet(self) -> int:
        """Samples since the last one of speech; where others speak in the background, somewhat less."""
        near = self.position - self._last_near_end - _samples(_RECEDED_S) if self.receded else 0
        return max(self.position - self._last_voiced_end, near)

    @property
    def receded(self) -> bool:
        """Nothing but voices in the background is heard."""
        return self.onset is not None and self._last_voiced_end - self._last_near_end >= _samples(_RECEDED_S)

    @property
    def voiced(self) -> int:
        """Samples of voice in what is, or may become, the command."""
        return self._voiced_samples

    @property
    def near(self) -> int:
        """Those of them that are as loud as the speaker."""
        return self._near_samples

    @property
    def last_sample(self) -> int:
        """The last one of speech so far."""
        return (self._last_near_end if self.receded else self._last_voiced_end) - 1

    def finish(self) -> Verdict:
        """There is no more sound; the verdict is final."""
        if self.verdict is Verdict.SPEAKING:
            self._end("end_of_audio")
        elif self.verdict is Verdict.WAITING:
            self.verdict = Verdict.NOTHING
        return self.verdict

    @property
    def command(self) -> Command:
        """Raises RuntimeError unless the verdict is `ENDED`."""
        if self.verdict is not Verdict.ENDED or self.onset is None:
            raise RuntimeError(f"there is no command yet: the endpointer's verdict is {self.verdict.value}")
        end = self._last_near_end if self.reason == "background" else self._last_voiced_end
        return Command(self.onset, end - 1, self.position, self.reason)

    def _judge(self) -> Verdict:
        if self.onset is not None:
            quiet = self.position - self._last_voiced_end
            too_long = self.position - self.onset >= self._max
            needed = self._needed_at_once if self.onset < self._at_once_ends else self._needed
            if self.verdict is Verdict.WAITING and self._voiced_samples >= needed:
                self.verdict = Verdict.SPEAKING
            if self.verdict is Verdict.SPEAKING:
                if quiet >= self._silence:
                    return self._end("silence")
                if self._last_voiced_end - self._last_near_end >= self._background:
                    return self._end("background")
                return self._end("max_s") if too_long else Verdict.SPEAKING
            if quiet < self._bridge and not too_long:
                return Verdict.WAITING
            self.onset = None
            self._voiced_samples = self._near_samples = 0
            self._nearness.forget()
        return Verdict.NOTHING if self.position >= self._patience_ends else Verdict.WAITING

    def _end(self, reason: str) -> Verdict:
        self.reason = reason
        self.verdict = Verdict.ENDED
        return self.verdict


class Hearing(AsyncIterator[AudioFrame]):
    """The frames of one command, as they are spoken: from `lead_in_s` before the first voiced one to the end.

    frames: inbound audio that the VAD has judged, from where the wake word ended on; the command may begin at once.
    after_word: a wake word was there; speech of under 0.26 s at the very beginning is what is left of it.
    Iterate it once; the frames end when the command does, and then `command` says where it was.
    Raises NothingHeard if `rule.patience_s` pass, or the frames end, without speech.
    """

    def __init__(self, frames: AsyncIterable[AudioFrame], rule: EndpointRule, *, after_word: bool = False) -> None:
        self._frames = aiter(frames)
        self._rule = rule
        self._after_word = after_word
        self._segmenter: Segmenter | None = None
        self._held: deque[AudioFrame] = deque()
        """The lead-in, and what may become the command."""
        self._ready: deque[AudioFrame] = deque()

    @property
    def verdict(self) -> Verdict:
        return Verdict.WAITING if self._segmenter is None else self._segmenter.verdict

    @property
    def heard(self) -> Segmenter | None:
        """How far it is, once sound came and all of it that belongs to the command was taken."""
        return None if self._ready or self._segmenter is None else self._segmenter

    def expect(self, silence_s: float) -> Verdict:
        """See `Segmenter.expect`; where that much quiet has passed already, the frames have ended."""
        return self.verdict if self._segmenter is None else self._segmenter.expect(silence_s)

    @property
    def command(self) -> Command:
        """Raises RuntimeError before the frames have ended."""
        if self._segmenter is None:
            raise RuntimeError("there is no command yet: no sound has come")
        return self._segmenter.command

    async def __anext__(self) -> AudioFrame:
        while not self._ready:
            if self.verdict.final:
                raise StopAsyncIteration
            await self._hear()
        return self._ready.popleft()

    async def _hear(self) -> None:
        try:
            frame = await anext(self._frames)
        except StopAsyncIteration:
            if self._segmenter is None:
                self._segmenter = Segmenter(self._rule)
            verdict = self._segmenter.finish()
        else:
            verdict = self._judge(frame)
        match verdict:
            case Verdict.WAITING:
                self._forget()
            case Verdict.SPEAKING | Verdict.ENDED:
                self._ready.extend(self._held)
                self._held.clear()
            case Verdict.NOTHING:
                self._held.clear()
                raise NothingHeard(f"nobody spoke within {self._rule.patience_s:g} s")

    def _judge(self, frame: AudioFrame) -> Verdict:
        if self._segmenter is None:
            self._segmenter = Segmenter(self._rule, frame.first_sample, after_word=self._after_word)
        # Frames that were lost on the way were not heard, but their time has passed.
        if (lost := frame.first_sample - self._segmenter.position) > 0 and self._segmenter.push(lost, 0.0).final:
            return self._segmenter.verdict
        self._held.append(frame)
        return self._segmenter.push(frame.samples, frame.speech, power(frame.pcm))

    def _forget(self) -> None:
        """Drop what is older than the lead-in."""
        if self._segmenter is None:
            return
        onset = self._segmenter.position if self._segmenter.onset is None else self._segmenter.onset
        while self._held and self._held[0].first_sample < onset - _samples(self._rule.lead_in_s):
            self._held.popleft()


def _samples(seconds: float) -> int:
    return round(seconds * INBOUND_RATE_HZ)
