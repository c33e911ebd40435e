"""A plugin under development: what changes in its files is in force, and what is wrong leaves the old one at work."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from auricle.api import Intent, PluginContext, PluginError, Turn
from auricle.app.watching import watch
from auricle.host import PluginHost
from auricle.settings import Plugins

CODE = """
from auricle.api import Reply, Sentences, hookimpl
from {package}.words import WORDS

class Lamp:
    def __init__(self, context, config):
        self.context = context
        {made}

    @hookimpl
    def auricle_sentences(self):
        return {{"en": Sentences({{"light": ("{sentence}",)}})}}

    @hookimpl
    async def auricle_startup(self):
        {start}

    @hookimpl
    def auricle_handle(self, intent, turn):
        return Reply(WORDS)
"""


class Package:
    """A plugin's package on disk."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.folder = folder / name
        self.folder.mkdir()
        self._written = 0

    def write(
        self, words: str = "On.", *, made: str = "pass", start: str = "pass", sentence: str = "turn on the lamp"
    ) -> None:
        code = CODE.format(package=self.name, made=made, start=start, sentence=sentence)
        self._put("__init__.py", code)
        self._put("words.py", f"WORDS = {words!r}\n")

    def _put(self, file: str, text: str) -> None:
        """With a time of its own, since compiled code is kept by whole seconds."""
        path = self.folder / file
        path.write_text(text)
        self._written += 1
        os.utime(path, (time.time() + self._written * 2,) * 2)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Package]:
    name = f"lamp_{abs(hash(request.node.name))}"
    monkeypatch.syspath_prepend(tmp_path)
    yield Package(tmp_path, name)
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]


async def started(package: Package, faults: list[str]) -> PluginHost:
    host = PluginHost(
        plugins=Plugins(),
        options={},
        context=lambda name: PluginContext(name=name),
        timeout_s=5,
        on_fault=lambda name, text: faults.append(text),
    )
    host.add(EntryPoint("lamp", f"{package.name}:Lamp", "auricle.plugins"))
    await host.startup()
    return host


async def said(host: PluginHost) -> str:
    reply = await host.handle(Intent("light", plugin="lamp"), Turn())
    assert reply is not None
    return reply.text


async def test_changed_code_of_all_its_modules_is_in_force(package: Package) -> None:
    faults: list[str] = []
    package.write()
    host = await started(package, faults)
    assert await said(host) == "On."
    package.write("Lit.", sentence="light up")
    await host.reload("lamp")
    assert await said(host) == "Lit."
    assert host.sentences("en")["lamp"].intents == {"light": ("light up",)}
    (status,) = host.statuses()
    assert (status.state, status.detail) == ("active", "")
    assert faults == []
    await host.shutdown()


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"made": "raise RuntimeError('no bulb')"}, "no bulb"),
        ({"made": "this is no Python"}, "invalid syntax"),
        ({"start": "raise RuntimeError('no mains')"}, "no mains"),
    ],
    ids=["raises", "syntax", "start"],
)
async def test_what_does_not_load_or_start_leaves_the_old_one(
    package: Package, broken: dict[str, str], told: str
) -> None:
    faults: list[str] = []
    package.write()
    host = await started(package, faults)
    package.write("Lit.", **broken)
    with pytest.raises(PluginError, match=told):
        await host.reload("lamp")
    assert await said(host) == "On."
    (status,) = host.statuses()
    assert status.state == "active"
    assert told in status.detail
    assert told in faults[-1]
    package.write("Bright.")
    await host.reload("lamp")
    assert await said(host) == "Bright."
    await host.shutdown()


async def test_files_are_watched(package: Package) -> None:
    faults: list[str] = []
    package.write()
    host = await started(package, faults)
    watched: tuple[str, ...] = ("lamp", "no_such")
    task = asyncio.create_task(watch(host, lambda: watched, host.reload))

    async def until(text: str) -> None:
        async with asyncio.timeout(20):
            while await said(host) != text:
                await asyncio.sleep(0.05)

    await asyncio.sleep(1.2)
    package.write("Lit.")
    await until("Lit.")
    package.write("Dark.", made="raise RuntimeError('no bulb')")
    async with asyncio.timeout(20):
        while not any("no bulb" in fault for fault in faults):
            await asyncio.sleep(0.05)
    assert await said(host) == "Lit."
    package.write("Bright.")
    await until("Bright.")
    watched = ()
    package.write("Unseen.")
    await asyncio.sleep(1.2)
    assert await said(host) == "Bright."
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await host.shutdown()


async def test_the_daemon_s_own_code_is_not_reloaded() -> None:
    host = PluginHost(plugins=Plugins(), options={}, context=lambda name: PluginContext(name=name), timeout_s=5)
    host.add(EntryPoint("odd", "auricle.api:PluginError", "auricle.plugins"))
    with pytest.raises(PluginError, match="cannot be reloaded by itself"):
        await host.reload("odd")
    with pytest.raises(PluginError, match="did you mean odd"):
        await host.reload("od")
    await host.shutdown()
