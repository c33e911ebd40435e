"""Fields of journal entries: which turn and which plugin they are of."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from auricle.host.lane import Lane
from auricle.logs import add_fields, turn_in_hand


class Kept(logging.Handler):
    """A journal that keeps the fields of its entries."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(add_fields)
        self.entries: list[dict[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.entries.append({name: text for name, text in vars(record).items() if name.startswith("AURICLE_")})


@pytest.fixture
def journal() -> Iterator[list[dict[str, str]]]:
    kept = Kept()
    logger = logging.getLogger("auricle")
    logger.addHandler(kept)
    yield kept.entries
    logger.removeHandler(kept)


async def test_what_runs_for_a_turn_is_logged_with_it(journal: list[dict[str, str]]) -> None:
    async def turn(id: str) -> None:
        turn_in_hand.set(id)
        await asyncio.sleep(0)
        logging.getLogger("auricle.turn").warning("answered")

    await asyncio.gather(asyncio.create_task(turn("a")), asyncio.create_task(turn("b")))
    logging.getLogger("auricle").warning("nothing in hand")
    assert journal == [{"AURICLE_TURN": "a"}, {"AURICLE_TURN": "b"}, {}]


async def test_a_plugins_entries_name_it_and_the_turn_on_whatever_thread_it_runs(
    journal: list[dict[str, str]],
) -> None:
    log = logging.getLogger("auricle.plugin.lamp")
    lane = Lane("lamp")

    def blocking() -> None:
        log.warning("blocking")

    async def waiting() -> None:
        log.warning("waiting")

    turn_in_hand.set("a")
    try:
        await lane.call("auricle_handle", blocking, 5)
        await lane.call("auricle_handle", waiting, 5)
    finally:
        lane.close()
    assert journal == [{"AURICLE_TURN": "a", "AURICLE_PLUGIN": "lamp"}] * 2


def test_a_fault_that_the_host_logs_keeps_the_plugin_it_names(journal: list[dict[str, str]]) -> None:
    logging.getLogger("auricle.plugins").warning("plugin lamp: late", extra={"AURICLE_PLUGIN": "lamp"})
    assert journal == [{"AURICLE_PLUGIN": "lamp"}]
