"""What the doors take: the type of every request, and parsers that give a value or a BadRequest naming the field."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, get_args, get_type_hints
from uuid import uuid4

import msgspec
from msgspec import Meta

from auricle.model.errors import BadRequest
from auricle.model.speech import Priority, SpeechRequest

MAX_JSON_BYTES = 65_536
MAX_TEXT_CHARACTERS = 4_096
MAX_SOUND_BYTES = 10 * 1024 * 1024
_MAX_NAME_CHARACTERS = 128
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ID = re.compile(r"^[A-Za-z0-9_.:-]{1,128}\Z")

_TEXT_FITS = f"1 to {MAX_TEXT_CHARACTERS} characters, not blank, no control characters"
_ID_FITS = "1 to 128 of the characters A-Z a-z 0-9 _ . : -"
_LANGUAGE_FITS = 'a language code such as "en" or "de-AT"'

Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_CHARACTERS, description=_TEXT_FITS)]
_Flag = Annotated[bool, Meta(description="true or false")]
_Voice = Annotated[str, Meta(min_length=1, max_length=_MAX_NAME_CHARACTERS, description="the name of a voice")] | None
_Id = Annotated[str, Meta(pattern=_ID.pattern, description=_ID_FITS)] | None
Language = Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?\Z", description=_LANGUAGE_FITS)] | None


def _means(what: str) -> Meta:
    """What a field does, for `docs/mqtt.md`, where what fits does not say it."""
    return Meta(extra={"means": what})


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One JSON object as it is taken. Each field's description says what fits."""


class Say(Request, frozen=True, kw_only=True):
    """`T/say` and `<prefix>/all/say`."""

    text: Annotated[Text, _means("what is said")]
    id: Annotated[_Id, _means("names the request; one is made up")] = None
    voice: Annotated[_Voice, _means("one of those in `T/info`; else the site's")] = None
    language: Annotated[Language, _means("else the voice's own")] = None
    priority: Annotated[
        Literal["low", "normal", "high", "alarm"],
        Meta(description='"low", "normal", "high" or "alarm"'),
        _means("an alarm interrupts, the others wait"),
    ] = "normal"
    interrupt: Annotated[_Flag, _means("cuts what is being said, whatever its priority")] = False
    speed: Annotated[
        Annotated[float, Meta(ge=0.5, le=2, description="a number from 0.5 to 2; 1 is usual")] | None,
        _means("else as configured"),
    ] = None
    pitch: Annotated[
        Annotated[float, Meta(ge=-12, le=12, description="a number of semitones from -12 to 12")] | None,
        _means("else as configured"),
    ] = None
    volume: Annotated[
        Annotated[int, Meta(ge=0, le=100, description="a whole number from 0 to 100")] | None,
        _means("else the site's"),
    ] = None
    chime: Annotated[_Flag, _means("sounds the attention chime first")] = False
    expires_s: Annotated[
        Annotated[float, Meta(gt=0, le=604_800, description="a number of seconds above 0, at most 604800 (a week)")]
        | None,
        _means("not begun within that time, it is not said"),
    ] = None
    engine: Annotated[
        dict[str, Any], Meta(description="an object of the engine's own parameters"), _means("for that engine alone")
    ] = {}


class Ask(Request, frozen=True, kw_only=True):
    """`T/ask`."""

    text: Annotated[Text, _means("the command")]
    id: Annotated[_Id, _means("names the request; one is made up")] = None
    language: Annotated[Language, _means("else the site's")] = None
    speak: Annotated[_Flag, _means("speaks the reply too")] = False


class Listen(Request, frozen=True, kw_only=True):
    """`T/listen`; an empty payload is one without fields."""

    id: Annotated[_Id, _means("the turn gets it; one is made up")] = None
    say: Annotated[Text | None, _means("said first")] = None


