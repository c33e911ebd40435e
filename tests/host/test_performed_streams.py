"""What another plugin answers while it is read, for the one that had it asked; in a process of its own or not."""

import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from auricle.api import Intent, PluginConfig, PluginContext, Reply, Sentences, hookimpl
from auricle.testing.harness import Harness
from support.rude import rude_installed

LIMIT_S = 30.0
WRONG = "Something went wrong with that."


class Teller:
    """Has a story, and keeps what became of it."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """No keys."""

    made: list[str]
    threads: set[int]
    fails = False

    def __init__(self, context: PluginContext, config: Config) -> None:
        Teller.made, Teller.threads, Teller.fails = [], set(), False

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, Sentences]:
        return {"en": Sentences({"tell": ("what is it",)})}

    @hookimpl
    async def auricle_handle(self, intent: Intent) -> Reply | None:
        return Reply("Well.", stream=self._story()) if intent.plugin == "teller" else None

    async def _story(self) -> AsyncIterator[str]:
        try:
            for chapter in (" One.", " Two.", " Three."):
                Teller.made.append(chapter)
                Teller.threads.add(threading.get_ident())
                yield chapter
                if Teller.fails:
                    raise RuntimeError("no more paper")
        finally:
            Teller.made.append("closed")


@pytest.fixture(params=[False, True], ids=["in the daemon", "isolated"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    (tmp_path / "site").mkdir()
    with rude_installed(tmp_path / "site"):
        from auricle_rude import Rude

        config = {"isolated": True} if request.param else {}
        data_dir = tmp_path / "data"
        with Harness(Rude, Teller, config=config, data_dir=data_dir, timeout_s=10, near_miss=1.0) as house:
            assert house.status().state == "active", house.faults
            yield house


def test_all_of_it_is_carried(house: Harness) -> None:
    assert house.say("pass on all of it") == "Well. One. Two. Three."
    assert Teller.made == [" One.", " Two.", " Three.", "closed"]
    assert len(Teller.threads) == 1
    assert house.faults == []


def test_what_is_not_read_is_not_made(house: Harness) -> None:
    assert house.say("pass on some of it") == "Well. One."
    house.until(lambda: "closed" in Teller.made, LIMIT_S)
    assert Teller.made == [" One.", "closed"]
    Teller.made.clear()
    for _ in range(6):
        assert house.say("pass on none of it") == "Well."
    assert Teller.made == []
    assert house.say("greet me") == "hello"
    assert house.faults == []


def test_what_fails_on_the_way_ends_in_an_excuse(house: Harness) -> None:
    Teller.fails = True
    assert house.say("pass on all of it") == f"Well. One. {WRONG}"
    house.until(lambda: "teller: its streamed reply raised RuntimeError: no more paper" in house.faults, LIMIT_S)
