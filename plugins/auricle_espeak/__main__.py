"""The process that knows espeak-ng: reads a JSON object a line, answers each with one.

Asked `{"language": "en", "words": ["large", "8"]}` it answers `{"ipa": ["lˈɑːɹdʒ", "ˈeɪt"]}`; an error is
`{"error": "…"}`. At its start it says `{"ready": true}`. The end of its input is its own end.
"""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

_VOICES = {"en": ("en-us",), "pt": ("pt-br",), "zh": ("cmn",), "no": ("nb",), "fr": ("fr-fr",)}
_OTHER_LANGUAGE = re.compile(r"\([^)]*\)")
"""espeak-ng marks the words that it reads as another language's."""


def main() -> int:
    try:
        espeak = _espeak()
    except Exception as error:  # the top of this process
        _answer({"error": str(error)})
        return 1
    _answer({"ready": True})
    spoken = ""
    for line in sys.stdin:
        try:
            asked = json.loads(line)
            if asked["language"] != spoken:
                _set_voice(espeak, asked["language"])
                spoken = asked["language"]
            _answer({"ipa": [_ipa(espeak, word) for word in asked["words"]]})
        except Exception as error:  # the top of this process
            spoken = ""
            _answer({"error": str(error)})
    return 0


def _espeak() -> ModuleType:
    """piper's bridge without piper, which would bring 100 MB along. Raises ImportError."""
    piper = importlib.util.find_spec("piper")
    folders = list(piper.submodule_search_locations or ()) if piper is not None else []
    libraries = [library for folder in folders for library in Path(folder).glob("espeakbridge*.so")]
    if not libraries:
        raise ImportError("espeak-ng is not there: pip install piper-tts, which brings it")
    spec = importlib.util.spec_from_file_location("espeakbridge", libraries[0])
    if spec is None or spec.loader is None:
        raise ImportError(f"{libraries[0]} cannot be loaded")
    bridge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bridge)
    bridge.initialize(str(libraries[0].parent / "espeak-ng-data"))
    return bridge


def _set_voice(espeak: ModuleType, language: str) -> None:
    """Raises RuntimeError for a language without a voice."""
    family = language.lower().split("-")[0]
    for voice in (language.lower(), *_VOICES.get(family, ()), family):
        try:
            espeak.set_voice("en-us" if voice == "en" else voice)
        except RuntimeError:
            continue
        return
    raise RuntimeError(f"espeak-ng has no voice for the language {language!r}")


def _ipa(espeak: ModuleType, word: str) -> str:
    return _OTHER_LANGUAGE.sub("", " ".join(clause[0] for clause in espeak.get_phonemes(word)))


def _answer(facts: dict[str, object]) -> None:
    print(json.dumps(facts, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    sys.exit(main())
