"""Whole turns at the pace of real speech."""

import time
from collections.abc import Iterator
from pathlib import Path

from auricle.app import Daemon
from auricle.cli.engines_only import TTS, running_engines
from auricle.cli.figures.figure import Bench, Figure, Plan
from auricle.cli.figures.parts import spoken, with_sound, write
from auricle.config import LoadedConfig
from auricle.model.audio import INBOUND_RATE_HZ
from auricle.model.events import SpeechChanged, Transcribed, TurnEnded, WakeHeard
from auricle.model.speech import SpeechStatus


def benches(loaded: LoadedConfig, plan: Plan) -> Iterator[Bench]:
    yield Bench("turn", "whole turns", lambda: _turns(loaded, plan.folder, plan.rounds))


async def _turns(loaded: LoadedConfig, folder: Path, rounds: int) -> list[Figure]:
    """Turns at the pace of real speech: wake word's end to event, end of speech to transcript and to first sound."""
    async with running_engines(loaded, kinds=(TTS,)) as fleet:
        word = Path(loaded.config.wake.words[0].model).stem.replace("_", " ")
        turn = await spoken(fleet, f"{word}, what time is it?")
    quiet = bytes(2 * INBOUND_RATE_HZ)
    path = write(folder / "turns.wav", quiet + (turn + quiet * 6) * rounds, INBOUND_RATE_HZ)
    wakes: list[float] = []
    transcripts: list[float] = []
    replies: list[float] = []
    async with Daemon(with_sound(loaded, path)) as daemon:
        capture = daemon.capture
        heard = 0.0
        with daemon.bus.subscribe() as events:
            async for event in events:
                match event:
                    case WakeHeard():
                        wakes.append(1000 * (time.monotonic() - capture.arrived_at(event.sample)))
                    case Transcribed():
                        transcripts.append(event.latency_ms)
                        heard = capture.arrived_at(event.last_sample)
                    case SpeechChanged(status=SpeechStatus.STARTED):
                        replies.append(1000 * (time.monotonic() - heard))
                    case TurnEnded() if len(wakes) >= rounds:
                        break
                if daemon.sound_ended.is_set() and not daemon.assistant.in_turn:
                    break
    named = {
        "wake word's end to wake event": wakes,
        "last speech sample to transcript": transcripts,
        "last speech sample to first sound of the reply": replies,
    }
    return [Figure(name, "ms", tuple(times)) for name, times in named.items() if times]
