"""Every payload that MQTT takes and sends: what fits, what does not and what is said about it."""

import json
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auricle.adapters import payloads, requests
from auricle.model.errors import BadRequest
from auricle.model.events import (
    CommandEnded,
    ComponentChanged,
    ErrorRaised,
    Event,
    IntentHandled,
    Lagged,
    MuteSet,
    PartialHeard,
    QualityFound,
    SpeechChanged,
    StageChanged,
    VoiceSet,
    VolumeSet,
    WakeHeard,
)
from auricle.model.speech import Priority, SpeechRequest, SpeechStatus
from auricle.model.turn import Stage
from auricle.status import Status, reduce
from support.scripted_assistant import transcribed

AT = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


def test_plain_text_is_said_as_it_is() -> None:
    request = requests.parse_say("  Grüße an alle \n".encode())
    assert request.text == "Grüße an alle"
    assert request == SpeechRequest(text="Grüße an alle", id=request.id)


def test_each_request_without_an_id_gets_one_of_its_own() -> None:
    assert requests.parse_say(b"hello").id != requests.parse_say(b"hello").id


def test_every_field_of_say_is_taken() -> None:
    full = {
        "text": "dinner",
        "id": "kitchen:1",
        "voice": "amy",
        "language": "en",
        "priority": "alarm",
        "interrupt": True,
        "speed": 1.5,
        "pitch": -3,
        "volume": 40,
        "chime": True,
        "expires_s": 30,
        "engine": {"exaggeration": 0.7},
    }
    assert set(full) == set(requests.Say.__struct_fields__)
    assert requests.parse_say(json.dumps(full).encode()) == SpeechRequest(
        text="dinner",
        id="kitchen:1",
        voice="amy",
        language="en",
        priority=Priority.ALARM,
        interrupt=True,
        speed=1.5,
        pitch=-3.0,
        volume=40,
        chime=True,
        expires_s=30.0,
        engine={"exaggeration": 0.7},
    )


def test_null_stands_for_a_field_that_is_not_given() -> None:
    assert requests.parse_say(b'{"text": "a", "id": "x", "speed": null}') == SpeechRequest(text="a", id="x")


@pytest.mark.parametrize(
    ("payload", "field", "says"),
    [
        (b"", "text", "blank"),
        (b" \n\t ", "text", "blank"),
        (b"x" * 4097, "text", "4097"),
        (b"x" * 70_000, "payload", "65536 bytes"),
        (b"\xff\xfe", "payload", "UTF-8"),
        (b"bell\x07", "text", "U+0007"),
        (b'{"text": "cut', "payload", "JSON"),
        (b'  {"text" "cut"}', "payload", "JSON"),
        (b"[" * 10, None, ""),
        (b'{"engine":' + b"[" * 60_000, "payload", "payload"),
        (b'{"text": "a\\u0000b"}', "text", "U+0000"),
        (b"{}", "text", "must be given"),
        (b'{"id": "a"}', "text", "must be given"),
        (b'{"text": 5}', "text", "4096 characters"),
        (b'{"text": ""}', "text", "4096 characters"),
        (b'{"text": "  "}', "text", "blank"),
        (json.dumps({"text": "x" * 4097}).encode(), "text", "not 4097 characters"),
        (b'{"text": "a", "id": "a b"}', "id", "A-Z a-z 0-9"),
        (b'{"text": "a", "id": "ok\\n"}', "id", "A-Z a-z 0-9"),
        (json.dumps({"text": "a", "id": "x" * 129}).encode(), "id", "128"),
        (b'{"text": "a", "speed": 9}', "speed", "0.5 to 2"),
        (b'{"text": "a", "speed": "fast"}', "speed", '"fast"'),
        (b'{"text": "a", "pitch": -12.5}', "pitch", "-12 to 12"),
        (b'{"text": "a", "volume": 101}', "volume", "0 to 100"),
        (b'{"text": "a", "volume": 50.5}', "volume", "whole number"),
        (b'{"text": "a", "volume": true}', "volume", "whole number"),
        (b'{"text": "a", "volume": 99999999999999999999999999999}', "volume", "whole number"),
        (b'{"text": "a", "priority": "urgent"}', "priority", '"alarm"'),
        (b'{"text": "a", "interrupt": "yes"}', "interrupt", "true or false"),
        (b'{"text": "a", "chime": 1}', "chime", "true or false"),
        (b'{"text": "a", "expires_s": 0}', "expires_s", "seconds"),
        (b'{"text": "a", "language": "English"}', "language", '"de-AT"'),
        (b'{"text": "a", "engine": []}', "engine", "object"),
        (b'{"text": "a", "voice": ""}', "voice", "name of a voice"),
        (b'{"text": "a", "vioce": "amy"}', "vioce", "did you mean voice?"),
        (b'{"text": "a", "prioritty": "low"}', "prioritty", "did you mean priority?"),
        (b'{"text": "a", "zzzz": 1}', "zzzz", "there are text, id, voice"),
    ],
)
def test_say_that_does_not_fit_names_the_field(payload: bytes, field: str | None, says: str) -> None:
    if field is None:
        assert requests.parse_say(payload).text == payload.decode()
        return
    with pytest.raises(BadRequest) as caught:
        requests.parse_say(payload)
    assert caught.value.field == field
    assert caught.value.message.startswith(field)
    assert says in caught.value.message
    assert len(caught.value.message) < 400


