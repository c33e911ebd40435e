"""Whether an engine has a voice of some name."""

from collections.abc import Collection, Mapping

from auricle.model.errors import BadRequest


def has_voice(names: Collection[str], voice: str) -> bool:
    """Whether `voice` is one of `names`, or short for one (`joe` for `en_US-joe-medium`); empty is the engine's own.

    An engine that is not loaded tells no names: every voice is believed then.
    """
    if not voice or not names or voice in names:
        return True
    return any(voice.lower() in name.lower().split("-") for name in names)


def check_voice(voice: str, described: Mapping[str, object]) -> None:
    """Raise BadRequest for a voice that is none of `described["voices"]`."""
    told = described.get("voices")
    names = [str(name) for name in told] if isinstance(told, list) else []
    if not has_voice(names, voice):
        raise BadRequest(f"voice: one of {', '.join(names)} fits, not {voice!r}", field="voice")
