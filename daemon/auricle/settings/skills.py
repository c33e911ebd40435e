"""From words to what is done, and by which plugins."""

from typing import Annotated

from msgspec import Meta

from auricle.settings.section import Section


class Intents(Section, frozen=True, kw_only=True):
    """From words to what is done."""

    near_miss: Annotated[
        float,
        Meta(ge=0, le=1, description="How alike a near miss must be to a known sentence; 1 takes exact words only."),
    ] = 0.86
    by_sound: Annotated[
        bool, Meta(description="Take what sounds like a known sentence for it, where its words are none.")
    ] = True
    sound_distance: Annotated[
        float,
        Meta(ge=0, le=0.4, description="How far that may sound from the sentence, per phoneme; 0 is the very same."),
    ] = 0.25
    sound_margin: Annotated[
        float,
        Meta(ge=0, le=0.4, description="How much farther, per phoneme, the next sentence of another meaning must be."),
    ] = 0.001
    judge_s: Annotated[
        float,
        Meta(
            ge=0,
            le=10,
            description="Longest wait for the engine to tell which of the sentences that sound alike is likelier; 0 "
            "does not ask.",
            extra={"unit": "s"},
        ),
    ] = 1.0
    timeout_s: Annotated[
        float, Meta(gt=0, le=60, description="Longest time that a plugin may take for one call.", extra={"unit": "s"})
    ] = 5.0


class Plugins(Section, frozen=True, kw_only=True):
    """Which plugins run, and in which order they are asked."""

    disabled: Annotated[tuple[str, ...], Meta(description="Plugins that are not loaded.")] = ()
    order: Annotated[tuple[str, ...], Meta(description="Plugins asked first, in this order; the rest by name.")] = ()
    watch: Annotated[
        tuple[str, ...],
        Meta(description="Plugins under development: reloaded when their files change; the old one stays on an error."),
    ] = ()


class PluginProcess(Section, frozen=True, kw_only=True):
    """Keys that every `[plugins.NAME]` takes beside the plugin's own: where it is run."""

    isolated: Annotated[
        bool, Meta(description="Run it in a process of its own, so that its crashes and dependencies stay its own.")
    ] = False
    python: Annotated[
        str | None,
        Meta(description="Interpreter of the environment that an isolated plugin is installed in; none: the daemon's."),
    ] = None
