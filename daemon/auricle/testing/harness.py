"""Plugins in a test, without a daemon: `with Harness(Lamp) as house: assert house.say("turn on the lamp") == "On."`"""

import asyncio
import logging
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from auricle.api import Event, Intent, PluginContext, Question, Transcript, Turn
from auricle.host import PluginHost, PluginStatus
from auricle.pipeline.dialogue import Dialogue
from auricle.pipeline.dispatch import Dispatcher
from auricle.pipeline.streamed import whole
from auricle.settings import Plugins
from auricle.testing.house import ScriptedHouse, ScriptedTopics

T = TypeVar("T")

_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What a sentence was answered with. Equal to the reply's text, so that tests read as a conversation."""

    text: str
    intent: str | None
    slots: Mapping[str, object] = field(default_factory=dict)
    handled_by: str = ""
    asks: Question | None = None
    understood: bool = True

    def __eq__(self, other: object) -> bool:
        return self.text == (other.text if isinstance(other, Heard) else other)

    def __contains__(self, part: str) -> bool:
        return part in self.text

    def __hash__(self) -> int:
        return hash(self.text)


class Harness:
    """One or more plugins as the daemon runs them: sentences, dialogue, events, schedules. Its calls are plain ones."""

    def __init__(
        self,
        *plugins: type,
        config: Mapping[str, Any] | None = None,
        language: str = "en",
        name: str = "",
        data_dir: Path | None = None,
        timeout_s: float = 5.0,
        near_miss: float = 0.86,
    ) -> None:
        """config: keys of the first plugin. name: of the first one; the others are called by their class.

        near_miss: likeness from which a misheard sentence is taken; 1 takes exact words only, and starts faster.
        """
        names = [plugin.__name__.lower() for plugin in plugins]
        names[:1] = [name or names[0]]
        self.name = names[0]
        self._plugins = dict(zip(names, plugins, strict=True))
        self._options = {self.name: dict(config or {})}
        self._language = language
        self._data_dir = data_dir
        self._timeout_s = timeout_s
        self._near_miss = near_miss
        self._stack = ExitStack()
        self.offset = timedelta()
        """How far the wall clock of the plugins is from this machine's."""
        self.faults: list[str] = []
        self.house = ScriptedHouse()

    def __enter__(self) -> "Harness":
        folder = self._data_dir or Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="harness", daemon=True)
        self._thread.start()
        self._stack.callback(self._end_loop)
        self.host = PluginHost(
            plugins=Plugins(),
            options=self._options,
            context=lambda name: PluginContext(
                name=name,
                language=self._language,
                data_dir=folder / name,
                log=logging.getLogger(f"auricle.plugin.{name}"),
                now=self.now,
                publish=ScriptedTopics(self.house).publish,
            ),
            timeout_s=self._timeout_s,
            on_fault=lambda name, text: self.faults.append(f"{name}: {text}"),
        )
        for name, plugin in self._plugins.items():
            self.host.register(name, plugin)
        self._run(self._start())
        self._stack.callback(lambda: self._run(self.host.shutdown()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def say(self, text: str, *, language: str | None = None) -> Heard:
        """Say a sentence; return what is answered."""

        async def dispatch() -> Heard:
            turn = Turn(language=language)
            intent, reply = await self._respond(Transcript(text, language=language), turn)
            reply = await whole(reply)
            return Heard(
                reply.text,
                intent.name if intent is not None else None,
                intent.slots if intent is not None else {},
                reply.handled_by,
                reply.expects_answer,
                reply.understood,
            )

        return self._run(dispatch())

    def match(self, text: str) -> Intent | None:
        """What a sentence is understood as; nobody acts on it."""
        return self._dispatcher.match(text)

    def handle(self, intent: Intent) -> str | None:
        """Let the plugins handle an intent; return the reply's text, None if nobody answered."""
        reply = self._run(self.host.handle(intent, Turn()))
        return reply.text if reply is not None else None

    def tell(self, event: Event) -> None:
        """Tell the plugins of an event."""
        self._run(self.host.event(event))

    def status(self, name: str = "") -> PluginStatus:
        return next(status for status in self.host.statuses() if status.name == (name or self.name))

    def now(self) -> datetime:
        return (datetime.now().astimezone() + self.offset).astimezone()

    @property
    def said(self) -> list[str]:
        """What was said aloud, beside replies."""
        return [request.text for request in self.house.said]

    def until(self, fact: Callable[[], object], timeout_s: float = 10.0) -> None:
        """Wait until `fact()` is true. Raises TimeoutError."""
        deadline = time.monotonic() + timeout_s
        while not fact():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {timeout_s} s; faults: {self.faults}")
            time.sleep(0.01)

    async def _start(self) -> None:
        self._telling: set[asyncio.Task[None]] = set()
        self.house.tell = self._tell_soon
        self._dispatcher = Dispatcher(
            self.host,
            {self._language: self.host.sentences(self._language)},
            near_miss=self._near_miss,
            language=self._language,
        )
        dialogue = self.house.dialogue = Dialogue(self._dispatcher, language=self._language, now=self.now)
        self._respond = dialogue.respond
        self.house.renew = self._renew
        self.host.attach(self.house, ScriptedTopics(self.house))
        await self.host.startup()

    async def _renew(self, plugin: str) -> None:
        await self.host.renew_sentences(plugin)
        self._dispatcher.renew({self._language: self.host.sentences(self._language)})

    def _tell_soon(self, event: Event) -> None:
        task = asyncio.create_task(self.host.event(event))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_LIMIT_S)

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
