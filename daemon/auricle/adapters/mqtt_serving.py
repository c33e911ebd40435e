"""Serving MQTT requests: parse, do, answer, acknowledge; one task each, one error event for what does not fit."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

import msgspec

from auricle.adapters import payloads, requests
from auricle.adapters.assistant import Assistant, Ticket
from auricle.adapters.mqtt_link import Link
from auricle.adapters.mqtt_messages import Incoming, Outgoing
from auricle.adapters.mqtt_rate import RateLimit
from auricle.model.errors import AuricleError, BadRequest, QueueFull
from auricle.model.events import ErrorRaised, Event, Transcribed, TurnEnded
from auricle.model.speech import SpeechRequest

_LOG = logging.getLogger(__name__)
_MAX_OPEN = 1280
"""Requests in hand; more than the speech queue can hold."""
_MAX_OPEN_BYTES = 64 * 1024 * 1024
"""Of requests in hand: a flood of recordings must not fill the memory."""
_MAX_ANSWERED = 256
_CONGESTED_S = 0.02
_LONGEST_WAIT_S = 7 * 24 * 3600.0
"""For the end of a speech: the longest `expires_s`."""
_LONGEST_TURN_S = 300.0

_Request = TypeVar("_Request")
_Serve = Callable[[Incoming], Awaitable[None]]
ADAPTER = "mqtt"
"""Names this adapter in the ledger."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who waits for the end of an accepted request; kept with it over restarts."""

    adapter: str = ADAPTER
    topic: str
    """Where the answer goes."""
    correlation: bytes | None = None


