"""The pool: daemons that share synthesis and transcription, and finish what one of them left when it died.

Mosquitto keeps a shared subscription's messages for the member that it gave them to, dead or not. So each member has a
session that outlives it, and the first of the living members (by client id) resumes the session of one that is gone.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from auricle.adapters import payloads, requests
from auricle.adapters.assistant import Assistant
from auricle.adapters.mqtt_link import Link
from auricle.adapters.mqtt_messages import Incoming, Outgoing
from auricle.adapters.mqtt_serving import is_publishable
from auricle.model.errors import AuricleError, BadRequest
from auricle.model.events import ErrorRaised
from auricle.settings import Mqtt, Site

_LOG = logging.getLogger(__name__)
_AT_ONCE = 16
"""Requests that are read from the broker before the first of them is done."""
_TELL_EVERY_S = 5.0
_GRACE_S = 5.0
"""For a member that restarts to come back to its own requests."""
_QUIET_S = 2.0
"""A session that brings nothing for so long is empty."""
_LONGEST_TAKE_OVER_S = 3600.0
_LOOK_S = 0.1
_MEMBERS = 256
_ANSWERED = 4096
"""Requests that are known to be answered, in case they come again; more than sessions can have in hand."""


class Member(payloads.Payload, frozen=True, kw_only=True):
    """`<prefix>/pool/members/<client id>`, retained."""

    online: Annotated[bool, Meta(description="false: the last will, or the farewell")]
    site: Annotated[str, Meta(description="the member's `site.id`")] = ""
    in_hand: Annotated[int, Meta(description="requests that are being done or were read")] = 0
    done: Annotated[int, Meta(description="requests since the member started")] = 0
    engines: Annotated[object, Meta(description="as in `T/info`")] = None


class Pool:
    """One member, with a connection of its own beside the site's."""

    def __init__(self, assistant: Assistant, settings: Mqtt, site: Site, *, grace_s: float = _GRACE_S) -> None:
        self._assistant = assistant
        self._settings = settings
        self._site = site
        self._grace_s = grace_s
        prefix = settings.topic_prefix.rstrip("/")
        self._answers = f"{prefix}/{site.id}/response"
        self._members_topic = f"{prefix}/pool/members/"
        self._answered_topic = f"{prefix}/pool/answered"
        self._id = f"{settings.client_id or f'auricle-{site.id}'}-pool"
        self._serve_of: dict[str, Callable[[Incoming], Awaitable[tuple[str, payloads.Answer]]]] = {
            f"{prefix}/pool/synthesize": self._synthesize,
            f"{prefix}/pool/transcribe": self._transcribe,
        }
        self._shared = tuple(f"$share/auricle/{topic}" for topic in self._serve_of)
        self._link = self._make_link(self._id, topics=(*self._shared, f"{self._members_topic}+", self._answered_topic))
        self._members: dict[str, Member] = {}
        self._answered: dict[bytes, None] = {}
        """What any member has told to be answered, by its name: the oldest first."""
        self._taking: dict[str, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._open: set[asyncio.Task[None]] = set()
        self._done = 0
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def start(self) -> None:
        """Returns at once; the connection is made in the background."""
        self._link.start()
        self._tasks = (
            asyncio.create_task(self._take_all(self._link), name="mqtt pool"),
            asyncio.create_task(self._tell(), name="mqtt pool load"),
        )

    async def stop(self) -> None:
        """What is in hand is left to the others, unacknowledged."""
        tasks = (*self._tasks, *self._taking.values(), *self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._link.stop()

    def link_ready(self) -> None:
        self._advertise()

    def link_changed(self, ok: bool, detail: str) -> None:
        """The site's own connection tells of the broker."""

    def link_unsent(self, messages: Sequence[Outgoing]) -> None:
        """Their requests were not acknowledged, and come again."""

    def link_delivered(self, kept: int) -> None:
        """Nothing is kept here."""

    def link_overflowed(self) -> None:
        _LOG.warning("mqtt pool: more comes than can be taken")

    def _make_link(self, client_id: str, topics: Sequence[str], drops: Sequence[str] = ()) -> Link:
        away = msgspec.json.encode(Member(online=False))
        return Link(
            self._settings,
            client_id=client_id,
            farewell=Outgoing(f"{self._members_topic}{client_id}", away, retain=True),
            topics=topics,
            drops=drops,
            listener=self,
        )

    async def _take_all(self, link: Link, quiet_s: float | None = None) -> None:
        """Begin what comes over `link`; with quiet_s until nothing has come for so long and all of it is done."""
        begun: set[asyncio.Task[None]] = set()
        connected = False  # and then something comes: the member's own retained message, at the latest
        while True:
            await self._room.acquire()
            try:
                async with asyncio.timeout(quiet_s if connected else None):
                    incoming = await link.take()
                connected = True
            except TimeoutError:
                self._room.release()
                if begun:
                    await asyncio.wait(begun)
                return
            except BaseException:
                self._room.release()
                raise
            if incoming.topic.startswith(self._members_topic) or incoming.topic == self._answered_topic:
                self._room.release()
                if incoming.topic == self._answered_topic:
                    self._remember(incoming.payload)
                else:
                    self._note(incoming)
                link.ack(incoming)
                continue
            task = asyncio.create_task(self._serve(incoming, link), name=f"mqtt {incoming.topic}")
            self._open.add(task)
            begun.add(task)
            task.add_done_callback(self._ended)
            task.add_done_callback(begun.discard)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._open.discard(task)
        self._room.release()

    async def _serve(self, incoming: Incoming, link: Link) -> None:
        serve = self._serve_of.get(incoming.topic)
        name = _name_of(incoming, link.client_id)
        if serve is None or (incoming.again and name in self._answered):
            link.ack(incoming)
            return
        answered = True
        try:
            if incoming.retain:
                raise BadRequest("retain: publish requests to the pool without retain", field="retain")
            if (topic := incoming.response_topic) is not None and (
                topic in self._serve_of or not is_publishable(topic)
            ):
                raise BadRequest(f"response topic: {topic} cannot be answered on", field="response topic")
            id, answer = await serve(incoming)
            topic = topic or f"{self._answers}/{id}"
            answered = link.send(Outgoing(topic, payloads.to_json(answer), correlation=incoming.correlation))
        except AuricleError as error:
            self._refuse(incoming, error, link)
        except Exception as error:
            # This adapter's top: whatever a request runs into ends with the request.
            _LOG.exception("mqtt: a request on %s failed", incoming.topic)
            self._refuse(incoming, AuricleError(f"the request failed ({type(error).__name__})"), link)
        if answered:
            # Before the acknowledgement: who gets the request after a death in between knows that it has its answer.
            link.send(Outgoing(self._answered_topic, name))
            self._remember(name)
            self._done += 1
            link.ack(incoming)

    async def _synthesize(self, incoming: Incoming) -> tuple[str, payloads.Answer]:
        request = requests.parse_say(incoming.payload)
        return request.id, await self._assistant.synthesize(request)

    async def _transcribe(self, incoming: Incoming) -> tuple[str, payloads.Answer]:
        sound = requests.parse_sound(incoming.payload)
        began_s = time.monotonic()
        heard, audio_s = await self._assistant.transcribe(sound.file)
        return sound.id, payloads.TranscriptAnswer(
            id=sound.id,
            text=heard.text,
            language=heard.language,
            confidence=heard.confidence,
            audio_s=round(audio_s, 3),
            latency_ms=round(1000 * (time.monotonic() - began_s), 1),
        )

    def _refuse(self, incoming: Incoming, error: AuricleError, link: Link) -> None:
        event = ErrorRaised(code=error.code, message=error.message, id=getattr(error, "id", None))
        self._assistant.bus.publish(event)
        topic = incoming.response_topic
        if topic is not None and topic not in self._serve_of and is_publishable(topic):
            answer = payloads.to_json(payloads.error_of(event))
            link.send(Outgoing(topic, answer, correlation=incoming.correlation))

    def _remember(self, name: bytes) -> None:
        self._answered[name[:64]] = None
        if len(self._answered) > _ANSWERED:
            del self._answered[next(iter(self._answered))]

    async def _tell(self) -> None:
        told = (0, 0)
        while True:
            await asyncio.sleep(_TELL_EVERY_S)
            if (now := (len(self._open), self._done)) != told:
                told = now
                self._advertise()

    def _advertise(self) -> None:
        member = Member(
            online=True,
            site=self._site.id,
            in_hand=len(self._open),
            done=self._done,
            engines=self._assistant.describe().get("engines"),
        )
        self._link.send(Outgoing(f"{self._members_topic}{self._id}", payloads.to_json(member), retain=True))

    def _note(self, incoming: Incoming) -> None:
        """Follow who is there; take over what a member left that is gone and does not come back."""
        id = incoming.topic.removeprefix(self._members_topic)
        try:
            member = msgspec.json.decode(incoming.payload, type=Member) if incoming.payload else None
        except msgspec.DecodeError:
            return
        if id == self._id:
            return
        if member is None:
            self._members.pop(id, None)
        elif id in self._members or len(self._members) < _MEMBERS:
            self._members[id] = member
        for gone in [id for id, member in self._members.items() if not member.online and id not in self._taking]:
            task = self._taking[gone] = asyncio.create_task(self._take_over(gone), name=f"mqtt pool after {gone}")
            task.add_done_callback(partial(self._taken, gone))

    def _taken(self, gone: str, task: "asyncio.Task[None]") -> None:
        del self._taking[gone]

    async def _take_over(self, gone: str) -> None:
        await asyncio.sleep(self._grace_s)
        living = [id for id, member in self._members.items() if member.online]
        if gone not in self._members or gone in living or min((*living, self._id)) != self._id:
            return
        _LOG.info("mqtt pool: %s is gone; taking over what it left", gone)
        # What goes on elsewhere must not keep its session from falling silent.
        drops = (*self._shared, self._answered_topic, f"{self._members_topic}+")
        link = self._make_link(gone, topics=(f"{self._members_topic}{gone}",), drops=drops)
        link.start()
        draining = asyncio.create_task(self._take_all(link, _QUIET_S), name=f"mqtt pool drain of {gone}")
        try:
            async with asyncio.timeout(_LONGEST_TAKE_OVER_S):
                while not draining.done():
                    if self._members.get(gone, Member(online=True)).online:
                        return  # it is back, and has its session again
                    await asyncio.wait({draining}, timeout=_LOOK_S)
        except TimeoutError:
            _LOG.warning("mqtt pool: what %s left could not be taken over", gone)
            return
        finally:
            draining.cancel()
            await asyncio.gather(draining, return_exceptions=True)
            await link.stop()
        self._members.pop(gone, None)
        self._link.send(Outgoing(f"{self._members_topic}{gone}", b"", retain=True))


def _name_of(incoming: Incoming, session: str) -> bytes:
    """The same for a request that comes again in its session, whoever has that by then."""
    named = (session, incoming.topic, str(incoming.mid), incoming.response_topic or "")
    return sha256("\0".join(named).encode() + (incoming.correlation or b"") + incoming.payload).hexdigest().encode()
