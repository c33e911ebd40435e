"""Speaks a text while it comes, with the real Piper, to the real loudspeaker, as a program of its own.

Arguments: seconds between two words; by how much the engine is slowed, as a share of the sound; the text.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator

import numpy as np
from soxr import resample

from auricle.api import AudioFrame, SynthesisRequest
from auricle.model.events import Event, SpeechChanged
from auricle.model.speech import SpeechRequest
from auricle.pipeline.loudspeaker import DeviceSpeaker
from auricle.pipeline.speak import Speech
from auricle.pipeline.ticket import VoiceSettings
from auricle_piper import PiperConfig
from auricle_piper.engine import PiperEngine


class SlowPiper:
    """Gives each sentence when so much of its length has passed."""

    def __init__(self, engine: PiperEngine, rtf: float) -> None:
        self._engine = engine
        self._rtf = rtf
        self.sound = b""
        """All that was made, 24 kHz."""
        self.pieces: list[str] = []

    async def synthesize(self, request: SynthesisRequest) -> AsyncGenerator[AudioFrame, None]:
        began = time.monotonic()
        self.pieces.append(request.text)
        for frame in await asyncio.to_thread(lambda: list(self._engine.synthesize(request))):
            await asyncio.sleep(max(0.0, self._rtf * frame.seconds - (time.monotonic() - began)))
            self.sound += resample(np.frombuffer(frame.pcm, np.int16), frame.rate_hz, 24_000).astype(np.int16).tobytes()
            yield frame
            began = time.monotonic()


def longest_silence_s(samples: np.ndarray) -> float:
    """Between the first sound and the last."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 60)
    return float(np.diff(loud).max()) / 24_000


async def main(every_s: float, rtf: float, text: str) -> None:
    engine = PiperEngine(PiperConfig(noise_scale=0.0, noise_w=0.0))
    engine.load()
    list(engine.synthesize(SynthesisRequest("A warm-up sentence, as the daemon has it.")))
    tts, speaker = SlowPiper(engine, rtf), DeviceSpeaker("default", lambda change: None)
    told: dict[str, float] = {}
    began = time.monotonic()

    def publish(event: Event) -> None:
        if isinstance(event, SpeechChanged):
            told[event.status.value] = round(time.monotonic() - began, 3)

    async def words() -> AsyncIterator[str]:
        for word in text.split():
            yield f"{word} "
            await asyncio.sleep(every_s)
        told["text_s"] = round(time.monotonic() - began, 3)

    speech = Speech(tts, speaker, VoiceSettings(lambda: None, lambda: 100), queue_size=4, publish=publish)
    running = asyncio.create_task(speech.run())
    ticket = speech.submit(SpeechRequest(text=""), words())
    result = await ticket.done()
    underruns = speaker.underruns
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await speaker.close()
    engine.close()
    print(
        json.dumps(
            {
                "status": result.status.value,
                "text": ticket.text.split(),
                "pieces": tts.pieces,
                "silence_s": longest_silence_s(np.frombuffer(tts.sound, np.int16)),
                "underruns": underruns,
                **told,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3]))
