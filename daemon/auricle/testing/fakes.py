"""Scripted stand-ins for engines and devices: they do what they were told, and remember what they were asked."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

from auricle.api import INBOUND_RATE_HZ, OUTBOUND_RATE_HZ, AudioFrame, SynthesisRequest, Transcript, VadEngine


class ScriptedTts:
    """Says every text as `samples_per_character` samples at `rate_hz`; fails where the script says so."""

    def __init__(
        self,
        *,
        rate_hz: int = OUTBOUND_RATE_HZ,
        failures: Mapping[str, Exception] | None = None,
        level: int = 1,
        engine: str = "",
    ) -> None:
        """level: magnitude of the samples, whose sign alternates above 1."""
        self.rate_hz = rate_hz
        self.level = level
        self.engine = engine
        self.native_speed = False
        self.failures = dict(failures or {})
        self.asked: list[SynthesisRequest] = []
        self.gate = asyncio.Event()
        """Cleared, the next piece waits for it."""
        self.gate.set()
        self.samples_per_character = 100

    async def synthesize(self, request: SynthesisRequest) -> AsyncGenerator[AudioFrame, None]:
        self.asked.append(request)
        await self.gate.wait()
        if (failure := self.failures.get(request.text)) is not None:
            raise failure
        speed = request.speed if self.native_speed else 1.0
        count = int(self.samples_per_character * len(request.text) / speed)
        yield AudioFrame(self._sound(count), rate_hz=self.rate_hz, engine=self.engine, speed=speed)

    def _sound(self, count: int) -> bytes:
        if self.level == 1:
            return b"\x01\x00" * count
        period = self.level.to_bytes(2, "little") * 40 + (-self.level).to_bytes(2, "little", signed=True) * 40
        return (period * (count // 80 + 1))[: 2 * count]


class ScriptedStt:
    """Takes all frames, then answers with the next transcript, or raises the next error, of its script."""

    def __init__(self, script: Sequence[Transcript | Exception]) -> None:
        self.script = list(script)
        self.heard: list[list[AudioFrame]] = []
        self.languages: list[str | None] = []

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], language: str | None
    ) -> AsyncGenerator[Transcript, None]:
        self.languages.append(language)
        self.heard.append([frame async for frame in frames])
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        yield answer


class RecordingSpeaker:
    """Keeps what is played; with `gate` cleared a play waits after its first frame, as a real device takes time."""

    def __init__(self) -> None:
        self.played: list[bytes] = []
        self.volumes: list[int] = []
        self.cut = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def prepare(self) -> None:
        pass

    async def play(self, frames: AsyncIterator[AudioFrame], volume: int) -> None:
        self.volumes.append(volume)
        heard = bytearray()
        try:
            async for frame in frames:
                heard += frame.pcm
                await self.gate.wait()
        except asyncio.CancelledError:
            self.cut += 1
            raise
        finally:
            self.played.append(bytes(heard))


class ScriptedSource:
    """Inbound audio in blocks, as fast as it is taken, and then its end."""

    lossless = True

    def __init__(self, pcm: bytes, *, block_samples: int = 960) -> None:
        self._pcm = pcm
        self._block = block_samples
        self._at = 0

    @property
    def ended(self) -> bool:
        return self._at * 2 >= len(self._pcm)

    def take(self, timeout_s: float) -> AudioFrame | None:
        if self.ended:
            return None
        frame = AudioFrame(self._pcm[self._at * 2 : (self._at + self._block) * 2], self._at)
        self._at += self._block
        return frame


class LoudnessVad(VadEngine):
    """Voice is what is not zero."""

    def load(self) -> None:
        pass

    def probability(self, pcm: bytes) -> float:
        return 1.0 if any(pcm) else 0.0

    def reset(self) -> None:
        pass


def voice(seconds: float) -> bytes:
    """Inbound audio that `LoudnessVad` takes for voice."""
    return b"\x10\x00" * int(seconds * INBOUND_RATE_HZ)


def silence(seconds: float) -> bytes:
    return bytes(2 * int(seconds * INBOUND_RATE_HZ))
