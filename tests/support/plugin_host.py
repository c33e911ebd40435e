"""A plugin host with the plugins of a test, and what is asked of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from auricle.api import Intent, PluginConfig, PluginContext, Reply, Turn, hookimpl
from auricle.host import PluginHost, PluginStatus
from auricle.settings import Plugins

Faults = list[tuple[str, str]]

LIGHT = Intent("light", {"room": "kitchen"}, "turn on the light")


class Plain:
    """A plugin without a constructor of its own to write in each test."""

    def __init__(self, context: PluginContext, config: PluginConfig) -> None:
        self.context = context
        self.config = config


class Answers(Plain):
    @hookimpl
    def auricle_handle(self, intent: Intent) -> Reply | None:
        return Reply(f"{self.context.name} says {intent.name}")


def make_host(faults: Faults, **wanted: object) -> PluginHost:
    settings = Plugins(
        disabled=tuple(wanted.get("disabled", ())),  # type: ignore[arg-type]
        order=tuple(wanted.get("order", ())),  # type: ignore[arg-type]
    )
    return PluginHost(
        plugins=settings,
        options=wanted.get("options", {}),  # type: ignore[arg-type]
        context=lambda name: PluginContext(name=name),
        timeout_s=float(wanted.get("timeout_s", 5.0)),  # type: ignore[arg-type]
        load_timeout_s=float(wanted.get("load_timeout_s", 5.0)),  # type: ignore[arg-type]
        on_fault=lambda name, text: faults.append((name, text)),
    )


@pytest.fixture(name="faults")
def faults_fixture() -> Faults:
    return []


@pytest.fixture(name="make")
async def make_fixture(faults: Faults) -> AsyncIterator[Callable[..., PluginHost]]:
    """Hosts with the plugins that are named; each is shut down at the end."""
    hosts: list[PluginHost] = []

    def make(plugins: Mapping[str, type], **wanted: object) -> PluginHost:
        host = make_host(faults, **wanted)
        hosts.append(host)
        for name, plugin in plugins.items():
            host.register(name, plugin)
        return host

    yield make
    for host in hosts:
        await host.shutdown()


def status(host: PluginHost, name: str) -> PluginStatus:
    return next(status for status in host.statuses() if status.name == name)


async def handled(host: PluginHost) -> str:
    reply = await host.handle(LIGHT, Turn())
    assert reply is not None
    return f"{reply.handled_by}: {reply.text}"


async def unstuck(host: PluginHost, name: str) -> None:
    async with asyncio.timeout(10):
        while status(host, name).detail.endswith("until it does"):
            await asyncio.sleep(0.01)