def test_the_longest_text_fits() -> None:
    assert len(requests.parse_say(("ü" * 4096).encode()).text) == 4096


def test_an_error_carries_the_id_of_its_request_if_that_is_one() -> None:
    with pytest.raises(BadRequest) as caught:
        requests.parse_say(b'{"text": "a", "id": "lamp-7", "speed": 9}')
    assert caught.value.id == "lamp-7"
    with pytest.raises(BadRequest) as caught:
        requests.parse_say(b'{"text": "a", "id": {}, "speed": 9}')
    assert caught.value.id is None


def test_an_error_does_not_repeat_the_words() -> None:
    with pytest.raises(BadRequest) as caught:
        requests.parse_say(json.dumps({"text": "secret " * 1000}).encode())
    assert "secret" not in caught.value.message


def test_ask_takes_text_or_an_object() -> None:
    assert requests.parse_ask(b"what time is it").text == "what time is it"
    ask = requests.parse_ask(b'{"text": "wie sp\\u00e4t", "id": "q", "language": "de", "speak": true}')
    assert (ask.text, ask.id, ask.language, ask.speak) == ("wie spät", "q", "de", True)
    assert requests.parse_ask(b"hi").id


def test_listen_and_stop_take_nothing_or_an_object() -> None:
    assert requests.parse_listen(b"").say is None
    assert requests.parse_listen(b'{"id": "t", "say": "Yes?"}') == requests.Listen(id="t", say="Yes?")
    assert requests.parse_stop(b"") == requests.Stop(id=None)
    assert requests.parse_stop(b'{"id": "a"}') == requests.Stop(id="a")
    for parse in (requests.parse_listen, requests.parse_stop):
        with pytest.raises(BadRequest) as caught:
            parse(b"now")
        assert caught.value.field == "payload"


def test_mute_volume_and_voice_take_words() -> None:
    assert (requests.parse_mute(b"ON"), requests.parse_mute(b"off\n")) == (True, False)
    assert (requests.parse_volume(b"0"), requests.parse_volume(b" 100 ")) == (0, 100)
    assert (requests.parse_voice(" jos\u00e9-medium ".encode()), requests.parse_voice(b"")) == ("josé-medium", "")