class Stop(Request, frozen=True, kw_only=True):
    """`T/stop`; without `id` everything is silenced."""

    id: Annotated[_Id, _means("that speech only")] = None


class Transcribe(Request, frozen=True, kw_only=True):
    """Options of a transcription, where there is a place for them."""

    id: _Id = None
    language: Language = None


def parse_say(payload: bytes) -> SpeechRequest:
    """Plain text, or an object of `Say`'s fields. Raises BadRequest."""
    text = _decoded(payload)
    say = _object(text, Say) if _is_object(text) else Say(text=_plain(text, "text"))
    return SpeechRequest(
        text=_plain(say.text, "text", say.id),
        id=say.id or str(uuid4()),
        voice=say.voice,
        language=say.language,
        priority=Priority.parse(say.priority),
        interrupt=say.interrupt,
        speed=say.speed,
        pitch=say.pitch,
        volume=say.volume,
        chime=say.chime,
        expires_s=say.expires_s,
        engine=say.engine,
    )


@dataclass(frozen=True, slots=True)
class Sound:
    """`T/transcribe`: a WAV or FLAC file."""

    file: bytes
    id: str


def parse_sound(payload: bytes) -> Sound:
    """Raises BadRequest unless it begins as a WAV or FLAC file and is small enough."""
    if len(payload) > MAX_SOUND_BYTES:
        raise BadRequest(f"audio: at most {MAX_SOUND_BYTES} bytes fit, not {len(payload)}", field="audio")
    if not (payload[:4] == b"fLaC" or (payload[:4] in (b"RIFF", b"RIFX", b"RF64") and payload[8:12] == b"WAVE")):
        raise BadRequest("audio: a WAV or FLAC file fits; this is neither", field="audio")
    return Sound(payload, str(uuid4()))


def parse_ask(payload: bytes) -> Ask:
    """Plain text, or an object of `Ask`'s fields; the id is always set. Raises BadRequest."""
    text = _decoded(payload)
    ask = _object(text, Ask) if _is_object(text) else Ask(text=text)
    return msgspec.structs.replace(ask, text=_plain(ask.text, "text", ask.id), id=ask.id or str(uuid4()))


def parse_listen(payload: bytes) -> Listen:
    """Empty, or an object of `Listen`'s fields; the id is always set. Raises BadRequest."""
    text = _decoded(payload)
    listen = _object(text, Listen) if text.strip() else Listen()
    say = None if listen.say is None else _plain(listen.say, "say", listen.id)
    return msgspec.structs.replace(listen, say=say, id=listen.id or str(uuid4()))


def parse_stop(payload: bytes) -> Stop:
    """Empty, or an object of `Stop`'s fields. Raises BadRequest."""
    text = _decoded(payload)
    return _object(text, Stop) if text.strip() else Stop()


def parse_transcribe(payload: bytes) -> Transcribe:
    """An object of `Transcribe`'s fields. Raises BadRequest."""
    return _object(_decoded(payload), Transcribe)


def parse_mute(payload: bytes) -> bool:
    """`ON` or `OFF`, in any case. Raises BadRequest."""
    word = _decoded(payload).strip().upper()
    if word not in ("ON", "OFF"):
        raise _misfit("mute", "ON or OFF", word)
    return word == "ON"


def parse_volume(payload: bytes) -> int:
    """A whole number, 0 to 100. Raises BadRequest."""
    word = _decoded(payload).strip()
    if not re.fullmatch("[0-9]{1,3}", word) or int(word) > 100:
        raise _misfit("volume", "a whole number from 0 to 100", word)
    return int(word)


def parse_voice(payload: bytes) -> str:
    """The name of a voice; empty is the engine's default. Raises BadRequest."""
    name = _decoded(payload).strip()
    if len(name) > _MAX_NAME_CHARACTERS or _CONTROL.search(name) or "\n" in name or "\r" in name:
        raise _misfit("voice", f"one line of at most {_MAX_NAME_CHARACTERS} characters", name)
    return name


