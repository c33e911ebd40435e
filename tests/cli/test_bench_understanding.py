"""`auricle bench --only understanding`, with grammars of some hundred sentences."""

import json
from pathlib import Path

import pytest

from auricle.cli.main import main


def test_a_text_and_a_transcript_are_timed_against_three_grammars(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("auricle.cli.figures.understanding.SENTENCES", 300)
    config = tmp_path / "config.toml"
    config.write_text('[site]\nid = "test"\n')
    assert main(["bench", "--config", str(config), "--only", "understanding", "--rounds", "1", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    for grammar in ("300 names", "300 titles", "the plugins"):
        assert figures[f"{grammar}: phonemes of the graph"]["median"] > 300
        counts = {kind: figures[f"{grammar}: a text{kind}"]["n"] for kind in ("", ", exact", ", near", ", far")}
        assert counts == {"": 30, ", exact": 10, ", near": 10, ", far": 10}
        whole = figures[f"{grammar}: a transcript of 6 texts"]
        assert whole["n"] == 4
        assert 0 < whole["median"] <= whole["p95"]