@pytest.mark.parametrize(
    ("parse", "payload", "field"),
    [
        (requests.parse_mute, b"maybe", "mute"),
        (requests.parse_mute, b"", "mute"),
        (requests.parse_mute, b"1", "mute"),
        (requests.parse_volume, b"101", "volume"),
        (requests.parse_volume, b"-1", "volume"),
        (requests.parse_volume, b"50.5", "volume"),
        (requests.parse_volume, "５０".encode(), "volume"),
        (requests.parse_volume, b"", "volume"),
        (requests.parse_voice, b"x" * 129, "voice"),
        (requests.parse_voice, b"a\nb", "voice"),
        (requests.parse_voice, b"\xff", "payload"),
    ],
)
def test_settings_that_do_not_fit_name_the_field(parse: object, payload: bytes, field: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(payload)  # type: ignore[operator]
    assert caught.value.field == field


PARSERS = [
    requests.parse_say,
    requests.parse_ask,
    requests.parse_listen,
    requests.parse_stop,
    requests.parse_mute,
    requests.parse_volume,
    requests.parse_voice,
]
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_near = st.dictionaries(
    st.sampled_from([*requests.Say.__struct_fields__, "speak", "say", "Text", "txet"]) | st.text(max_size=6), _values
)
_objects = _near.map(lambda fields: json.dumps(fields).encode())
_cut = st.tuples(_objects, st.integers(0, 200)).map(lambda pair: pair[0][: pair[1]])


@settings(max_examples=400, deadline=None)
@given(
    payload=st.binary(max_size=300) | st.text(max_size=100).map(lambda t: t.encode(errors="replace")) | _objects | _cut
)
def test_any_payload_gives_a_value_or_names_a_field(payload: bytes) -> None:
    refusals = []
    for parse in PARSERS:
        try:
            parse(payload)
        except BadRequest as error:
            refusals.append(error)
    for refusal in refusals:
        assert refusal.field
        assert refusal.message.startswith(refusal.field)
        assert refusal.message.encode()


def one(event: Event, status: Status | None = None) -> tuple[str, object, bool]:
    status = reduce(status or Status(since=AT), event)
    message, *states = payloads.encode(event, status)
    assert [other.topic for other in states] == (["state"] if isinstance(event, SpeechChanged) else [])
    return message.topic, json.loads(message.payload), message.retain


def test_events_are_sent_as_the_contract_says() -> None:
    assert one(WakeHeard(turn="t", wake_word="hey_jarvis", score=0.97, sample=16000, at=AT)) == (
        "wake",
        {"turn": "t", "wake_word": "hey_jarvis", "score": 0.97, "sample": 16000, "at": "2026-03-01T12:00:05Z"},
        False,
    )
    assert one(QualityFound(finding="dead", detail="only zeros", rms_dbfs=-99.0, peak_dbfs=-99.0, at=AT)) == (
        "quality",
        {
            "finding": "dead",
            "detail": "only zeros",
            "rms_dbfs": -99.0,
            "peak_dbfs": -99.0,
            "at": "2026-03-01T12:00:05Z",
        },
        False,
    )
    assert one(PartialHeard(turn="t", text="turn on")) == ("partial", {"turn": "t", "text": "turn on"}, False)
    topic, transcript, retain = one(transcribed("t", "hello"))
    assert isinstance(transcript, dict)
    assert (topic, list(transcript), retain) == (
        "transcript",
        [
            "turn",
            "text",
            "language",
            "confidence",
            "wake_word",
            "audio_s",
            "first_sample",
            "last_sample",
            "latency_ms",
            "at",
        ],
        False,
    )
    assert one(
        IntentHandled(
            turn="t", name=None, slots=MappingProxyType({"n": 5}), text="foo", handled_by="core", reply="Sorry"
        )
    ) == (
        "intent",
        {"turn": "t", "name": None, "slots": {"n": 5}, "text": "foo", "handled_by": "core", "reply": "Sorry"},
        False,
    )
    assert one(SpeechChanged(id="s", status=SpeechStatus.FAILED, text="hi", reason="no engine", at=AT)) == (
        "speech",
        {"id": "s", "status": "failed", "text": "hi", "at": "2026-03-01T12:00:05Z", "reason": "no engine"},
        False,
    )
    assert one(ErrorRaised(code="bad_request", message="speed: too fast", id="s", at=AT)) == (
        "error",
        {"code": "bad_request", "message": "speed: too fast", "at": "2026-03-01T12:00:05Z", "id": "s"},
        False,
    )
    assert one(StageChanged(stage=Stage.LISTENING, turn="t", at=AT)) == (
        "state",
        {"state": "listening", "since": "2026-03-01T12:00:05Z", "detail": ""},
        True,
    )
    assert one(ComponentChanged(component="microphone", ok=False, detail="unplugged", at=AT)) == (
        "state",
        {"state": "degraded", "since": "2026-03-01T12:00:05Z", "detail": "microphone: unplugged"},
        True,
    )
    assert one(VolumeSet(volume=30)) == ("volume", 30, True)


def test_settings_are_sent_as_plain_words() -> None:
    muted = reduce(Status(), MuteSet(muted=True))
    mute, state = payloads.encode(MuteSet(muted=True), muted)
    assert (mute.topic, mute.payload, mute.retain, state.topic) == ("mute", b"ON", True, "state")
    named = reduce(Status(), VoiceSet(voice="amy"))
    assert [(m.topic, m.payload, m.retain) for m in payloads.encode(VoiceSet(voice="amy"), named)] == [
        ("voice", b"amy", True)
    ]


def test_lost_events_are_made_up_for_by_the_states() -> None:
    topics = [message.topic for message in payloads.encode(Lagged(count=3), Status())]
    assert topics == ["state", "mute", "volume", "voice"]


def test_facts_without_a_topic_are_not_sent() -> None:
    assert payloads.encode(CommandEnded(turn="t", first_sample=0, last_sample=1, reason="silence"), Status()) == []


def test_times_of_other_zones_are_sent_in_utc() -> None:
    at = AT.astimezone(timezone(timedelta(hours=2)))
    assert payloads.error_of(ErrorRaised(code="x", message="y", at=at)).at == AT
    assert one(ErrorRaised(code="x", message="y", at=at))[1] == {
        "code": "x",
        "message": "y",
        "at": "2026-03-01T12:00:05Z",
        "id": None,
    }


def test_slots_that_json_has_no_word_for_are_sent_as_text() -> None:
    slots = {"path": requests, "when": AT, "ratio": float("nan")}
    event = IntentHandled(turn="t", name="n", slots=slots, text="", handled_by="p", reply="")
    _, payload, _ = one(event)
    assert isinstance(payload, dict)
    assert payload["slots"]["when"] == "2026-03-01T12:00:05Z"
    assert payload["slots"]["ratio"] is None
    assert "auricle.adapters.requests" in payload["slots"]["path"]
