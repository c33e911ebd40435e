"""Run the daemon until a signal, or the end of what it listens to."""

import asyncio
import logging
import os
import signal

from auricle.app.daemon import Daemon
from auricle.config import LoadedConfig

_LOG = logging.getLogger("auricle")


async def serve(loaded: LoadedConfig, *, events_file: str | None = None) -> int:
    """Run until SIGTERM, SIGINT, or the end of a file that is listened to; return the exit status.

    A second signal does not wait for a clean end.
    """
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    assert main is not None
    ended_by: list[int] = []

    def end(number: int) -> None:
        if ended_by:
            os._exit(128 + number)
        ended_by.append(number)
        main.cancel()

    loop.add_signal_handler(signal.SIGHUP, _LOG.info, "not reloaded: still starting")
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    try:
        async with Daemon(loaded, events_file=events_file) as daemon:
            loop.add_signal_handler(signal.SIGHUP, daemon.reload_soon)
            await daemon.sound_ended.wait()
            await daemon.assistant.settled()
            _LOG.info("the sound has ended")
    except asyncio.CancelledError:
        if not ended_by:
            raise
        _LOG.info("stopped by %s", signal.Signals(ended_by[0]).name)
        return 130 if ended_by[0] == signal.SIGINT else 0
    return 0
