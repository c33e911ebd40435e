"""What the sections of the configuration are made of."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the configuration."""


def default(section: type[Section]) -> Any:
    return msgspec.field(default_factory=section)


Uri = Annotated[str, Meta(pattern="^(tcp|unix)://.", extra={"form": "tcp://HOST:PORT or unix:///PATH"})]
Language = Annotated[
    str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?\Z", extra={"form": "an ISO 639-1 code such as en, de or pt-BR"})
]
