"""What other programs and people see of a site: broker, buses, servers, records."""

from typing import Annotated, Literal

from msgspec import Meta

from auricle.settings.section import Section, default


class Tls(Section, frozen=True, kw_only=True):
    """Encryption to the broker."""

    enabled: Annotated[bool, Meta(description="Use TLS; set by itself when one of the files is given.")] = False
    ca: Annotated[str | None, Meta(description="Certificate authority; none is the system's.")] = None
    cert: Annotated[str | None, Meta(description="Client certificate.")] = None
    key: Annotated[str | None, Meta(description="Key of the client certificate.")] = None


class Mqtt(Section, frozen=True, kw_only=True):
    """The broker; nothing is sent or taken until `host` is set."""

    host: Annotated[str | None, Meta(description="Name or address of the broker.")] = None
    port: Annotated[int, Meta(ge=1, le=65535, description="8883 is usual with TLS.")] = 1883
    username: Annotated[str | None, Meta(description="User at the broker.")] = None
    password: Annotated[str | None, Meta(description="Better in a file: `password_file`.", extra={"secret": True})] = (
        None
    )
    password_file: Annotated[
        str | None,
        Meta(description="File that holds the password; a bare name is looked for in $CREDENTIALS_DIRECTORY."),
    ] = None
    topic_prefix: Annotated[
        str,
        Meta(
            pattern="^[^+#/\\x00][^+#\\x00]*$",
            max_length=128,
            description="First part of every topic.",
            extra={"form": "a topic without +, # and a leading /"},
        ),
    ] = "auricle"
    client_id: Annotated[str, Meta(max_length=64, description="Empty is auricle-<site.id>.")] = ""
    tls: Tls = default(Tls)
    discovery: Annotated[
        Literal["device", "legacy", "off"],
        Meta(
            description='How Home Assistant finds this site; "legacy" is for one older than 2024.12, "off" removes it.'
        ),
    ] = "device"
    hermes: Annotated[bool, Meta(description="Speak the Hermes topics of Rhasspy 2.5 too.")] = False
    pool: Annotated[
        bool, Meta(description="Share synthesis and transcription with other daemons; see docs/scaling.md.")
    ] = False
    say_per_minute: Annotated[
        int,
        Meta(
            ge=0,
            le=60_000,
            description="Requests to speak that are taken on one topic in a minute; one more is refused. 0 is no "
            "limit: the speech queue has its own.",
        ),
    ] = 0
    keepalive_s: Annotated[
        int,
        Meta(ge=5, le=3600, description="A dead broker is noticed within one and a half of it.", extra={"unit": "s"}),
    ] = 30
    max_backoff_s: Annotated[
        float, Meta(ge=1, le=300, description="Longest wait between two attempts to connect.", extra={"unit": "s"})
    ] = 8.0


class Dbus(Section, frozen=True, kw_only=True):
    """The message bus."""

    bus: Annotated[
        str,
        Meta(
            min_length=1,
            description='"auto" (the session\'s bus, else the system\'s), "system", "session", "off" or an address.',
        ),
    ] = "auto"


class Wyoming(Section, frozen=True, kw_only=True):
    """Being a Wyoming server for the network."""

    uri: Annotated[
        Annotated[str, Meta(pattern="^(tcp|unix)://.")] | None,
        Meta(description="Where to listen. Not in this version yet.", extra={"later": True}),
    ] = None


class Http(Section, frozen=True, kw_only=True):
    """Metrics, health and speech over HTTP; off until `bind` is set."""

    bind: Annotated[
        str | None,
        Meta(
            description="Address and port to listen on, such as 127.0.0.1:10800, [::1]:10800 or, for the whole network "
            "and only with a token, 0.0.0.0:10800; or unix:///PATH.",
        ),
    ] = None
    token: Annotated[
        str | None,
        Meta(
            description="What callers have to show, `Authorization: Bearer TOKEN`; better in a file: `token_file`.",
            extra={"secret": True},
        ),
    ] = None
    token_file: Annotated[
        str | None, Meta(description="File that holds the token; a bare name is looked for in $CREDENTIALS_DIRECTORY.")
    ] = None


class Metrics(Section, frozen=True, kw_only=True):
    """Figures for monitoring, at `/metrics` of `[http]`."""

    buckets: Annotated[
        tuple[Annotated[float, Meta(gt=0, le=3600)], ...],
        Meta(
            min_length=1,
            max_length=50,
            description="Upper bounds of the histograms of a turn's times, rising.",
            extra={"unit": "s"},
        ),
    ] = (0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.7, 0.9, 1.2, 1.7, 2.5, 5.0, 10.0, 30.0)


class Privacy(Section, frozen=True, kw_only=True):
    """What is kept of what was heard."""

    record: Annotated[
        Literal["off", "false_wakes", "all"],
        Meta(
            description="Keep sound and trace of turns, for finding faults, in the state folder, for its owner alone: "
            "of wake words that no understood command followed, or of all turns. See `auricle trace`."
        ),
    ] = "off"
    record_days: Annotated[
        float, Meta(gt=0, le=365, description="Recordings are forgotten after this.", extra={"unit": "days"})
    ] = 7.0
    record_mb: Annotated[
        int, Meta(ge=1, le=100_000, description="Beyond this the oldest are forgotten.", extra={"unit": "MB"})
    ] = 200


class Log(Section, frozen=True, kw_only=True):
    """What is logged."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Words of users are logged at debug only.")
    ] = "info"
