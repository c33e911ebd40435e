"""Faults that no key has alone: words listed twice, files that are not there, languages that there are not."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from auricle.adapters.http_address import parse_bind
from auricle.config.toml import Place, value_text
from auricle.model.errors import ConfigError
from auricle.settings import Config, Http, Mqtt, SecondLook, WakeWord

Fault = tuple[Place, str]

MODEL_FILES = frozenset({".json", ".onnx", ".tflite"})

_LANGUAGE = re.compile(r"([a-z]{2,3})(-[A-Za-z]{2,4})?\Z")
_TOKEN = re.compile(r"[!-~]{1,4096}\Z")
_CODES = """
aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en
eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja
jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb
nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq
sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
_ISO_639_1 = frozenset(_CODES.split())


def crosscheck(config: Config) -> Iterator[Fault]:
    """Yield the faults of a configuration whose keys are right one by one."""
    yield from _wake_words(config.wake.words)
    yield from _second_look(config.wake.second_look)
    if not is_language(config.site.language):
        yield _language(("site", "language"), config.site.language)
    yield from _spoken(config.stt.language)
    yield from _broker(config.mqtt)
    yield from _http(config.http)
    buckets = config.metrics.buckets
    if any(after <= before for before, after in itertools.pairwise(buckets)):
        yield ("metrics", "buckets"), "metrics.buckets: each one must be larger than the one before"
    for part in ("stt", "tts"):
        tiers = (getattr(config, part).engine, *getattr(config, part).fallback)
        for name in _twice(tiers):
            yield (part, "fallback"), f'{part}.fallback: "{name}" would take over from itself; name it once'


def is_language(code: str) -> bool:
    """Whether a code is of ISO 639-1, or of three letters, with a region or script if need be."""
    match = _LANGUAGE.match(code)
    return match is not None and (len(match[1]) == 3 or match[1] in _ISO_639_1)


def names_file(model: str) -> bool:
    """Whether a wake word is a model file rather than a name that the engine knows."""
    return "/" in model or Path(model).suffix in MODEL_FILES


def _wake_words(words: tuple[WakeWord, ...]) -> Iterator[Fault]:
    seen: dict[tuple[str, str], int] = {}
    for index, word in enumerate(words):
        place: Place = ("wake", "words", index)
        first = seen.setdefault((word.engine, word.model), index)
        if first != index:
            yield (
                place,
                f'wake.words[{index}]: "{word.model}" is listed before, as wake.words[{first}]; keep one of them',
            )
        elif names_file(word.model) and not _is_file(word.model):
            yield (*place, "model"), f"wake.words[{index}].model: there is no file {word.model}"
        if word.second is not None and names_file(word.second) and not _is_file(word.second):
            yield (*place, "second"), f"wake.words[{index}].second: there is no file {word.second}"


def _second_look(look: SecondLook) -> Iterator[Fault]:
    if look.weak >= look.strong:
        yield (
            ("wake", "second_look", "weak"),
            f"wake.second_look.weak is {look.weak:g}; it must be below strong, which is {look.strong:g}",
        )


def _spoken(language: str | tuple[str, ...]) -> Iterator[Fault]:
    place: Place = ("stt", "language")
    if isinstance(language, str):
        if language != "auto" and not is_language(language):
            yield _language(place, language)
        return
    if not language:
        yield place, 'stt.language is an empty list; name a language, or set it to "auto"'
    for code in language:
        if code == "auto":
            yield place, 'stt.language: "auto" stands alone; set it to "auto", or list languages'
        elif not is_language(code):
            yield _language(place, code)
    for code in _twice(language):
        yield place, f'stt.language: "{code}" is listed twice'


def _broker(mqtt: Mqtt) -> Iterator[Fault]:
    tls = mqtt.tls
    for name, path in (("ca", tls.ca), ("cert", tls.cert), ("key", tls.key)):
        if path is not None and not _is_file(path):
            yield ("mqtt", "tls", name), f"mqtt.tls.{name}: there is no file {path}"
    if tls.cert is not None and tls.key is None:
        yield ("mqtt", "tls", "cert"), "mqtt.tls.cert needs mqtt.tls.key beside it"
    if tls.key is not None and tls.cert is None:
        yield ("mqtt", "tls", "key"), "mqtt.tls.key needs mqtt.tls.cert beside it"


def _http(http: Http) -> Iterator[Fault]:
    if http.token is not None and not _TOKEN.match(http.token):
        where = "token" if http.token_file is None else "token_file"
        yield ("http", where), f"http.{where}: a token is 1 to 4096 visible ASCII characters, without spaces"
    if http.bind is None:
        return
    try:
        address = parse_bind(http.bind)
    except ConfigError as error:
        yield ("http", "bind"), error.message
        return
    if not address.private and http.token is None and http.token_file is None:
        yield (
            ("http", "bind"),
            f"http.bind: {http.bind} can be reached by others, so callers need a token: set http.token_file, "
            "or bind 127.0.0.1",
        )


def _language(place: Place, code: str) -> Fault:
    name = ".".join(str(part) for part in place)
    return place, f"{name} is {value_text(code)}; it must be an ISO 639-1 code such as en, de or pt-BR"


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _is_file(name: str) -> bool:
    """Whether there is such a file; one in a folder that we may not look into counts as there."""
    try:
        return Path(name).expanduser().is_file()
    except PermissionError:
        return True
    except (OSError, ValueError, RuntimeError):
        return False
