"""An Assistant with a script instead of engines; bus, status and events are the real ones."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from auricle.bus import EventBus
from auricle.ledger import Ledger
from auricle.model.audio import AudioFrame
from auricle.model.errors import AuricleError, BadRequest, EngineUnavailable, PluginError, QueueFull
from auricle.model.events import (
    Event,
    MuteSet,
    SpeechChanged,
    StageChanged,
    Transcribed,
    TurnEnded,
    VoiceSet,
    VolumeSet,
)
from auricle.model.intent import Transcript
from auricle.model.speech import SpeechRequest, SpeechStatus
from auricle.model.turn import Outcome, Stage
from auricle.pipeline.recordings import Recording, Segment
from auricle.status import Status, reduce


@dataclass(frozen=True)
class ScriptedEnd:
    status: SpeechStatus
    reason: str | None = None


class ScriptedTicket:
    def __init__(self, request: SpeechRequest) -> None:
        self.request = request
        self.id = request.id
        self.ended: asyncio.Future[ScriptedEnd] = asyncio.get_running_loop().create_future()

    async def done(self) -> ScriptedEnd:
        return await asyncio.shield(self.ended)


@dataclass(frozen=True)
class ScriptedReply:
    id: str
    intent: str | None
    slots: Mapping[str, object]
    reply: str
    handled_by: str


class ScriptedAssistant:
    def __init__(self, *, at_once: bool = True, room: int = 1000) -> None:
        """at_once: speech ends when it is submitted; else `finish` ends it. room: how many may wait."""
        self.bus = EventBus()
        self.status = Status(volume=80, voice="amy")
        self.at_once = at_once
        self.room = room
        self.said: list[SpeechRequest] = []
        self.waiting: dict[str, ScriptedTicket] = {}
        self.asked: list[tuple[str, str | None, bool]] = []
        self.stopped: list[str | None] = []
        self.prompts: list[str | None] = []
        self.hears = "turn on the light"
        self.wakes = True
        self.think = asyncio.Event()
        self.think.set()
        self.ledger: Ledger | None = None
        self.resumed: list[tuple[ScriptedTicket, str]] = []
        self.makes: list[AudioFrame | Exception | asyncio.Event] = [AudioFrame(b"\1\0" * 2400, rate_hz=24_000)] * 3
        """What `synthesized` gives, raises or waits for, one after another."""
        self.synthesizing: list[SpeechRequest] = []
        self.synthesized_all: list[SpeechRequest] = []
        self.plugins: list[tuple[str, bool | None]] = []
        """What was asked of plugins: enabled, disabled, or none: reloaded."""
        self.description: dict[str, object] = {"version": "1.2.3", "voices": ["amy"]}

    async def set_plugin(self, name: str, enabled: bool) -> None:
        if name != "clock":
            raise PluginError(f"there is no plugin {name}; did you mean clock?")
        self.plugins.append((name, enabled))

    async def reload_plugin(self, name: str) -> None:
        self.plugins.append((name, None))

    def publish(self, event: Event) -> None:
        self.status = reduce(self.status, event)
        self.bus.publish(event)

    def submit(self, request: SpeechRequest) -> ScriptedTicket:
        if len(self.waiting) >= self.room:
            raise QueueFull(f"{self.room} requests wait to be said; try again later")
        ticket = ScriptedTicket(request)
        self.said.append(request)
        self.waiting[request.id] = ticket
        self.publish(SpeechChanged(id=request.id, status=SpeechStatus.QUEUED, text=request.text))
        if self.at_once:
            self.finish(request.id)
        return ticket

    async def accept(self, request: SpeechRequest, origin: str = "", message: str | None = None) -> ScriptedTicket:
        return self.submit(request)

    async def id_of(self, message: str) -> str | None:
        return None

    async def synthesize(self, request: SpeechRequest) -> bytes:
        return b"RIFF" + request.text.encode()

    async def synthesized(self, request: SpeechRequest) -> AsyncGenerator[AudioFrame, None]:
        if request.text == "no engine":
            raise EngineUnavailable("piper is not installed")
        if request.voice == "nobody":
            raise BadRequest("voice: there is no nobody; there is amy", field="voice")
        self.synthesizing.append(request)
        try:
            for step in self.makes:
                match step:
                    case asyncio.Event():
                        await step.wait()
                    case Exception():
                        raise step
                    case frame:
                        yield frame
        finally:
            self.synthesizing.remove(request)
            self.synthesized_all.append(request)

    async def transcribe_timed(self, sound: bytes, *, language: str | None = None) -> Recording:
        await self.think.wait()
        return Recording([Segment(0.5, 1.5, self.hears, "en", 0.9)], 2.0)

    async def transcribe(self, sound: bytes, *, language: str | None = None) -> tuple[Transcript, float]:
        await self.think.wait()
        return Transcript(self.hears, language="en", confidence=0.9), 1.5

    def finish(self, id: str, status: SpeechStatus = SpeechStatus.FINISHED, reason: str | None = None) -> None:
        ticket = self.waiting.pop(id)
        ticket.ended.set_result(ScriptedEnd(status, reason))
        self.publish(SpeechChanged(id=id, status=status, text=ticket.request.text, reason=reason))

    async def ask(
        self, text: str, *, id: str | None = None, language: str | None = None, speak: bool = False
    ) -> ScriptedReply:
        self.asked.append((text, language, speak))
        await self.think.wait()
        if text == "raise":
            raise RuntimeError("a fault in the script")
        return ScriptedReply(id or "none", "TurnOn", {"lamp": "desk"}, f"you said {text}", "commands")

    async def listen(self, *, id: str | None = None, say: str | None = None) -> str:
        if self.status.muted:
            raise AuricleError("the microphone is muted; unmute it first", code="muted")
        turn = id or "none"
        self.prompts.append(say)
        self.publish(StageChanged(stage=Stage.LISTENING, turn=turn))
        self.publish(transcribed(turn, self.hears))
        self.publish(StageChanged(stage=Stage.IDLE))
        self.publish(TurnEnded(turn=turn, outcome=Outcome.ANSWERED if self.hears else Outcome.NOTHING_HEARD))
        return turn

    async def stop(self, id: str | None = None) -> int:
        self.stopped.append(id)
        ended = [waiting for waiting in self.waiting if id in (None, waiting)]
        for waiting in ended:
            self.finish(waiting, SpeechStatus.CANCELLED, "stopped")
        return len(ended)

    def set_wake(self, on: bool) -> None:
        self.wakes = on

    def set_muted(self, muted: bool) -> None:
        self.publish(MuteSet(muted=muted))

    def set_volume(self, volume: int) -> None:
        self.publish(VolumeSet(volume=volume))

    def set_voice(self, voice: str) -> None:
        self.publish(VoiceSet(voice=voice))

    def describe(self) -> dict[str, object]:
        return self.description


def transcribed(turn: str, text: str) -> Transcribed:
    return Transcribed(
        turn=turn,
        text=text,
        language="en",
        confidence=0.9,
        wake_word="hey_jarvis",
        audio_s=1.5,
        first_sample=16_000,
        last_sample=40_000,
        latency_ms=310.5,
    )
