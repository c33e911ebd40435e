"""A language model for what no sentence matches: any OpenAI-compatible server, spoken as it answers."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Annotated

from msgspec import Meta

from auricle.api import Intent, PluginConfig, PluginContext, Reply, Transcript, Turn, hookimpl
from auricle_llm.chat import Conversation, answered
from auricle_llm.protocol import Model
from auricle_llm.tools import Tools

SYSTEM = (
    "You are the voice assistant of a home. What you answer is spoken: one to three short sentences in plain words, "
    "without lists, mark-up or emojis. When something shall be done or looked up that a tool can do, call the tool "
    "and say what it answered."
)


class Llm:
    """Off until `url` is set. The loaded intents are its tools; the conversation is the site's."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """Any OpenAI-compatible server, such as Ollama, llama.cpp or vLLM, answers what no sentence matched."""

        url: Annotated[
            Annotated[str, Meta(pattern="^https?://[^/]+")] | None,
            Meta(description="The server, with its version: http://localhost:11434/v1. None is off."),
        ] = None
        model: Annotated[str, Meta(description="The model, as the server calls it.")] = ""
        key: Annotated[str | None, Meta(description="Key of the server; better in a file.", extra={"secret": True})] = (
            None
        )
        key_file: Annotated[
            str | None, Meta(description="File with the key; a bare name is one of $CREDENTIALS_DIRECTORY.")
        ] = None
        system: Annotated[str, Meta(max_length=16_384, description="What the model is told to be.")] = SYSTEM
        tools: Annotated[bool, Meta(description="Whether it may do what the loaded plugins can.")] = True
        history: Annotated[int, Meta(ge=0, le=50, description="Questions that are remembered with their answers.")] = 6
        forget_s: Annotated[
            float, Meta(ge=0, description="A conversation ends after so long without a word.", extra={"unit": "s"})
        ] = 300.0
        timeout_s: Annotated[
            float, Meta(gt=0, le=600, description="Longest time for an answer.", extra={"unit": "s"})
        ] = 45.0
        max_tokens: Annotated[int, Meta(ge=1, le=8192, description="Longest answer, in tokens.")] = 400
        temperature: Annotated[
            Annotated[float, Meta(ge=0, le=2)] | None, Meta(description="How freely it answers; none is the server's.")
        ] = None

        def __post_init__(self) -> None:
            if self.url is not None and not self.model:
                raise ValueError("model is not set: name the model that the server shall use")

    def __init__(self, context: PluginContext, config: Config) -> None:
        self._context = context
        self._config = config
        self._model = _model(config) if config.url is not None else None
        self._conversation = Conversation(exchanges=config.history, forget_s=config.forget_s, steady_s=time.monotonic)

    @hookimpl
    async def auricle_recognize(self, transcript: Transcript, turn: Turn) -> Intent | None:
        if self._model is None:
            return None
        return Intent("chat", {"text": transcript.text}, transcript.text)

    @hookimpl
    async def auricle_handle(self, intent: Intent, turn: Turn) -> Reply | None:
        if intent.plugin != self._context.name or self._model is None:
            return None
        return Reply("", stream=self._answer(self._model, str(intent.slots.get("text", "")), turn))

    @hookimpl
    async def auricle_shutdown(self) -> None:
        if self._model is not None:
            await self._model.close()

    async def _answer(self, model: Model, question: str, turn: Turn) -> AsyncIterator[str]:
        config, assistant = self._config, self._context.assistant
        language = turn.language or self._context.language

        async def perform(plugin: str, intent: str, slots: Mapping[str, object]) -> Reply:
            return await assistant.perform(plugin, intent, slots, turn)

        now = self._context.now()
        sentences = answered(
            model,
            self._conversation,
            system=f"{config.system}\nAnswer in the language {language}. It is {now:%A, %Y-%m-%d %H:%M}.",
            question=question,
            tools=Tools(await assistant.intents(language) if config.tools else ()),
            perform=perform,
            timeout_s=config.timeout_s,
            log=self._context.log,
        )
        async with aclosing(sentences):
            async for sentence in sentences:
                yield sentence


def _model(config: Llm.Config) -> Model:
    from auricle_llm.server import Server  # 15 MB and 0.4 s that a daemon without a model need not have

    return Server(
        config.url or "",
        config.key or "",
        model=config.model,
        max_tokens=config.max_tokens,
        temperature=config.temperature,
    )