class Requests:
    """All that comes in for one site."""

    def __init__(
        self,
        assistant: Assistant,
        prefix: str,
        root: str,
        send: Callable[[Outgoing], bool] = lambda message: False,
        *,
        say_per_minute: int = 0,
    ) -> None:
        """root: `T`, the site's own topic below `prefix`. send: takes an answer, and keeps it if it must wait."""
        self._assistant = assistant
        self._send_out = send
        self._rate = RateLimit(say_per_minute)
        self._root = root
        self._link: Link | None = None
        self._at_once: dict[str, _Serve] = {
            f"{root}/stop": self._route(requests.parse_stop, self._stop),
            f"{root}/mute/set": self._route(requests.parse_mute, self._set_muted),
            f"{root}/volume/set": self._route(requests.parse_volume, self._set_volume),
            f"{root}/voice/set": self._route(requests.parse_voice, self._set_voice),
        }
        say = self._route(requests.parse_say, accept=self._accept)
        self._lasting: dict[str, _Serve] = {
            f"{root}/say": say,
            f"{prefix}/all/say": say,
            f"{root}/ask": self._route(requests.parse_ask, self._ask),
            f"{root}/listen": self._route(requests.parse_listen, self._listen),
            f"{root}/synthesize": self._route(requests.parse_say, self._synthesize),
            f"{root}/transcribe": self._route(requests.parse_sound, self._transcribe),
        }
        self._asked: dict[str, asyncio.Future[payloads.ReplyAnswer]] = {}
        self.takers: dict[str, list[Callable[[Incoming], None]]] = {}
        """Who else takes the messages of a topic, which are no requests of ours."""
        self._turns: dict[str, _OpenTurn] = {}
        self._open: set[asyncio.Task[None]] = set()
        self._open_bytes = 0
        self._in_hand: dict[str, Incoming] = {}
        """By name, as it came last: a message that comes again while it is being done is not begun again."""
        self._answered: dict[str, None] = {}
        """Names of those that were done last, in case they come again because their acknowledgement was lost."""

    @property
    def topics(self) -> tuple[str, ...]:
        return (*self._lasting, *self._at_once)

    async def serve(self, link: Link) -> None:
        """Take what comes over `link` until cancelled; what is in hand then is given up unacknowledged."""
        self._link = link
        for ticket, origin in self._assistant.resumed:
            self._wait_again(ticket, origin)
        try:
            while True:
                self._begin(await link.take(), link)
                # Not more than slowly: what has to be read to make room may stand behind what waits to be taken.
                await asyncio.sleep(_CONGESTED_S if link.congested else 0)
        finally:
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    def observe(self, event: Event) -> None:
        """Follow the turns that somebody waits for."""
        match event:
            case Transcribed() if event.turn in self._turns:
                self._turns[event.turn].text = event.text or None
            case TurnEnded() if event.turn in self._turns:
                self._turns[event.turn].end(event)

    def _begin(self, incoming: Incoming, link: Link) -> None:
        serve = self._at_once.get(incoming.topic) or self._lasting.get(incoming.topic)
        if serve is None:
            # Nobody takes it when the broker remembers a subscription of a former configuration.
            for take in self.takers.get(incoming.topic, ()):
                try:
                    take(incoming)
                except Exception:
                    # This adapter's top: what one message runs into ends with it.
                    _LOG.exception("mqtt: a message on %s failed", incoming.topic)
            link.ack(incoming)
        elif incoming.topic in self._lasting and self._is_full(len(incoming.payload)):
            self._refuse(incoming, QueueFull(f"{len(self._open)} requests are in hand; try again later"), None)
            link.ack(incoming)
        else:
            # Tasks begin in the order in which they are made: what was asked first is queued first.
            task = asyncio.create_task(_run(serve(incoming)), name=f"mqtt {incoming.topic}")
            self._open.add(task)
            self._open_bytes += len(incoming.payload)
            task.add_done_callback(partial(self._ended, len(incoming.payload)))

    def _is_full(self, length: int) -> bool:
        """One is always taken, however large."""
        return len(self._open) >= _MAX_OPEN or 0 < self._open_bytes > _MAX_OPEN_BYTES - length

    def _ended(self, length: int, task: "asyncio.Task[None]") -> None:
        self._open.discard(task)
        self._open_bytes -= length

    def _route(
        self,
        parse: Callable[[bytes], _Request],
        do: Callable[[_Request, Incoming], Awaitable[payloads.Answer]] | None = None,
        *,
        accept: Callable[[_Request, Incoming], Awaitable[Awaitable[payloads.Answer]]] | None = None,
    ) -> _Serve:
        """do: the work of a request, which is acknowledged once it is done. accept: makes it safe, after which it is
        acknowledged; what it returns may take long.
        """

        async def serve(incoming: Incoming) -> None:
            id: str | None = None
            acknowledged = answered = False
            name = _name_of(incoming) if do is not None and incoming.qos else ""
            if name and self._is_repeated(name, incoming):
                return
            try:
                if not incoming.retain:
                    self._check_response_topic(incoming.response_topic)
                    request = parse(incoming.payload)
                    id = getattr(request, "id", None)
                    if accept is not None:
                        answering = await accept(request, incoming)
                        self._ack(incoming)
                        acknowledged = True
                        answer = await answering
                    elif do is not None:
                        answer = await do(request, incoming)
                    answered = self._answer(incoming, answer, getattr(answer, "id", None) or id)
                elif incoming.payload:
                    raise BadRequest(
                        "retain: a retained request would be done again at every start; publish it without retain, "
                        f"and clear this one with an empty retained message on {incoming.topic}",
                        field="retain",
                    )
            except AuricleError as error:
                self._refuse(incoming, error, id)
            except Exception as error:
                # This adapter's top: whatever a request runs into ends with the request.
                _LOG.exception("mqtt: a request on %s failed", incoming.topic)
                self._refuse(incoming, AuricleError(f"the request failed ({type(error).__name__})"), id)
            finally:
                incoming = self._in_hand.pop(name, incoming)
            if not acknowledged:
                self._ack(incoming)
            if name and answered:
                self._answered[name] = None
                if len(self._answered) > _MAX_ANSWERED:
                    del self._answered[next(iter(self._answered))]

        return serve

    def _is_repeated(self, name: str, incoming: Incoming) -> bool:
        """Whether it is being done, or was done and only its acknowledgement was lost; then it is acknowledged."""
        if incoming.again and name in self._in_hand:
            self._in_hand[name] = incoming
        elif incoming.again and name in self._answered:
            self._ack(incoming)
        else:
            self._in_hand[name] = incoming
            return False
        return True

    async def _accept(self, request: SpeechRequest, incoming: Incoming) -> Awaitable[payloads.Answer]:
        """Safe on disk when it returns; a message that comes again is the request that it was the first time."""
        if not incoming.again:
            self._rate.take(incoming.topic)
        message = _name_of(incoming)
        if incoming.again and (known := await self._assistant.id_of(message)) is not None:
            request = replace(request, id=known)
        if incoming.expires_s is not None:
            expires_s = min(incoming.expires_s, request.expires_s or incoming.expires_s)
            request = replace(request, expires_s=expires_s)
        topic = incoming.response_topic or f"{self._root}/response/{request.id}"
        origin = msgspec.json.encode(Origin(topic=topic, correlation=incoming.correlation)).decode()
        return self._spoken(await self._assistant.accept(request, origin, message))

    def _wait_again(self, ticket: Ticket, origin: str) -> None:
        """Answer, when it has ended, a request that an earlier run of the daemon accepted."""
        try:
            waiting = msgspec.json.decode(origin, type=Origin)
        except msgspec.DecodeError:
            return  # another adapter's
        if waiting.adapter != ADAPTER:
            return

        async def answer() -> None:
            self._send(waiting.topic, await self._spoken(ticket), waiting.correlation)

        task = asyncio.create_task(answer(), name=f"mqtt answer {ticket.id}")
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _spoken(self, ticket: Ticket) -> payloads.Answer:
        async with asyncio.timeout(_LONGEST_WAIT_S):
            end = await ticket.done()
        return payloads.SpeechAnswer(id=ticket.id, status=end.status.value, reason=end.reason)

    async def _ask(self, request: requests.Ask, incoming: Incoming) -> payloads.Answer:
        """A request that names itself is done once, however often it comes."""
        ledger, id = self._assistant.ledger, request.id or ""
        if ledger is None or not _names_itself(incoming):
            return await self._asked_now(request)
        if (asked := self._asked.get(id)) is None:
            if (kept := await ledger.answered("ask", id)) is not None:
                return msgspec.json.decode(kept, type=payloads.ReplyAnswer)
            if (asked := self._asked.get(id)) is None:
                asked = self._asked[id] = asyncio.ensure_future(self._asked_now(request))
                asked.add_done_callback(lambda _: self._asked.pop(id, None))
        answer = await asyncio.shield(asked)
        await ledger.answer("ask", id, payloads.to_json(answer).decode())
        return answer

    async def _asked_now(self, request: requests.Ask) -> payloads.ReplyAnswer:
        result = await self._assistant.ask(request.text, id=request.id, language=request.language, speak=request.speak)
        return payloads.ReplyAnswer(
            id=result.id,
            intent=result.intent,
            slots=dict(result.slots),
            reply=result.reply,
            handled_by=result.handled_by,
        )

    async def _synthesize(self, request: SpeechRequest, incoming: Incoming) -> payloads.Answer:
        return await self._assistant.synthesize(request)

    async def _transcribe(self, sound: requests.Sound, incoming: Incoming) -> payloads.Answer:
        began_s = time.monotonic()
        heard, audio_s = await self._assistant.transcribe(sound.file)
        return payloads.TranscriptAnswer(
            id=sound.id,
            text=heard.text,
            language=heard.language,
            confidence=heard.confidence,
            audio_s=round(audio_s, 3),
            latency_ms=round(1000 * (time.monotonic() - began_s), 1),
        )

    async def _listen(self, request: requests.Listen, incoming: Incoming) -> payloads.Answer:
        id = request.id or ""
        if id in self._turns:
            raise BadRequest(f"id: a turn {id} is open already; give each one an id of its own", field="id", id=id)
        turn = self._turns[id] = _OpenTurn()
        try:
            await self._assistant.listen(id=id, say=request.say)
            outcome = await turn.outcome()
        finally:
            del self._turns[id]
        return payloads.ListenAnswer(id=id, outcome=outcome, text=turn.text)

    async def _stop(self, request: requests.Stop, incoming: Incoming) -> payloads.Answer:
        return payloads.StopAnswer(id=request.id, cancelled=await self._assistant.stop(request.id))

    async def _set_muted(self, muted: bool, incoming: Incoming) -> payloads.Answer:
        self._assistant.set_muted(muted)
        return payloads.SetAnswer(value="ON" if muted else "OFF")

    async def _set_volume(self, volume: int, incoming: Incoming) -> payloads.Answer:
        self._assistant.set_volume(volume)
        return payloads.SetAnswer(value=volume)

    async def _set_voice(self, voice: str, incoming: Incoming) -> payloads.Answer:
        self._assistant.set_voice(voice)
        return payloads.SetAnswer(value=voice)

    def _answer(self, incoming: Incoming, answer: payloads.Answer, id: str | None) -> bool:
        """To the response topic; without one to `T/response/<id>`, where the request is one that has an answer."""
        topic = incoming.response_topic
        if topic is None:
            if incoming.topic not in self._lasting:
                return True
            topic = f"{self._root}/response/{id}"
        return self._send(topic, answer, incoming.correlation)

    def _refuse(self, incoming: Incoming, error: AuricleError, id: str | None) -> None:
        """One error event; who waits at a response topic reads the same there."""
        id = id or getattr(error, "id", None)
        _LOG.info("mqtt: refused a request on %s (%s)", incoming.topic, error.code)
        event = ErrorRaised(code=error.code, message=error.message, id=id)
        self._assistant.bus.publish(event)
        if incoming.response_topic is not None and not self._is_ours(incoming.response_topic):
            self._send(incoming.response_topic, payloads.error_of(event), incoming.correlation)

    def _send(self, topic: str, payload: payloads.Answer | payloads.Payload, correlation: bytes | None) -> bool:
        """False if it is lost."""
        sent = self._send_out(Outgoing(topic, payloads.to_json(payload), correlation=correlation, lasting=True))
        if not sent:
            _LOG.warning("mqtt: an answer was lost, since the broker is away")
        return sent

    def _ack(self, incoming: Incoming) -> None:
        if self._link is not None:
            self._link.ack(incoming)

    def _check_response_topic(self, topic: str | None) -> None:
        if topic is not None and self._is_ours(topic):
            raise BadRequest(
                f"response topic: {topic} takes requests or cannot be published to; use one of your own",
                field="response topic",
            )

    def _is_ours(self, topic: str) -> bool:
        """Whether an answer there would be a request again, or cannot be sent."""
        return topic in self._lasting or topic in self._at_once or not is_publishable(topic)