_Kind = TypeVar("_Kind", bound=Request)


def parse_object(payload: bytes, kind: type[_Kind]) -> _Kind:
    """An object of `kind`'s fields. Raises BadRequest."""
    return _object(_decoded(payload), kind)


def parse_fields(fields: Mapping[str, object], kind: type[_Kind]) -> _Kind:
    """The same of fields that came one by one. Raises BadRequest."""
    return _converted(fields, kind)


def plain(text: str, field: str) -> str:
    """The words without white space around them. Raises BadRequest where they cannot be said."""
    return _plain(text, field)


def _decoded(payload: bytes) -> str:
    if len(payload) > MAX_JSON_BYTES:
        raise BadRequest(f"payload: at most {MAX_JSON_BYTES} bytes fit, not {len(payload)}", field="payload")
    try:
        return payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRequest(
            f"payload: only UTF-8 fits, and byte {error.start} is none ({error.reason})", field="payload"
        ) from None


def _is_object(text: str) -> bool:
    return text.lstrip().startswith("{")


def _plain(text: str, field: str, id: str | None = None) -> str:
    """The words without white space around them, if they can be said."""
    words = text.strip()
    if not words:
        raise BadRequest(f"{field}: {_TEXT_FITS} fit; it is blank", field=field, id=id)
    if len(words) > MAX_TEXT_CHARACTERS:
        raise BadRequest(f"{field}: {_TEXT_FITS} fit; it has {len(words)}", field=field, id=id)
    if control := _CONTROL.search(words):
        raise BadRequest(
            f"{field}: {_TEXT_FITS} fit; character {control.start() + 1} is U+{ord(control[0]):04X}", field=field, id=id
        )
    return words


def _object(text: str, kind: type[_Kind]) -> _Kind:
    """Field by field, so that a message can say which one is wrong and what fits."""
    try:
        fields = msgspec.json.decode(text, type=dict[str, Any])
    except RecursionError:
        raise BadRequest("payload: JSON nested this deep does not fit", field="payload") from None
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise BadRequest(f"payload: one JSON object fits, this is none: {error}", field="payload") from None
    return _converted(fields, kind)


def _converted(fields: Mapping[str, object], kind: type[_Kind]) -> _Kind:
    id = _usable_id(fields)
    hints = get_type_hints(kind, include_extras=True)
    for name, value in fields.items():
        if name not in hints:
            shown = _short(name if name and name.isprintable() else msgspec.json.encode(name).decode())
            raise BadRequest(f"{shown}: no such field; {_meant(name, tuple(hints))}", field=shown, id=id)
        try:
            msgspec.convert(value, hints[name])
        except (msgspec.ValidationError, RecursionError, OverflowError):
            raise _misfit(name, _fits(hints[name]), value, id) from None
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError:
        missing = next(name for name in kind.__struct_fields__ if name not in fields)
        raise BadRequest(f"{missing}: {_fits(hints[missing])} must be given", field=missing, id=id) from None


def _usable_id(fields: Mapping[str, object]) -> str | None:
    id = fields.get("id")
    return id if isinstance(id, str) and _ID.match(id) else None


def _fits(hint: Any) -> str:
    described = (meta.description for meta in getattr(hint, "__metadata__", ()) if meta.description)
    return next(described, None) or _fits(get_args(hint)[0])


def _meant(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name.lower()[:64], known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"


def _misfit(field: str, fits: str, value: object, id: str | None = None) -> BadRequest:
    # A request's words are not repeated: errors are seen and kept by more eyes than the request was.
    if field in ("text", "say", "input", "prompt", "instructions"):
        got = f"{len(value)} characters" if isinstance(value, str) else type(value).__name__
    else:
        got = _short(msgspec.json.encode(value).decode())
    return BadRequest(f"{field}: {fits} fits, not {got}", field=field, id=id)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
