"""A cable to a port of this machine that can be cut: what is on the way then is lost, both ends remain."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Cable:
    def __init__(self, port: int) -> None:
        self._to = port
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.carried = 0
        """Bytes towards the port, so far."""

    def cut(self) -> None:
        for end in self._ends:
            end.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        ends = {writer, far_writer}
        self._ends |= ends

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                while piece := await source.read(4096):
                    self.carried += len(piece) if sink is far_writer else 0
                    sink.write(piece)
                    await sink.drain()
            for end in ends:
                end.transport.abort()

        try:
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        finally:
            self._ends -= ends


@asynccontextmanager
async def cable(port: int) -> AsyncIterator[Cable]:
    """A cable to `port`, which as many as like may use at its own `port`."""
    made = Cable(port)
    server = await asyncio.start_server(made.carry, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.cut()
        await server.wait_closed()
        await asyncio.sleep(0.05)
