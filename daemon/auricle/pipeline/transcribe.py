"""Speech to text for one command: while it is spoken, or from its first pause on."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing

from auricle.model.audio import INBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import EngineError
from auricle.model.events import CommandEnded, Event, PartialHeard, Speculated, StageChanged, Transcribed
from auricle.model.intent import Standing, Transcript
from auricle.model.turn import Stage, Turn
from auricle.pipeline.conditioning import normalize
from auricle.pipeline.endpoint import Hearing
from auricle.pipeline.speculate import Speculation, SpeculationRule
from auricle.ports import SpeechToText


class Transcriber:
    def __init__(
        self,
        stt: SpeechToText,
        *,
        dictation: SpeechToText | None = None,
        language: str | None,
        normalized: bool,
        since_arrival_s: Callable[[int], float],
        publish: Callable[[Event], None],
        on_command_end: Callable[[], None] = lambda: None,
        ahead: SpeculationRule | None = None,
        standing: Callable[[str, str | None], Standing] = lambda text, language: Standing.UNKNOWN,
    ) -> None:
        """dictation: for sound that is no turn's, of which nothing is expected; none is `stt`.

        since_arrival_s: seconds since the given sample came in. language: None is the engine's own choice.

        ahead: when to begin before the command has ended; without it frames go to the engine as they are spoken, which
        engines that give partials need. standing: how words, in a language, stand to the sentences that are known.
        """
        self._stt = stt
        self._dictation = dictation or stt
        self._language = language
        self._normalized = normalized
        self._since_arrival_s = since_arrival_s
        self._publish = publish
        self._on_command_end = on_command_end
        self._turn = ""
        self._speculation = (
            Speculation(stt, ahead, standing, self._tell_attempt, self._prepared) if ahead is not None else None
        )

    async def transcribe(self, hearing: Hearing, turn: Turn) -> Transcript:
        """Return the final transcript of what `hearing` hears.

        Raises NothingHeard when nobody spoke, EngineError when the engine failed.
        """
        language = turn.language or self._language
        if self._speculation is None:
            final = await self._decoded(self._frames(hearing, turn), language, turn)
        else:
            final = await self._ahead(self._speculation, hearing, language, turn)
        command = hearing.command
        self._publish(
            Transcribed(
                turn=turn.id,
                text=final.text,
                language=final.language,
                confidence=final.confidence,
                wake_word=turn.wake_word,
                audio_s=round((command.last_sample + 1 - command.first_sample) / INBOUND_RATE_HZ, 3),
                first_sample=command.first_sample,
                last_sample=command.last_sample,
                latency_ms=round(self._since_arrival_s(command.last_sample) * 1000, 1),
            )
        )
        return final

    async def transcribe_frames(self, frames: Sequence[AudioFrame], language: str | None) -> Transcript:
        """Return the transcript of inbound audio that is no turn's. Raises EngineError."""
        heard = self._dictation.transcribe(_stream(self._prepared(frames)), language or self._language)
        async with aclosing(heard) as found:
            async for transcript in found:
                if transcript.final:
                    return transcript
        raise EngineError("the STT engine ended without a transcript")

    async def _ahead(self, speculation: Speculation, hearing: Hearing, language: str | None, turn: Turn) -> Transcript:
        self._turn = turn.id
        frames, attempt = await speculation.hear(hearing, language)
        self._tell_end(hearing, turn)
        if attempt is not None and (transcript := await speculation.finish(attempt)) is not None:
            return transcript
        return await self._decoded(_stream(self._prepared(frames)), language, turn)

    async def _decoded(self, frames: AsyncIterator[AudioFrame], language: str | None, turn: Turn) -> Transcript:
        async with aclosing(self._stt.transcribe(frames, language)) as transcripts:
            async for transcript in transcripts:
                if transcript.final:
                    return transcript
                self._publish(PartialHeard(turn=turn.id, text=transcript.text))
        raise EngineError("the STT engine ended without a transcript")

    async def _frames(self, hearing: Hearing, turn: Turn) -> AsyncIterator[AudioFrame]:
        held: list[AudioFrame] = []
        async for frame in hearing:
            if self._normalized:
                held.append(frame)
            else:
                yield frame
        self._tell_end(hearing, turn)
        for frame in self._prepared(held):
            yield frame

    def _prepared(self, frames: Sequence[AudioFrame]) -> Sequence[AudioFrame]:
        """A command's frames, all of them, as the engine is to hear them."""
        if not self._normalized or not frames:
            return frames
        return (AudioFrame(normalize(b"".join(frame.pcm for frame in frames)), frames[0].first_sample),)

    def _tell_end(self, hearing: Hearing, turn: Turn) -> None:
        command = hearing.command
        self._publish(
            CommandEnded(
                turn=turn.id, first_sample=command.first_sample, last_sample=command.last_sample, reason=command.reason
            )
        )
        self._publish(StageChanged(stage=Stage.TRANSCRIBING, turn=turn.id))
        self._on_command_end()

    def _tell_attempt(self, status: str, last_sample: int, standing: Standing | None, took_s: float) -> None:
        self._publish(
            Speculated(
                turn=self._turn,
                status=status,
                last_sample=last_sample,
                standing=standing.value if standing is not None else "",
                took_s=round(took_s, 4),
            )
        )


async def _stream(frames: Sequence[AudioFrame]) -> AsyncIterator[AudioFrame]:
    for frame in frames:
        yield frame
