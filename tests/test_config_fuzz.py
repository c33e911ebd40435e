"""Whatever stands in the file or the environment: a configuration or a ConfigError, and nothing else."""

import tempfile
from pathlib import Path

import hypothesis.strategies as st
import msgspec
from hypothesis import given, settings

from auricle.api import PluginConfig
from auricle.config import effective, example_text, load_config, show_text
from auricle.config.schema import Key, Table, configuration
from auricle.config.toml import value_text
from auricle.model.errors import ConfigError
from auricle.settings import Config


class Options(PluginConfig, frozen=True, kw_only=True):
    """Keys of many kinds."""

    rooms: dict[str, dict[str, float]] = msgspec.field(default_factory=dict)
    pair: tuple[int, str] = (1, "a")
    tags: list[str] | str = ""
    inner: "tuple[Options, ...]" = ()


TYPES = {"clock": Options}
ENGINES = dict.fromkeys(("faster_whisper", "piper", "microwakeword"), Options)
ROOT = configuration(TYPES, ENGINES)


def _names(table: Table) -> set[str]:
    names = set(table.entries)
    for entry in table.entries.values():
        if isinstance(entry, Table):
            names |= _names(entry)
    return names


NAMES = st.sampled_from(sorted(_names(ROOT))) | st.text(max_size=5)
SCALARS = (
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.datetimes()
    | st.sampled_from(["en", "auto", "fast", "/", "~nobody/x", "tcp://x:1", "a\0b", "x" * 5000])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def shaped(draw: st.DrawFn, table: Table = ROOT) -> dict[str, object]:
    """A configuration that is right in its shape more often than not."""
    values: dict[str, object] = {}
    for name, entry in table.entries.items():
        if not draw(st.integers(0, 3)):
            continue
        if isinstance(entry, Table):
            values[name] = draw(shaped(entry))
        elif draw(st.booleans()) and entry.default not in (None, msgspec.NODEFAULT):
            values[name] = msgspec.to_builtins(entry.default)
        elif isinstance(entry, Key) and not draw(st.integers(0, 5)):
            values[name] = draw(VALUES)
    return values


def sections(config: Config) -> Config:
    """What is not of plugins or engines, and no secret."""
    mqtt = msgspec.structs.replace(config.mqtt, password=None)
    return msgspec.structs.replace(config, mqtt=mqtt, engines={}, plugin_options={})


def judged(text: str | bytes, environ: dict[str, str]) -> None:
    """Load it, and load what is shown of it again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.toml")
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
        try:
            loaded = load_config(path, environ)
            loaded = load_config(path, environ, plugin_types=TYPES, engine_types=ENGINES)
        except ConfigError:
            return
        path.write_text(show_text(loaded, TYPES, ENGINES))
        again = load_config(path, environ, plugin_types=TYPES, engine_types=ENGINES)
        assert sections(again.config) == sections(loaded.config)
        assert effective(again, TYPES, ENGINES) == effective(loaded, TYPES, ENGINES)


def without_null(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_null(inner) for key, inner in value.items() if inner is not None}
    return [without_null(inner) for inner in value] if isinstance(value, list | tuple) else value


@given(st.dictionaries(NAMES, VALUES, max_size=5) | shaped())
@settings(max_examples=150, deadline=None)
def test_any_tables(tables: dict[str, object]) -> None:
    text = "\n".join(f"{value_text(key)} = {value_text(without_null(value))}" for key, value in tables.items())
    judged(text.encode("utf-8", "replace"), {})


@given(st.binary(max_size=200) | st.text(alphabet="abc[]{}=\"'\\#.,\n 1-:_truefalsnig", max_size=120))
@settings(max_examples=150, deadline=None)
def test_any_text(text: str | bytes) -> None:
    judged(text, {})


PLACES = (
    st.lists(NAMES.map(str.upper), max_size=4).map("__".join).filter(lambda name: "\0" not in name and "=" not in name)
)


@given(st.dictionaries(PLACES.map("AURICLE__{}".format), st.text(max_size=12) | SCALARS.map(str), max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_environment(environ: dict[str, str]) -> None:
    judged("", environ)


@given(st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_any_lines_of_the_example(bits: int) -> None:
    lines = example_text(TYPES, ENGINES).splitlines()
    picked = [line.removeprefix("# ") if bits >> (index % 33) & 1 else line for index, line in enumerate(lines)]
    judged("\n".join(picked), {})
