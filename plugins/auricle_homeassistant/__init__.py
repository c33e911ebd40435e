"""Home Assistant's own conversation: it is handed what is said, and its reply is spoken."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from auricle.api import (
    AuricleError,
    Intent,
    PluginConfig,
    PluginContext,
    Question,
    Reply,
    Sentences,
    Transcript,
    Turn,
    hookimpl,
)

if TYPE_CHECKING:
    from auricle_homeassistant.link import Link
    from auricle_homeassistant.names import Names

FORGET_S = 300.0
"""Home Assistant forgets a conversation after that."""
_NAMES_EVERY_S = 600.0


class HomeAssistant:
    """Off until `url` is set. Its areas and entities are known by name, so that they are heard even when misheard."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """Home Assistant answers: with its own names, and whatever no sentence of a plugin matched."""

        url: Annotated[
            Annotated[str, Meta(pattern="^https?://[^/]+")] | None,
            Meta(description="Its address: http://homeassistant.local:8123. None is off."),
        ] = None
        token: Annotated[
            str | None, Meta(description="Long-lived access token; better in a file.", extra={"secret": True})
        ] = None
        token_file: Annotated[
            str | None, Meta(description="File with the token; a bare name is one of $CREDENTIALS_DIRECTORY.")
        ] = None
        agent: Annotated[
            str | None, Meta(description="Conversation agent, such as conversation.chatgpt; none is its own.")
        ] = None
        everything: Annotated[
            bool, Meta(description="Hand on whatever no sentence matches; false: only what has its names.")
        ] = True

        def __post_init__(self) -> None:
            if self.url is not None and not (self.token or self.token_file):
                raise ValueError("neither token_file nor token is set: make a long-lived access token in your profile")

    def __init__(self, context: PluginContext, config: Config) -> None:
        self._context = context
        self._config = config
        self._conversation: tuple[str, float] | None = None
        self._task: asyncio.Task[None] | None = None
        self._link: Link | None = None
        self._names: Names | None = None
        if config.url is not None:
            self._link, self._names = _made(context, config.url, config.token or "", self._connected)

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, Sentences]:
        if self._names is None:
            return {}
        from auricle_homeassistant.sentences import sentences  # where it is on

        return sentences(self._names)

    @hookimpl
    async def auricle_startup(self) -> None:
        if self._link is not None:
            self._task = asyncio.create_task(self._link.run(), name="homeassistant link")

    @hookimpl
    async def auricle_recognize(self, transcript: Transcript, turn: Turn) -> Intent | None:
        if self._link is None or not self._link.connected or not self._config.everything:
            return None
        return Intent("conversation", {"text": transcript.text}, transcript.text)

    @hookimpl
    async def auricle_handle(self, intent: Intent, turn: Turn) -> Reply | None:
        if intent.plugin != self._context.name or self._link is None:
            return None
        from auricle_homeassistant.sentences import IN_ITS_WORDS, WORDS  # as above

        language = turn.language or self._context.language
        if intent.name == "conversation":
            text = str(intent.slots.get("text", ""))
        else:
            text = self._context.translated(IN_ITS_WORDS, language)[intent.name].format_map(intent.slots)
        try:
            answer = await self._process(self._link, text, language)
        except AuricleError as error:
            self._context.log.warning("%s", error)
            return Reply(self._context.translated(WORDS, language)["away"])
        return self._reply(answer, intent)

    @hookimpl
    async def auricle_shutdown(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _process(self, link: "Link", text: str, language: str) -> Mapping[str, Any]:
        """Raises AuricleError."""
        fields: dict[str, object] = {"text": text, "language": language}
        if self._config.agent is not None:
            fields["agent_id"] = self._config.agent
        if self._conversation is not None and time.monotonic() - self._conversation[1] < FORGET_S:
            fields["conversation_id"] = self._conversation[0]
        answer: Mapping[str, Any] = await link.command("conversation/process", **fields)
        id = answer.get("conversation_id")
        self._conversation = (str(id), time.monotonic()) if id else None
        return answer

    def _reply(self, answer: Mapping[str, Any], intent: Intent) -> Reply | None:
        """What Home Assistant says; none where it understood nothing either."""
        response = answer.get("response") or {}
        text = str(((response.get("speech") or {}).get("plain") or {}).get("speech") or "")
        failed = response.get("response_type") == "error"
        if failed and (response.get("data") or {}).get("code") == "no_intent_match":
            return None
        if answer.get("continue_conversation"):
            return Reply(text, expects_answer=Question("text", "text", Intent("conversation", plugin=intent.plugin)))
        return Reply(text)

    async def _connected(self, link: "Link") -> None:
        """Learn its names, now and every ten minutes. Raises AuricleError."""
        from auricle_homeassistant.names import fetched, keep  # as above

        while True:
            names = await fetched(link)
            if names != self._names:
                self._names = names
                try:
                    await asyncio.to_thread(keep, self._context.ensure_data_dir() / "names.json", names)
                except OSError as error:
                    self._context.log.warning("the names of Home Assistant are not kept: %s", error)
                await self._context.assistant.renew_sentences()
                self._context.log.info("%d areas, %d names", len(names.areas), len(names.switched))
            await asyncio.sleep(_NAMES_EVERY_S)


def _made(
    context: PluginContext, url: str, token: str, on_connect: "Callable[[Link], Awaitable[None]]"
) -> "tuple[Link, Names]":
    from auricle_homeassistant.link import Link  # 15 MB and 0.4 s that a daemon without Home Assistant need not have
    from auricle_homeassistant.names import kept

    return Link(url, token, context.log, on_connect), kept(context.data_dir / "names.json")