class _OpenTurn:
    """What a listener waits for."""

    def __init__(self) -> None:
        self.text: str | None = None
        self._ended: asyncio.Future[TurnEnded] = asyncio.get_running_loop().create_future()

    def end(self, event: TurnEnded) -> None:
        if not self._ended.done():
            self._ended.set_result(event)

    async def outcome(self) -> str:
        try:
            async with asyncio.timeout(_LONGEST_TURN_S):
                return (await self._ended).outcome.value
        except TimeoutError:
            raise AuricleError(f"the turn had not ended after {_LONGEST_TURN_S:.0f} s", code="timeout") from None


def is_publishable(topic: str) -> bool:
    """Whether a message may be sent there: no wildcards, no NUL, not the broker's own `$` topics, not too long."""
    return bool(topic) and not topic.startswith("$") and not set("+#\0") & set(topic) and len(topic.encode()) <= 65_535


def _name_of(incoming: Incoming) -> str:
    """The same for a message that the broker sends again."""
    named = f"{incoming.topic}\0{incoming.mid}\0".encode() + incoming.payload
    return hashlib.sha256(named).hexdigest()


def _names_itself(incoming: Incoming) -> bool:
    """Whether the caller gave an id, and may so send the same request another time."""
    return incoming.payload.lstrip()[:1] == b"{" and b'"id"' in incoming.payload


async def _run(work: Awaitable[None]) -> None:
    await work
