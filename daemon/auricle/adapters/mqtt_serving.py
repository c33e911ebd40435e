"""Serving MQTT requests: parse, do, answer, acknowledge; one task each, one error event for what does not fit."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from auricle.adapters import mqtt_payloads as payloads
from auricle.adapters import mqtt_requests as requests
from auricle.adapters.mqtt_assistant import Assistant, Ticket
from auricle.adapters.mqtt_link import Link
from auricle.adapters.mqtt_messages import Incoming, Outgoing
from auricle.model.errors import AuricleError, BadRequest, QueueFull
from auricle.model.events import ErrorRaised, Event, Transcribed, TurnEnded
from auricle.model.speech import SpeechRequest

_LOG = logging.getLogger(__name__)
_MAX_OPEN = 1280
"""Requests in hand; more than the speech queue can hold."""
_LONGEST_WAIT_S = 7 * 24 * 3600.0
"""For the end of a speech: the longest `expires_s`."""
_LONGEST_TURN_S = 300.0

_Request = TypeVar("_Request")
_Serve = Callable[[Incoming], Awaitable[None]]


class Requests:
    """All that comes in for one site."""

    def __init__(self, assistant: Assistant, prefix: str, root: str) -> None:
        """root: `T`, the site's own topic below `prefix`."""
        self._assistant = assistant
        self._root = root
        self._link: Link | None = None
        self._at_once: dict[str, _Serve] = {
            f"{root}/stop": self._route(requests.parse_stop, self._stop),
            f"{root}/mute/set": self._route(requests.parse_mute, self._set_muted),
            f"{root}/volume/set": self._route(requests.parse_volume, self._set_volume),
            f"{root}/voice/set": self._route(requests.parse_voice, self._set_voice),
        }
        say = self._route(requests.parse_say, self._say, ack_early=True)
        self._lasting: dict[str, _Serve] = {
            f"{root}/say": say,
            f"{prefix}/all/say": say,
            f"{root}/ask": self._route(requests.parse_ask, self._ask),
            f"{root}/listen": self._route(requests.parse_listen, self._listen),
        }
        self._turns: dict[str, _OpenTurn] = {}
        self._open: set[asyncio.Task[None]] = set()

    @property
    def topics(self) -> tuple[str, ...]:
        return (*self._lasting, *self._at_once)

    async def serve(self, link: Link) -> None:
        """Take what comes over `link` until cancelled; what is in hand then is given up unacknowledged."""
        self._link = link
        try:
            while True:
                self._begin(await link.take(), link)
                await asyncio.sleep(0)
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
            # The broker remembers a subscription of a former configuration.
            link.ack(incoming)
        elif len(self._open) >= _MAX_OPEN and incoming.topic in self._lasting:
            self._refuse(incoming, QueueFull(f"{_MAX_OPEN} requests are in hand; try again later"), None)
            link.ack(incoming)
        else:
            # Tasks begin in the order in which they are made: what was asked first is queued first.
            task = asyncio.create_task(_run(serve(incoming)), name=f"mqtt {incoming.topic}")
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    def _route(
        self,
        parse: Callable[[bytes], _Request],
        do: Callable[[_Request], Awaitable[payloads.Answer]],
        *,
        ack_early: bool = False,
    ) -> _Serve:
        """ack_early: calling `do` has accepted the request, and what it returns may take long."""

        async def serve(incoming: Incoming) -> None:
            id: str | None = None
            acknowledged = False
            try:
                if not incoming.retain:
                    self._check_response_topic(incoming.response_topic)
                    request = parse(incoming.payload)
                    id = getattr(request, "id", None)
                    answer = do(request)
                    if ack_early:
                        self._ack(incoming)
                        acknowledged = True
                    self._answer(incoming, await answer, id)
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
            if not acknowledged:
                self._ack(incoming)

        return serve

    def _say(self, request: SpeechRequest) -> Awaitable[payloads.Answer]:
        return self._spoken(self._assistant.submit(request))

    async def _spoken(self, ticket: Ticket) -> payloads.Answer:
        async with asyncio.timeout(_LONGEST_WAIT_S):
            end = await ticket.done()
        return payloads.SpeechAnswer(id=ticket.id, status=end.status.value, reason=end.reason)

    async def _ask(self, request: requests.Ask) -> payloads.Answer:
        result = await self._assistant.ask(request.text, id=request.id, language=request.language, speak=request.speak)
        return payloads.ReplyAnswer(
            id=result.id,
            intent=result.intent,
            slots=dict(result.slots),
            reply=result.reply,
            handled_by=result.handled_by,
        )

    async def _listen(self, request: requests.Listen) -> payloads.Answer:
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

    async def _stop(self, request: requests.Stop) -> payloads.Answer:
        return payloads.StopAnswer(id=request.id, cancelled=await self._assistant.stop(request.id))

    async def _set_muted(self, muted: bool) -> payloads.Answer:
        self._assistant.set_muted(muted)
        return payloads.SetAnswer(value="ON" if muted else "OFF")

    async def _set_volume(self, volume: int) -> payloads.Answer:
        self._assistant.set_volume(volume)
        return payloads.SetAnswer(value=volume)

    async def _set_voice(self, voice: str) -> payloads.Answer:
        self._assistant.set_voice(voice)
        return payloads.SetAnswer(value=voice)

    def _answer(self, incoming: Incoming, answer: payloads.Answer, id: str | None) -> None:
        """To the response topic; without one to `T/response/<id>`, where the request is one that has an answer."""
        topic = incoming.response_topic
        if topic is None:
            if incoming.topic not in self._lasting:
                return
            topic = f"{self._root}/response/{id}"
        self._send(topic, answer, incoming)

    def _refuse(self, incoming: Incoming, error: AuricleError, id: str | None) -> None:
        """One error event; who waits at a response topic reads the same there."""
        id = id or getattr(error, "id", None)
        _LOG.info("mqtt: refused a request on %s (%s)", incoming.topic, error.code)
        event = ErrorRaised(code=error.code, message=error.message, id=id)
        self._assistant.bus.publish(event)
        if incoming.response_topic is not None and not self._is_ours(incoming.response_topic):
            self._send(incoming.response_topic, payloads.error_of(event), incoming)

    def _send(self, topic: str, payload: payloads.Payload, incoming: Incoming) -> None:
        message = Outgoing(topic, payloads.to_json(payload), correlation=incoming.correlation)
        if self._link is not None and not self._link.send(message):
            _LOG.warning("mqtt: an answer was lost, since the broker is away")

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


async def _run(work: Awaitable[None]) -> None:
    await work
