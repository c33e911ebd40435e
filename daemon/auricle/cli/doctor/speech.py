"""The engines, by a real round trip: a sentence is spoken by the one and understood by the other."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator

from auricle.cli.doctor.finding import Finding, failed, ok, warning
from auricle.cli.engines_only import running_engines
from auricle.config import LoadedConfig
from auricle.model.audio import INBOUND_RATE_HZ, OUTBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import AuricleError
from auricle.model.speech import SpeechRequest
from auricle.pipeline.rate import Resampler
from auricle.pipeline.synthesis import synthesized

_SENTENCE = "what time is it tomorrow"
_ROUND_TRIP_S = 300.0
_HALF = 0.5
_WHY = "commands are understood, and replies spoken, by engines in processes of their own"


def check(loaded: LoadedConfig) -> Iterator[Finding]:
    stt, tts = loaded.config.stt.engine, loaded.config.tts.engine
    try:
        text, tts_s, stt_s = asyncio.run(asyncio.wait_for(_round_trip(loaded), _ROUND_TRIP_S))
    except TimeoutError:
        yield failed("engines", f"no answer within {_ROUND_TRIP_S:g} s", _WHY, "auricle engines list")
        return
    except AuricleError as error:
        named = next((name for name in (stt, tts) if name in error.message), None)
        mend = ["auricle engines list    shows each engine's state and what it lacks"]
        if named is not None:
            mend.insert(0, f"auricle engines install {named}    if it is not installed")
        yield failed("engines", error.message, _WHY, *mend)
        return
    words, heard = set(_SENTENCE.split()), set(re.findall(r"\w+", text.lower()))
    said = f"{tts} spoke in {tts_s:.2f} s, {stt} understood {text.strip()!r} in {stt_s:.2f} s"
    if len(words & heard) < _HALF * len(words):
        why = "the two may be set for different languages"
        yield warning(
            "engines", f"{said}; {_SENTENCE!r} was said", why, "look at language and voice in [stt] and [tts]"
        )
    else:
        yield ok("engines", said)


async def _round_trip(loaded: LoadedConfig) -> tuple[str, float, float]:
    """The transcript, and the seconds that speaking and understanding took."""
    async with running_engines(loaded) as fleet:
        began = time.monotonic()
        resampler = Resampler(OUTBOUND_RATE_HZ, INBOUND_RATE_HZ)
        spoken = [frame.pcm async for frame in synthesized(SpeechRequest(text=_SENTENCE, language="en"), fleet.tts)]
        pcm = b"".join(map(resampler.feed, spoken)) + resampler.finish()
        synthesized_s = time.monotonic() - began

        async def frames() -> AsyncIterator[AudioFrame]:
            yield AudioFrame(pcm)

        text = ""
        async for transcript in fleet.stt.transcribe(frames(), "en"):
            text = transcript.text
        return text, synthesized_s, time.monotonic() - began - synthesized_s
