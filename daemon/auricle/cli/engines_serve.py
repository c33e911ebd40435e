"""`auricle engines serve`: one engine in a process of its own environment, started again when it dies."""

import asyncio
import os
import signal
import tempfile
from pathlib import Path

from auricle.api import EngineSpec, PluginConfig
from auricle.config import cache_dir, runtime_dir, state_dir
from auricle.engines.pulled import with_pulled
from auricle.engines.supervisor import Worker
from auricle.settings import EngineProcess


async def serve(spec: EngineSpec, config: PluginConfig, process: EngineProcess, uri: str) -> int:
    """Serve at `uri` until SIGTERM (exit status 0); Ctrl-C ends it as it ends every command.

    Prints the uri, real port and all, once requests are taken. Raises EngineError when it cannot be loaded.
    """
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    with tempfile.TemporaryDirectory(prefix="serve-", dir=runtime_dir(os.environ)) as folder:
        worker = Worker(
            spec,
            with_pulled(spec, config, cache_dir(os.environ) / "models"),
            process,
            runtime_dir=Path(folder),
            state_dir=state_dir(os.environ),
            on_change=lambda event: None,
            uri=uri,
        )
        ending = asyncio.create_task(stopped.wait(), name="wait for SIGTERM")
        starting = asyncio.create_task(worker.start(), name=f"start {spec.name}")
        try:
            await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                print(worker.uri, flush=True)
                await ending
            return 0
        finally:
            ending.cancel()
            starting.cancel()
            await worker.stop()
            await asyncio.gather(ending, starting, return_exceptions=True)
