"""Speaks a text with an engine of an exact pace, to the real loudspeaker, as a program of its own.

Arguments: real-time factor; `whole` or `frames`, as the engine gives a piece; seconds between two words of the text, 0
gives it at once; folder for what was made; the text. The sound is noise, each piece another, so that a recording of
the room tells where each was heard.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from auricle.api import AudioFrame, SynthesisRequest
from auricle.model.audio import OUTBOUND_RATE_HZ
from auricle.model.speech import SpeechRequest
from auricle.pipeline.devices import Format
from auricle.pipeline.loudspeaker import DeviceSpeaker
from auricle.pipeline.speak import Speech
from auricle.pipeline.ticket import VoiceSettings

CHARACTERS_A_SECOND = 15
FRAME_S = 0.1


class PacedVoice:
    """Takes `rtf` seconds for each second of sound, neither more nor less."""

    def __init__(self, rtf: float, *, whole: bool) -> None:
        self._rtf = rtf
        self._whole = whole
        self.pieces: list[tuple[str, np.ndarray]] = []

    async def synthesize(self, request: SynthesisRequest) -> AsyncGenerator[AudioFrame, None]:
        count = max(1, len(request.text)) * OUTBOUND_RATE_HZ // CHARACTERS_A_SECOND
        noise = np.random.default_rng(len(self.pieces)).normal(0, 3_000, count)
        samples = np.clip(noise, -32_768, 32_767).astype("<i2")
        self.pieces.append((request.text, samples))
        began = time.monotonic()
        step = count if self._whole else int(FRAME_S * OUTBOUND_RATE_HZ)
        for at in range(0, count, step):
            frame = AudioFrame(samples[at : at + step].tobytes(), rate_hz=OUTBOUND_RATE_HZ)
            due_s = began + self._rtf * (at + frame.samples) / OUTBOUND_RATE_HZ
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            yield frame


class HeedfulSpeaker(DeviceSpeaker):
    """Keeps what it is given, and what it hands to the device when the device asks for it."""

    def __init__(self) -> None:
        super().__init__("default", lambda change: None, played=self._hand)
        self.given = self.handed = b""
        self.stumbles = 0
        """Blocks that the sound server asked for and threw away, once it had begun."""

    def _hand(self, sound: bytes, frames: int, form: Format, now_s: float) -> None:
        assert form == Format(OUTBOUND_RATE_HZ, 1), form
        if frames:
            self.handed += sound.ljust(2 * frames, b"\0")
        elif any(self.handed):
            self.stumbles += 1

    async def play(self, frames: AsyncIterator[AudioFrame], volume: int) -> None:
        async def kept() -> AsyncIterator[AudioFrame]:
            async for frame in frames:
                self.given += frame.pcm
                yield frame

        await super().play(kept(), volume)


async def main(rtf: float, how: str, every_s: float, folder: Path, text: str) -> None:
    tts, speaker = PacedVoice(rtf, whole=how == "whole"), HeedfulSpeaker()

    async def words() -> AsyncIterator[str]:
        for word in text.split():
            yield f"{word} "
            await asyncio.sleep(every_s)

    speech = Speech(
        tts, speaker, VoiceSettings(lambda: None, lambda: 100), queue_size=4, publish=lambda event, told=None: None
    )
    running = asyncio.create_task(speech.run())
    request = SpeechRequest(text="" if every_s else text)
    result = await speech.submit(request, words() if every_s else None).done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await speaker.close()
    np.save(folder / "given.npy", np.frombuffer(speaker.given, "<i2"))
    np.save(folder / "handed.npy", np.frombuffer(speaker.handed, "<i2"))
    for number, (_, samples) in enumerate(tts.pieces):
        np.save(folder / f"piece{number}.npy", samples)
    print(
        json.dumps({"status": result.status, "pieces": [text for text, _ in tts.pieces], "stumbles": speaker.stumbles})
    )


if __name__ == "__main__":
    with suppress(OSError):
        os.nice(-10)  # the engine's pace is what is judged, and not what else the machine does
    asyncio.run(main(float(sys.argv[1]), sys.argv[2], float(sys.argv[3]), Path(sys.argv[4]), sys.argv[5]))
