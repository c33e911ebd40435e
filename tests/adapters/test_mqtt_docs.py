"""`docs/mqtt.md` names every topic and every field; `--update-golden` writes its tables anew from the types."""

import inspect
import re
from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from auricle.adapters import mqtt_tables, payloads, requests
from auricle.adapters.mqtt_serving import Requests
from auricle.adapters.mqtt_tables import filled, tables
from support.golden import Golden
from support.scripted_assistant import ScriptedAssistant

FILE = Path(__file__).parents[2] / "docs" / "mqtt.md"
PAGE = FILE.read_text()
TYPES = [
    kind
    for module, base in ((requests, requests.Request), (payloads, payloads.Payload))
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, base) and kind is not base
]


def test_its_tables_are_those_of_the_types(golden: Golden) -> None:
    assert sorted(re.findall(r"<!-- table: (\w+) -->", PAGE)) == sorted(tables())
    golden(FILE, filled(PAGE))


def test_a_changed_type_changes_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    class Louder(requests.Stop, frozen=True, kw_only=True):
        loudly: Annotated[bool, msgspec.Meta(description="true or false", extra={"means": "with a bang"})] = False

    monkeypatch.setattr(mqtt_tables, "_REQUESTS", (*mqtt_tables._REQUESTS[:-1], Louder))
    assert "| `loudly` | true or false | `false` | with a bang |" in tables()["louder"]


@pytest.mark.parametrize("kind", TYPES)
def test_every_field_is_in_the_page(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_fields__
    assert [name for name in kind.__struct_fields__ if f"`{name}`" not in PAGE] == []


async def test_every_topic_that_is_taken_is_in_the_page() -> None:
    topics = Requests(ScriptedAssistant(), "<prefix>", "T").topics
    assert len(topics) == 10
    assert [topic for topic in topics if f"`{topic}`" not in PAGE] == []


@pytest.mark.parametrize(
    "topic",
    [
        *"availability state info mute volume voice wake partial".split(),
        *"transcript intent speech timer event quality error".split(),
    ],
)
def test_every_topic_that_is_sent_is_in_the_page(topic: str) -> None:
    assert f"`T/{topic}`" in PAGE
