"""A reload prepares everything before anything changes, and what fails all the same is named and tried again."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from auricle.app.reload import Incomplete, Prepare, Ready, Reloader
from auricle.config import load_config
from auricle.model.errors import ConfigError
from auricle.settings import Config


class Part:
    """A part of a daemon: takes every value, but for those that it was told to refuse or to fail at."""

    def __init__(self, value: Callable[[Config], object]) -> None:
        self.value = value
        self.held: list[object] = []
        self.dropped = 0
        self.refuses: object = None
        self.fails = 0
        """As many holds as this go wrong."""

    async def prepare(self, config: Config) -> Ready:
        value = self.value(config)
        if value == self.refuses:
            raise ConfigError(f"log.level: there is no {value}")

        async def hold() -> None:
            if self.fails:
                self.fails -= 1
                raise OSError("the disk is gone")
            self.held.append(value)

        def drop() -> None:
            self.dropped += 1

        return Ready(hold, drop)


class House:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "config.toml"
        self.file.write_text("")
        self.volume = Part(lambda config: config.audio.output.volume)
        self.log = Part(lambda config: config.log.level)
        self.done = 0
        live: dict[str, Prepare | None] = {"audio.output.volume": self.volume.prepare, "log.level": self.log.prepare}
        self.reload = Reloader(load_config(self.file), lambda loaded: loaded, live, self._done)

    def _done(self) -> None:
        self.done += 1

    async def write(self, volume: int, level: str, more: str = "") -> None:
        self.file.write_text(f"[audio.output]\nvolume = {volume}\n[log]\nlevel = '{level}'\n{more}")
        await self.reload()


@pytest.fixture
def house(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> House:
    caplog.set_level(logging.INFO)
    return House(tmp_path)


async def test_what_one_part_refuses_no_part_takes(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.log.refuses = "error"
    with pytest.raises(ConfigError) as refused:
        await house.write(10, "error")
    assert refused.value.problems == ("log.level: there is no error",)
    assert str(house.file) in str(refused.value)
    assert (house.volume.held, house.volume.dropped, house.log.held, house.done) == ([], 1, [], 0)
    assert "the old settings stay" in caplog.text
    await house.write(10, "debug")
    assert (house.volume.held, house.log.held) == ([10], ["debug"])
    assert caplog.messages[-1] == f"reloaded {house.file}: audio.output.volume, log.level"


async def test_a_part_that_raises_anything_is_a_refusal_too(house: House) -> None:
    async def broken(config: Config) -> Ready:
        raise OSError("no room")

    reload = Reloader(load_config(house.file), lambda loaded: loaded, {"log": broken, "audio": house.volume.prepare})
    house.file.write_text("[audio.output]\nvolume = 3\n[log]\nlevel = 'debug'\n")
    with pytest.raises(ConfigError, match=r"log\.level: no room"):
        await reload()
    assert house.volume.held == []


async def test_what_fails_when_it_is_to_hold_is_named_and_tried_again(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.volume.fails = 2
    with pytest.raises(Incomplete, match=r"audio\.output\.volume could not be changed"):
        await house.write(10, "debug")
    assert (house.volume.held, house.log.held, house.done) == ([], ["debug"], 1)
    assert f"reloaded {house.file}: log.level" in caplog.messages
    assert caplog.messages[-1] == "changed, but only after a restart: audio.output.volume"
    with pytest.raises(Incomplete):
        await house.reload()
    await house.reload()
    assert house.volume.held == [10]
    assert caplog.messages[-1] == f"reloaded {house.file}: audio.output.volume"
    assert house.log.held == ["debug"]


async def test_what_waits_for_a_restart_is_named_until_it_is_as_before(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = "changed, but only after a restart: tts.cache_mb"
    for _ in range(2):
        await house.write(10, "debug", "[tts]\ncache_mb = 1\n")
        assert caplog.messages[-1] == waiting
    caplog.clear()
    await house.write(10, "debug")
    assert waiting not in caplog.messages
