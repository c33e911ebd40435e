"""Speech to text for one command: frames go to the engine while they are spoken."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from auricle.model.audio import INBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import EngineError
from auricle.model.events import CommandEnded, Event, PartialHeard, StageChanged, Transcribed
from auricle.model.intent import Transcript
from auricle.model.turn import Stage, Turn
from auricle.pipeline.conditioning import normalize
from auricle.pipeline.endpoint import Hearing
from auricle.ports import SpeechToText


class Transcriber:
    def __init__(
        self,
        stt: SpeechToText,
        *,
        language: str | None,
        normalized: bool,
        since_arrival_s: Callable[[int], float],
        publish: Callable[[Event], None],
        on_command_end: Callable[[], None] = lambda: None,
    ) -> None:
        """since_arrival_s: seconds since the given sample came in. language: None is the engine's own choice."""
        self._stt = stt
        self._language = language
        self._normalized = normalized
        self._since_arrival_s = since_arrival_s
        self._publish = publish
        self._on_command_end = on_command_end

    async def transcribe(self, hearing: Hearing, turn: Turn) -> Transcript:
        """Return the final transcript of what `hearing` hears.

        Raises NothingHeard when nobody spoke, EngineError when the engine failed.
        """
        final: Transcript | None = None
        language = turn.language or self._language
        async with aclosing(self._stt.transcribe(self._frames(hearing, turn), language)) as transcripts:
            async for transcript in transcripts:
                if transcript.final:
                    final = transcript
                else:
                    self._publish(PartialHeard(turn=turn.id, text=transcript.text))
        if final is None:
            raise EngineError("the STT engine ended without a transcript")
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

    async def _frames(self, hearing: Hearing, turn: Turn) -> AsyncIterator[AudioFrame]:
        held: list[AudioFrame] = []
        async for frame in hearing:
            if self._normalized:
                held.append(frame)
            else:
                yield frame
        command = hearing.command
        self._publish(
            CommandEnded(
                turn=turn.id, first_sample=command.first_sample, last_sample=command.last_sample, reason=command.reason
            )
        )
        self._publish(StageChanged(stage=Stage.TRANSCRIBING, turn=turn.id))
        self._on_command_end()
        if held:
            yield AudioFrame(normalize(b"".join(frame.pcm for frame in held)), held[0].first_sample)
