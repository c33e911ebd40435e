"""A spoken question that no sentence matches is answered by a language model, aloud, while the model still writes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from support.daemon import running_daemon
from support.tiny_llm import KEY, MODEL, serving, write_model

pytest.importorskip("xllamacpp", reason="the server of llama.cpp is not installed: pip install xllamacpp")
pytestmark = [pytest.mark.models, pytest.mark.long]

Speak = Callable[..., "np.ndarray"]
Read = Callable[["np.ndarray", int], str]

CONFIG = """
[audio.input]
device = "file:{folder}/question.wav"
[audio.output]
device = "file:{folder}/reply.wav"
[listen]
chime = false
[dbus]
bus = "off"
[plugins.llm]
url = "{url}"
model = "{model}"
key_file = "{folder}/key"
"""
TEMPLATE = """{% for message in messages %}<{{ message.role }}>{{ message.content }}</s>{% endfor %}
{%- if add_generation_prompt %}<|chat|>{% endif %}"""
ANSWER = "It **rained** all night. The garden is wet now. Nothing else happened."


def test_a_spoken_question_is_answered_aloud(tmp_path: Path, speak: Speak, read: Read) -> None:
    said = speak("hey jarvis, why is the ground outside so wet?")
    quiet = np.random.default_rng(1).integers(-3, 4, 16_000 * 12).astype(np.int16)
    soundfile.write(tmp_path / "question.wav", np.concatenate([quiet[:8000], said, quiet]), 16_000)
    (tmp_path / "key").write_text(KEY)
    write_model(tmp_path / "tiny.gguf", {"<|chat|>": ANSWER}, TEMPLATE)
    with serving(tmp_path / "tiny.gguf") as url:
        config = CONFIG.format(folder=tmp_path, url=url, model=MODEL)
        with running_daemon(tmp_path, config) as daemon:
            daemon.wait("transcript", timeout_s=30)
            daemon.wait("speech", lambda speech: speech["status"] == "started", timeout_s=30)
            daemon.wait("speech", lambda speech: speech["status"] == "finished", timeout_s=30)
            intents = [payload for topic, payload in daemon.events if topic == "intent"]
            assert KEY not in daemon.log_path.read_text()
    (intent,) = intents
    assert (intent["name"], intent["handled_by"]) == ("chat", "llm")
    assert intent["reply"] == ANSWER.replace("*", "")
    reply, rate_hz = soundfile.read(tmp_path / "reply.wav", dtype="int16")
    heard = read(reply, rate_hz)
    assert all(word in heard for word in ("rained", "garden", "happened")), heard
