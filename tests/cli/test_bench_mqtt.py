"""`auricle bench --only mqtt` and `--only pool`, each with a real broker and real daemons."""

import json

import pytest

from auricle.cli.main import main

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    ("topic", "names"),
    [
        ("mqtt", {"say published to first sample, cached, p95": 1, "ask, round trip": 100}),
        ("pool", {"pool, synthesis with 1": 1, "pool, synthesis with 2": 1, "pool, synthesis with 4": 1}),
    ],
)
def test_figures_are_made(topic: str, names: dict[str, int], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--only", topic, "--rounds", "1", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert {name: figures[name]["n"] for name in names} == names
    assert all(figures[name]["min"] > 0 for name in names)


def test_without_mosquitto_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    assert main(["bench", "--only", "mqtt", "--rounds", "1"]) != 0
    assert "apt install mosquitto" in capsys.readouterr().err
