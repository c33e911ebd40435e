"""Hermes, as Rhasspy 2.5 speaks it: sessions, hotword, speech and intents for flows that were built on it."""

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from auricle.adapters.assistant import Observed, Ticket
from auricle.adapters.hermes_sessions import Session, Sessions
from auricle.adapters.mqtt_extension import Send
from auricle.adapters.mqtt_messages import Incoming, Outgoing
from auricle.adapters.payloads import to_json
from auricle.adapters.requests import MAX_JSON_BYTES, MAX_TEXT_CHARACTERS
from auricle.model.errors import AuricleError, BadRequest
from auricle.model.events import ErrorRaised, Event, IntentHandled, Transcribed, TurnEnded, WakeHeard
from auricle.model.speech import SpeechRequest
from auricle.settings import Site
from auricle.status import Status

_LOG = logging.getLogger(__name__)
_MAX_TASKS = 64
_DIALOGUE = "hermes/dialogueManager"


class Assistant(Observed, Protocol):
    """What Hermes uses of `auricle.service.Assistant`."""

    def submit(self, request: SpeechRequest) -> Ticket: ...

    async def listen(self, *, id: str | None = None, say: str | None = None) -> str: ...

    async def stop(self, id: str | None = None) -> int: ...

    def set_wake(self, on: bool) -> None: ...


class _Message(msgspec.Struct, frozen=True, rename="camel"):
    """Fields that Hermes has and Auricle has no use for are passed over."""

    site_id: str = "default"
    session_id: str | None = None
    id: str | None = None
    text: str | None = None
    lang: str | None = None
    volume: float | None = None
    custom_data: str | None = None
    send_intent_not_recognized: bool = False


class _Init(msgspec.Struct, frozen=True, rename="camel"):
    type: str = "action"
    text: str | None = None
    can_be_enqueued: bool = True
    send_intent_not_recognized: bool = False


class _Start(msgspec.Struct, frozen=True, rename="camel"):
    init: _Init
    site_id: str = "default"
    custom_data: str | None = None


_Kind = TypeVar("_Kind", bound=msgspec.Struct)


class Hermes:
    """An `MqttExtension` for one site: what names another `siteId` is none of its business."""

    def __init__(self, assistant: Assistant, site: Site) -> None:
        self._assistant = assistant
        self._site = site.id
        self._send: Send = lambda message: False
        self._tasks: set[asyncio.Task[None]] = set()
        self._sessions = Sessions(assistant, self._tell, self._begin)
        self._takes: dict[str, Callable[[_Message], None]] = {
            "hermes/tts/say": lambda message: self._begin(self._say(message)),
            "hermes/hotword/toggleOn": lambda message: assistant.set_wake(True),
            "hermes/hotword/toggleOff": lambda message: assistant.set_wake(False),
            "hermes/asr/startListening": lambda message: self._begin(self._listen(message)),
            "hermes/asr/stopListening": lambda message: self._begin(self._stop_listening(message)),
        }
        self._in_session: dict[str, Callable[[Session, _Message], None]] = {
            f"{_DIALOGUE}/continueSession": lambda session, message: self._sessions.go_on(
                session, _text(message), message.custom_data, message.send_intent_not_recognized
            ),
            f"{_DIALOGUE}/endSession": lambda session, message: self._sessions.end(
                session, _text(message), message.custom_data
            ),
        }
        self._start = f"{_DIALOGUE}/startSession"

    @property
    def topics(self) -> Sequence[str]:
        return (*self._takes, *self._in_session, self._start)

    def attach(self, send: Send) -> None:
        self._send = send

    def ready(self) -> None:
        """Nothing of Hermes is retained."""

    def take(self, incoming: Incoming) -> None:
        if incoming.retain:
            return
        try:
            if incoming.topic == self._start:
                start = _parsed(incoming.payload, _Start)
                if start.site_id == self._site:
                    if start.init.type not in ("action", "notification"):
                        raise BadRequest("init.type: action or notification fits", field="init.type")
                    self._sessions.start(
                        _checked(start.init.text, "init.text"),
                        start.custom_data,
                        notification=start.init.type == "notification",
                        may_wait=start.init.can_be_enqueued or start.init.type == "notification",
                        tells=start.init.send_intent_not_recognized,
                    )
                return
            message = _parsed(incoming.payload, _Message)
            if (take := self._takes.get(incoming.topic)) is not None:
                if message.site_id == self._site:
                    take(message)
            elif (session := self._sessions.of(message.session_id)) is not None:
                self._in_session[incoming.topic](session, message)
        except AuricleError as error:
            self._refuse(error)

    def observe(self, event: Event, status: Status) -> None:
        match event:
            case WakeHeard():
                detected = {
                    "modelId": event.wake_word,
                    "modelVersion": "",
                    "modelType": "universal",
                    "currentSensitivity": 1.0,
                    "siteId": self._site,
                    "sessionId": event.turn,
                }
                self._publish(f"hermes/hotword/{_level(event.wake_word)}/detected", detected)
                self._sessions.woken(event.turn, event.wake_word)
            case Transcribed():
                session = self._sessions.in_turn(event.turn)
                captured = {
                    "text": event.text,
                    "likelihood": 1.0 if event.confidence is None else event.confidence,
                    "seconds": event.audio_s,
                    "siteId": self._site,
                    "sessionId": session.id if session else event.turn,
                    "wakewordId": event.wake_word,
                    "lang": event.language,
                }
                self._publish("hermes/asr/textCaptured", captured)
            case IntentHandled():
                session = self._sessions.in_turn(event.turn)
                if event.name is not None:
                    self._publish(f"hermes/intent/{_level(event.name)}", _intent(event, self._site, session))
                if session is not None:
                    self._sessions.understood(session, event)
            case TurnEnded():
                self._sessions.turn_ended(event)

    async def stop(self) -> None:
        self._sessions.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _say(self, message: _Message) -> None:
        text = _text(message)
        if not text:
            raise BadRequest("text: words to say must be given", field="text")
        volume = None if message.volume is None else round(100 * min(1.0, max(0.0, message.volume)))
        ticket = self._assistant.submit(SpeechRequest(text=text, language=message.lang, volume=volume))
        await ticket.done()
        self._publish(
            "hermes/tts/sayFinished", {"siteId": self._site, "id": message.id, "sessionId": message.session_id}
        )

    async def _listen(self, message: _Message) -> None:
        await self._assistant.listen(id=message.session_id or None)

    async def _stop_listening(self, message: _Message) -> None:
        await self._assistant.stop(message.session_id or None)

    def _tell(self, kind: str, fields: Mapping[str, object]) -> None:
        self._publish(f"{_DIALOGUE}/{kind}", {"siteId": self._site, **fields})

    def _publish(self, topic: str, payload: Mapping[str, object]) -> None:
        self._send(Outgoing(topic, to_json(payload)))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        if len(self._tasks) >= _MAX_TASKS:
            work.close()
            self._refuse(AuricleError(f"hermes: {_MAX_TASKS} requests are in hand; try again later", code="queue_full"))
            return
        task = asyncio.create_task(self._run(work), name="mqtt hermes")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except AuricleError as error:
            self._refuse(error)
        except Exception as error:
            # This adapter's top: whatever a request runs into ends with the request.
            _LOG.exception("hermes: a request failed")
            self._refuse(AuricleError(f"the request failed ({type(error).__name__})"))

    def _refuse(self, error: AuricleError) -> None:
        self._assistant.bus.publish(ErrorRaised(code=error.code, message=error.message))


