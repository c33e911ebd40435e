"""Misbehaves as it is told: raises, hangs, blocks, exits, crashes, leaks, floods, talks nonsense."""

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing

from auricle.api import Intent, PluginConfig, PluginContext, Reply, Sentences, Turn, hookimpl


class Rude:
    class Config(PluginConfig, frozen=True, kw_only=True):
        greeting: str = "hello"

    def __init__(self, context: PluginContext, config: Config) -> None:
        self._context = context
        self._config = config
        self._leaked: list[asyncio.Task[None]] = []

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, Sentences]:
        return {
            "en": Sentences(
                {
                    "be_rude": ("be rude and {deed}",),
                    "greet": ("greet me",),
                    "where": ("where do you live",),
                    "tell": ("tell me a story", "tell me a story that {end}"),
                    "pass_on": ("pass on {part} of it",),
                },
                lists={
                    "end": ("fails", "crashes"),
                    "part": ("all", "some", "none"),
                    "deed": {
                        "raise": "raise",
                        "hang": "hang",
                        "leak": "leak",
                        "block": "block",
                        "exit": "exit",
                        "crash": "crash",
                        "talk nonsense": "nonsense",
                        "flood": "flood",
                    },
                },
            )
        }

    @hookimpl
    async def auricle_handle(self, intent: Intent, turn: Turn) -> object:
        if intent.plugin != self._context.name:
            return None
        if intent.name == "greet":
            return Reply(self._config.greeting)
        if intent.name == "where":
            return Reply(f"In process {os.getpid()}.")
        if intent.name == "tell":
            return Reply("Well.", stream=self._story(str(intent.slots.get("end", ""))))
        if intent.name == "pass_on":
            return await self._pass_on(str(intent.slots["part"]), turn)
        return await getattr(self, f"_{intent.slots['deed']}")()

    async def _pass_on(self, part: str, turn: Turn) -> Reply:
        """What the plugin `teller` has to tell."""
        told = await self._context.assistant.perform("teller", "tell", {}, turn)
        if part == "all":
            return Reply(told.text, stream=told.stream)
        some = ""
        if part == "some" and isinstance(told.stream, AsyncGenerator):
            async with aclosing(told.stream) as pieces:
                some = await anext(pieces)
        return Reply(told.text + some)

    async def _story(self, end: str) -> AsyncIterator[str]:
        """A chapter for each file `1`, `2`, … in the data folder, as it comes; `closed` is written at the end."""
        folder = self._context.data_dir
        try:
            for chapter in (1, 2, 3):
                while not (folder / str(chapter)).exists():
                    await asyncio.sleep(0.01)
                yield f" Chapter {chapter}."
                if end == "fails":
                    raise RuntimeError("no more paper")
                if end == "crashes":
                    ctypes.string_at(0)
        finally:
            (folder / "closed").touch()

    async def _raise(self) -> Reply:
        raise RuntimeError("rude")

    async def _hang(self) -> Reply:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue

    async def _leak(self) -> Reply:
        self._leaked += [asyncio.create_task(asyncio.sleep(3600)) for _ in range(200)]
        await asyncio.sleep(0)
        return Reply("Leaked.")

    async def _block(self) -> Reply:
        time.sleep(1.0)
        return Reply("Blocked.")

    async def _exit(self) -> Reply:
        sys.exit(3)

    async def _crash(self) -> Reply:
        ctypes.string_at(0)
        return Reply("Still here.")

    async def _nonsense(self) -> object:
        return {"reply": 42}

    async def _flood(self) -> Reply:
        for number in range(100):
            await self._context.assistant.say(f"Number {number}.")
        return Reply("Flooded.")
