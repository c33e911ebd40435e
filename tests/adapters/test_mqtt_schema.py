"""The JSON Schema of what passes over MQTT: whole, in step with the types, and printed by a command."""

import inspect
import json
from pathlib import Path

import msgspec
import pytest

from auricle.adapters import payloads, requests
from auricle.adapters.mqtt_schema import SENT, TAKEN, schema
from auricle.cli.main import main
from support.golden import Golden

FILE = Path(__file__).parents[2] / "docs" / "mqtt.schema.json"


def test_the_file_is_what_the_command_prints(golden: Golden, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mqtt", "schema"]) == 0
    golden(FILE, capsys.readouterr().out)


def test_no_type_is_left_out() -> None:
    bases = (requests.Request, payloads.Payload)
    types: set[type[msgspec.Struct]] = {
        kind
        for module in (requests, payloads)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, bases) and kind not in bases
    }
    assert types <= {*TAKEN, *SENT}
    assert {kind.__name__ for kind in (*TAKEN, *SENT)} <= set(schema()["$defs"])


def test_a_pattern_is_one_of_json_schema() -> None:
    assert "\\Z" not in json.dumps(schema()).replace("\\\\", "\\")
