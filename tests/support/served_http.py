"""The HTTP adapter on a free loopback port, with a scripted assistant behind it."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from auricle.adapters.http import HttpAdapter
from auricle.adapters.http_inside import Health, Inside
from auricle.model.events import ComponentChanged
from auricle.settings import Http, Metrics
from support.mosquitto import free_port
from support.scripted_assistant import ScriptedAssistant

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
SPEECH, TRANSCRIPTIONS = "/v1/audio/speech", "/v1/audio/transcriptions"
BEARER = {"Authorization": "Bearer s3cret"}


def form(*, file: bytes | io.BytesIO | None = WAV, **fields: str) -> aiohttp.FormData:
    made = aiohttp.FormData(default_to_multipart=True)
    if file is not None:
        made.add_field("file", file, filename="../../etc/passwd", content_type="audio/wav")
    for name, value in fields.items():
        made.add_field(name, value)
    return made


async def error_of(response: aiohttp.ClientResponse) -> dict[str, object]:
    told = await response.json()
    assert list(told) == ["error"]
    assert list(told["error"]) == ["message", "type", "param", "code"]
    found: dict[str, object] = told["error"]
    return found


# --- who may ask


class ServedHttp:
    def __init__(self, assistant: ScriptedAssistant, **settings: object) -> None:
        self.assistant = assistant
        self.port = free_port()
        self.told: list[ComponentChanged] = []
        self.health = Health("ok", "listening for hey jarvis on USB mic")
        self.settings = Http(**{"bind": f"127.0.0.1:{self.port}", **settings})  # type: ignore[arg-type]
        inside = Inside(
            health=lambda: self.health,
            since_arrival_s=lambda sample: 0.25,
            microphone_overflows=lambda: 3,
            second_looks=lambda: 7,
            second_looks_confirmed=lambda: 2,
            wake_words_refused=lambda: 4,
            mqtt_waiting=lambda: 4,
            speech_waiting=lambda: len(assistant.waiting),
        )
        self.adapter = HttpAdapter(
            assistant, self.settings, Metrics(), inside, version="1.2.3", on_change=self.told.append
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def raw(self, sent: bytes, *, until_closed: bool = True) -> bytes:
        """What comes back for these bytes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        try:
            async with asyncio.timeout(20):
                return await (reader.read() if until_closed else reader.readuntil(b"\r\n"))
        finally:
            writer.close()


@asynccontextmanager
async def serving_http(
    assistant: ScriptedAssistant | None = None, **settings: object
) -> AsyncIterator[tuple[ServedHttp, aiohttp.ClientSession]]:
    """The adapter and a client of it; at the end no task of the adapter is left."""
    served = ServedHttp(assistant or ScriptedAssistant(), **settings)
    await served.adapter.start()
    try:
        async with aiohttp.ClientSession(served.url, timeout=aiohttp.ClientTimeout(30)) as client:
            yield served, client
    finally:
        await served.adapter.stop()
        left = [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("http")]
        assert not left, left
