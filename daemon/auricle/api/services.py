"""What a plugin may ask of the running daemon: to speak, ask, listen, schedule, and talk to the broker."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NoReturn, Protocol

from auricle.model.errors import NotConnected
from auricle.model.events import TimerChanged
from auricle.model.intent import Reply
from auricle.model.turn import Turn

Call = Callable[[], Awaitable[object] | object]
"""A plain function or an `async def`, without arguments."""
OnMessage = Callable[[str, bytes], Awaitable[None] | None]
"""Takes the topic below the plugin's own, and the payload."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """How far a speech request got."""

    id: str
    status: str
    """`queued`, or with `wait` the end: `finished`, `cancelled`, `expired` or `failed`."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a typed command was answered with."""

    text: str
    intent: str | None
    slots: Mapping[str, object]
    handled_by: str


@dataclass(frozen=True, slots=True)
class KnownSlot:
    """What may fill a slot: one of `choices`, a whole number from `lowest` to `highest`, else any words."""

    choices: tuple[str, ...] = ()
    """Words, as they are said; one spelling each."""
    lowest: int | None = None
    highest: int | None = None
    required: bool = False
    """Asked for where it is missing."""


@dataclass(frozen=True, slots=True)
class KnownIntent:
    """Something that may be asked of a plugin."""

    plugin: str
    name: str
    templates: tuple[str, ...]
    """How it may be said, in hassil's syntax."""
    slots: Mapping[str, KnownSlot] = field(default_factory=dict)


class Scheduled(Protocol):
    """A call to come."""

    def cancel(self) -> None:
        """Do not call any more; a call that has begun goes on."""


class Scheduler(Protocol):
    """Calls to come, each with the plugin's time limit; one that fails is a fault of the plugin, and no more.

    May be used from any thread. Calls end with the daemon: what must survive it is the plugin's to keep.
    """

    def at(self, when: datetime, call: Call) -> Scheduled:
        """Call when the wall clock says `when` (with its zone), wherever it was set to meanwhile: at most 1 s late."""
        ...

    def after(self, delay_s: float, call: Call) -> Scheduled:
        """Call after so many seconds, whatever the wall clock does; time asleep counts."""
        ...

    def every(self, period_s: float, call: Call) -> Scheduled:
        """Call again and again; where one call takes longer than the period, the missed ones are left out."""
        ...


class Assistant(Protocol):
    """The daemon. Every method may be awaited in the plugin's own coroutines."""

    @property
    def running(self) -> bool:
        """False where only the command line asks: nothing is said then, and nothing rings."""
        ...

    @property
    def volume(self) -> int: ...

    @property
    def muted(self) -> bool: ...

    async def say(
        self,
        text: str,
        *,
        priority: Literal["low", "normal", "high", "alarm"] = "normal",
        language: str | None = None,
        voice: str | None = None,
        chime: bool = False,
        expires_s: float | None = None,
        id: str | None = None,
        wait: bool = False,
    ) -> Spoken:
        """Queue speech; `wait` until it has ended. Raises BadRequest, QueueFull, also when the plugin floods it."""
        ...

    async def ask(self, text: str, *, language: str | None = None, speak: bool = False) -> Answered:
        """A typed command, as if the user had given it. Raises BadRequest."""
        ...

    async def intents(self, language: str | None = None) -> Sequence[KnownIntent]:
        """All that the sentences of the loaded plugins can ask for."""
        ...

    async def perform(self, plugin: str, intent: str, slots: Mapping[str, object], turn: Turn) -> Reply:
        """Have a known intent handled, as if it had been said; slots are filled with words or numbers.

        A reply that asks (for a missing slot, before something risky) has `expects_answer`; the user's next words
        answer it. One that is still being made has `stream`, as with `Reply`; left unread, it is not made.
        Raises BadRequest that names the intent or slot that does not fit.
        """
        ...

    async def renew_sentences(self) -> None:
        """Ask `auricle_sentences` of the plugin anew, since it answers something else now. Not where it is isolated."""
        ...

    async def listen(self, *, say: str | None = None) -> str:
        """Open the microphone for one turn, after saying `say`; return the turn's id. Raises AuricleError if muted."""
        ...

    async def stop(self, id: str | None = None) -> int:
        """Silence one speech, or all; return how many ended."""
        ...

    async def set_volume(self, volume: int) -> None:
        """0 to 100; kept over restarts. Raises BadRequest."""
        ...

    async def set_muted(self, muted: bool) -> None:
        """Close or open the microphone; kept over restarts."""
        ...

    async def tell(self, event: TimerChanged) -> None:
        """Publish a fact about a timer, on `T/timer` and to whoever watches."""
        ...

    async def publish(self, topic: str, payload: str | bytes, *, qos: int = 0, retain: bool = False) -> None:
        """Send on the plugin's own topic, `T/plugin/<name>/<topic>`. Raises NotConnected."""
        ...

    async def subscribe(self, topic: str, call: OnMessage) -> None:
        """Call for each message on `T/plugin/<name>/<topic>`; `topic` has no wildcards. Lasts as long as the daemon."""
        ...

    async def subscribe_to(self, topic: str, call: OnMessage) -> None:
        """The same for anybody's topic, such as a sensor's; what is retained on it comes at once."""
        ...


class NoScheduler:
    """Where no daemon runs: nothing is ever called."""

    def at(self, when: datetime, call: Call) -> Scheduled:
        return _Never()

    def after(self, delay_s: float, call: Call) -> Scheduled:
        return _Never()

    def every(self, period_s: float, call: Call) -> Scheduled:
        return _Never()


class _Never:
    def cancel(self) -> None:
        pass


class NoAssistant:
    """Where no daemon runs."""

    running = False
    volume = 0
    muted = False

    async def say(self, text: str, **options: object) -> Spoken:
        self._refuse("say anything")

    async def ask(self, text: str, *, language: str | None = None, speak: bool = False) -> Answered:
        self._refuse("ask anything")

    async def intents(self, language: str | None = None) -> Sequence[KnownIntent]:
        return ()

    async def perform(self, plugin: str, intent: str, slots: Mapping[str, object], turn: Turn) -> Reply:
        self._refuse("act")

    async def renew_sentences(self) -> None:
        return None

    async def listen(self, *, say: str | None = None) -> str:
        self._refuse("listen")

    async def stop(self, id: str | None = None) -> int:
        return 0

    async def set_volume(self, volume: int) -> None:
        self._refuse("set the volume")

    async def set_muted(self, muted: bool) -> None:
        self._refuse("mute anything")

    async def tell(self, event: TimerChanged) -> None:
        self._refuse("tell anybody")

    async def publish(self, topic: str, payload: str | bytes, *, qos: int = 0, retain: bool = False) -> None:
        self._refuse("publish")

    async def subscribe(self, topic: str, call: OnMessage) -> None:
        return None

    async def subscribe_to(self, topic: str, call: OnMessage) -> None:
        return None

    @staticmethod
    def _refuse(what: str) -> NoReturn:
        raise NotConnected(f"nothing to {what} with: the daemon does not run here")
