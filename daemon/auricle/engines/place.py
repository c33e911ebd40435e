"""Where an engine runs, as a proxy sees it: a worker of ours, or somebody's server."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from auricle.api.engines import Voice
from auricle.engines.client import Client, describe
from auricle.model.errors import AuricleError, EngineError, EngineUnavailable, WireError
from auricle.model.events import ComponentChanged, ErrorRaised

OnChange = Callable[[ComponentChanged | ErrorRaised], None]
"""Told of an engine that became well or unwell, and of each step that was taken because of it."""


class Place(Protocol):
    """An address whose server may be unwell."""

    name: str
    uri: str

    @property
    def local(self) -> bool:
        """Whether it is a process that we started, and that comes back by itself."""
        ...

    @property
    def usable(self) -> bool:
        """Whether a request now may well succeed."""
        ...

    @property
    def voices(self) -> Sequence[Voice]: ...

    def prepare(self) -> None:
        """It will be needed soon."""
        ...

    async def ready(self, timeout_s: float) -> None:
        """Return when requests are taken, starting the engine if need be. Raises EngineError."""
        ...

    def using(self, client: Client) -> AbstractContextManager[None]:
        """While the block runs, the place knows the client: it is cut off when the engine dies."""
        ...

    def failed(self, error: EngineError) -> None:
        """A request came to grief."""
        ...

    def answered(self) -> None:
        """A request went well."""
        ...


class Remote:
    """Somebody's Wyoming server: never started or ended by us, and left alone for a while after it failed."""

    local = False

    def __init__(
        self,
        name: str,
        uri: str,
        *,
        on_change: OnChange,
        rest_s: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.uri = uri
        self.detail = ""
        self.requests = 0
        self.well: bool | None = None
        """None until it was tried."""
        self._voices: tuple[Voice, ...] = ()
        self._on_change = on_change
        self._rest_s = rest_s
        self._clock = clock
        self._rests_until = 0.0

    @property
    def usable(self) -> bool:
        return self._clock() >= self._rests_until

    @property
    def voices(self) -> Sequence[Voice]:
        return self._voices

    async def look(self, timeout_s: float = 5.0) -> None:
        """Ask what it offers. Raises EngineError when it does not answer as a Wyoming server would."""
        try:
            info = await describe(self.uri, timeout_s)
        except (WireError, EngineError) as error:
            failure = EngineUnavailable(f"{self.uri} is of no use: {error.message}")
            self.failed(failure)
            raise failure from error
        self._voices = tuple(
            Voice(voice.name, language, voice.description or "")
            for program in info.tts
            for voice in program.voices
            for language in voice.languages[:1]
        )
        self.answered()

    def prepare(self) -> None:
        """Nothing that we could do."""

    async def ready(self, timeout_s: float) -> None:
        await asyncio.sleep(0)

    @contextmanager
    def using(self, client: Client) -> Iterator[None]:
        self.requests += 1
        yield

    def failed(self, error: AuricleError) -> None:
        self._rests_until = self._clock() + self._rest_s
        self._say(False, error.message)

    def answered(self) -> None:
        self._rests_until = 0.0
        self._say(True, self.uri)

    def _say(self, well: bool, detail: str) -> None:
        changed = well is not self.well
        self.well, self.detail = well, detail
        if changed:
            self._on_change(ComponentChanged(component=f"engine {self.name}", ok=well, detail=detail))
