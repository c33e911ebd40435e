"""Ducking: while the daemon listens or speaks, other players on its loudspeaker are softer, and afterwards as before.

Per stream, through PulseAudio or PipeWire's PulseAudio; without such a server nothing is done.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from auricle.bus import EventBus
from auricle.pipeline.lane import Lane
from auricle.status import Status

try:
    import pulsectl
except (ImportError, OSError):  # the library of the sound server is not on this machine, and so no server is
    pulsectl = None

_LOG = logging.getLogger(__name__)
_ANSWER_S = 2.0
"""How long the sound server may take; then it is left alone until it answers."""
_SAME = 0.005
_LISTENING = ("listening", "transcribing")
_SPEAKING = ("thinking", "speaking")


class Ducked(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that was made softer. Volumes are shares, one for each channel."""

    index: int
    process: str
    """Of the player; an index is given to others once the server has begun anew."""
    before: list[float]
    after: list[float]


class Ducking:
    """Follows the daemon's state; `run` is the task that does it, and restores what it lowered when it ends."""

    def __init__(
        self, when: Literal["off", "listening", "always"], volume: int, *, sink: str | int, file: Path
    ) -> None:
        """volume: to which players go, in percent of their own. sink: as `[audio.output] device`.

        file: what was lowered, written down before it is: after a crash the next start restores it.
        """
        self._states = {"off": (), "listening": _LISTENING, "always": (*_LISTENING, *_SPEAKING)}[when]
        self._factor = volume / 100
        self._sink = sink
        self._file = file
        self._lane: Lane | None = None
        self._pending: asyncio.Future[None] | None = None
        self._down = False
        self._silent = False

    async def run(self, bus: EventBus, status: Callable[[], Status]) -> None:
        if self._file.exists():
            await self._do(self._restore)
        if not self._states:
            return
        try:
            with bus.subscribe() as events:
                async for _ in events:
                    # A server that takes its time is asked until it has done what is wanted by then.
                    while (wanted := status().state in self._states) != self._down:
                        if await self._do(self._lower if wanted else self._restore):
                            self._down = wanted
        finally:
            # What is still under way may lower something yet.
            if self._file.exists() or (self._pending is not None and not self._pending.done()):
                await self._do(self._restore)
            if self._lane is not None:
                self._lane.close()

    async def _do(self, work: Callable[[], None]) -> bool:
        """Work on the sound server in a thread of its own; whether it was done in time."""
        if self._lane is None:
            self._lane = Lane("ducking")
        if self._pending is not None and not await self._answered(self._pending):
            return False
        self._pending = self._lane.submit(work)
        if not await self._answered(self._pending):
            return False
        self._pending = None
        return True

    async def _answered(self, pending: "asyncio.Future[None]") -> bool:
        done, _ = await asyncio.wait({pending}, timeout=_ANSWER_S)
        if not done:
            if not self._silent:
                _LOG.warning("the sound server does not answer: other players keep their volume for now")
            self._silent = True
            return False
        self._silent = False
        if (error := pending.exception()) is not None:
            _LOG.debug("no ducking: %s", error)
        return True

    def _lower(self) -> None:
        """On the lane's thread."""
        with _server() as pulse:
            sink = _sink(pulse, self._sink)
            known = {one.index: one for one in self._lowered()}
            for stream in pulse.sink_input_list():
                process = stream.proplist.get("application.process.id", "")
                if stream.sink != sink or process == str(os.getpid()) or stream.index in known:
                    continue
                before = list(stream.volume.values)
                after = [channel * self._factor for channel in before]
                known[stream.index] = Ducked(index=stream.index, process=process, before=before, after=after)
                self._write(list(known.values()))
                pulse.volume_set(stream, pulsectl.PulseVolumeInfo(after))

    def _restore(self) -> None:
        """On the lane's thread. What its user has set meanwhile stays."""
        lowered = self._lowered()
        if lowered:
            with _server() as pulse:
                streams = {stream.index: stream for stream in pulse.sink_input_list()}
                for one in lowered:
                    stream = streams.get(one.index)
                    if stream is None or stream.proplist.get("application.process.id", "") != one.process:
                        continue
                    if _alike(stream.volume.values, one.after):
                        pulse.volume_set(stream, pulsectl.PulseVolumeInfo(one.before))
        self._file.unlink(missing_ok=True)

    def _lowered(self) -> list[Ducked]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=list[Ducked])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError) as error:
            _LOG.warning("%s cannot be read, so that no volume is restored: %s", self._file, error)
            return []

    def _write(self, lowered: Sequence[Ducked]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._file.with_suffix(".new")
        unfinished.write_bytes(msgspec.json.encode(lowered))
        unfinished.replace(self._file)


def _server() -> Any:
    """Raises pulsectl.PulseError where there is none, RuntimeError where there cannot be one."""
    if pulsectl is None:
        raise RuntimeError("libpulse is not installed")
    pulse = pulsectl.Pulse("auricle ducking", connect=False)
    pulse.connect(autospawn=False)  # its own deadline waits that long for a server that answers at once
    return pulse


def _sink(pulse: Any, device: str | int) -> int | None:
    """The index of the loudspeaker: the one that the device names, else the default."""
    default = pulse.server_info().default_sink_name
    sinks = pulse.sink_list()
    named = [sink for sink in sinks if isinstance(device, str) and device in (sink.name, sink.description)]
    found = named or [sink for sink in sinks if sink.name == default]
    return int(found[0].index) if found else None


def _alike(some: Sequence[float], others: Sequence[float]) -> bool:
    return len(some) == len(others) and all(abs(one - other) <= _SAME for one, other in zip(some, others, strict=True))