def _parsed(payload: bytes, kind: type[_Kind]) -> _Kind:
    """Raises BadRequest naming the field."""
    if len(payload) > MAX_JSON_BYTES:
        raise BadRequest(f"payload: at most {MAX_JSON_BYTES} bytes fit, not {len(payload)}", field="payload")
    try:
        return msgspec.json.decode(payload or b"{}", type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        found = re.search(r"`\$\.?([^`]*)`|field `([^`]+)`", str(error))
        field = (found and (found[1] or found[2])) or "payload"
        raise BadRequest(f"{field}: it does not fit Hermes ({error})", field=field) from None


def _text(message: _Message) -> str | None:
    return _checked(message.text, "text")


def _checked(text: str | None, field: str) -> str | None:
    if text is not None and len(text) > MAX_TEXT_CHARACTERS:
        raise BadRequest(f"{field}: at most {MAX_TEXT_CHARACTERS} characters fit, not {len(text)}", field=field)
    return text.strip() or None if text else None


def _level(name: str) -> str:
    """One level of a topic."""
    return re.sub(r"[+#/\0]", "_", name)


def _intent(event: IntentHandled, site: str, session: Session | None) -> dict[str, object]:
    return {
        "input": event.text,
        "intent": {"intentName": event.name, "confidenceScore": 1.0},
        "siteId": site,
        "id": event.turn,
        "slots": [_slot(name, value, event.text) for name, value in event.slots.items()],
        "sessionId": session.id if session else event.turn,
        "customData": session.custom_data if session else None,
        "asrTokens": [],
        "asrConfidence": None,
        "rawInput": event.text,
        "wakewordId": session.wake_word if session else None,
        "lang": None,
    }


def _slot(name: str, value: object, text: str) -> dict[str, object]:
    raw = str(value)
    start = max(0, text.lower().find(raw.lower()))
    kind = "Number" if isinstance(value, int | float) and not isinstance(value, bool) else "Unknown"
    return {
        "entity": name,
        "slotName": name,
        "confidence": 1.0,
        "value": {"kind": kind, "value": value},
        "rawValue": raw,
        "range": {"start": start, "end": start + len(raw), "rawStart": start, "rawEnd": start + len(raw)},
    }
