"""The example configuration is complete, right, and the one that the code writes."""

import itertools
import re
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from auricle.api import PluginConfig, PluginContext
from auricle.config import example_text, load_config
from auricle.config.schema import Key, Table, configuration
from auricle.host import PluginHost
from auricle.settings import Config, Plugins
from support.golden import Golden

ROOT = Path(__file__).parents[1]
_DEFAULT = re.compile(r"# ([\w-]+ = (?!…).*)")
_NO_DEFAULT = re.compile(r"# ([\w-]+) = …  # \S")


class Types:
    """The tables of the plugins and engines that are in this repository."""

    def __init__(self) -> None:
        host = PluginHost(
            plugins=Plugins(),
            options={},
            context=lambda name: PluginContext(name=name),
            timeout_s=10.0,
            on_fault=lambda name, text: None,
        )
        host.load()
        ours = {status.name for status in host.statuses() if status.distribution == "auricle"}
        specs = {name: spec for name, spec in host.engines().items() if spec.target.split("_")[0] == "auricle"}
        self.plugins = {name: found for name, found in host.config_types().items() if name in ours}
        self.engines = {name: spec.config for name, spec in specs.items()}
        self.in_daemon = {name for name, spec in specs.items() if spec.kind in ("wake", "vad")}
        captions = {name: spec.description for name, spec in specs.items()}
        self.text = example_text(self.plugins, self.engines, in_daemon=self.in_daemon, captions=captions)


@pytest.fixture(scope="module")
def types() -> Types:
    return Types()


def load(tmp_path: Path, types: Types, text: str) -> Config:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return load_config(
        path, {}, plugin_types=types.plugins, engine_types=types.engines, in_daemon=types.in_daemon
    ).config


def uncommented(text: str) -> str:
    return "\n".join(_DEFAULT.sub(r"\1", line) if _DEFAULT.match(line) else line for line in text.splitlines())


def test_example_is_the_committed_one(golden: Golden, types: Types) -> None:
    golden(ROOT / "config.example.toml", types.text)


def test_example_as_it_is_loads_as_the_defaults(tmp_path: Path, types: Types) -> None:
    assert load(tmp_path, types, types.text) == Config()


def test_uncommented_example_loads_as_the_defaults(tmp_path: Path, types: Types) -> None:
    config = load(tmp_path, types, uncommented(types.text))
    assert msgspec.structs.replace(config, engines={}, plugin_options={}) == Config()
    for name, keys in config.plugin_options.items():
        wanted = types.plugins[name]
        assert msgspec.convert(keys, wanted, strict=True) == msgspec.convert({}, wanted, strict=True), name
    for name, keys in config.engines.items():
        wanted = types.engines[name]
        assert msgspec.convert(keys, wanted, strict=True) == msgspec.convert({}, wanted, strict=True), name


def test_every_key_is_in_the_example_with_its_meaning(types: Types) -> None:
    """A key without a default is shown as `# key = …`; the comment after it says what it takes."""
    shared = set(configuration({}, {"x": PluginConfig}).entries["engines"].entries["x"].entries)  # type: ignore[union-attr]
    apart = set(configuration({"x": PluginConfig}, {}).entries["plugins"].entries["x"].entries)  # type: ignore[union-attr]
    shown: dict[str, set[str]] = {}
    table = ""
    lines = types.text.splitlines()
    for before, line in itertools.pairwise(lines):
        if line.startswith("["):
            table = line.strip("[]")
            shown[table] = set()
        match = _DEFAULT.match(line) or _NO_DEFAULT.match(line)
        if match:
            shown[table].add(match[1].partition(" = ")[0])
            assert before.startswith("# "), f"{table}: {line} has no description"
    expected: dict[str, set[str]] = {}
    process = {f"engines.{name}" for name in types.engines.keys() - types.in_daemon}

    def collect(shape: Table, place: str) -> None:
        own = {name for name, entry in shape.entries.items() if isinstance(entry, Key)}
        own -= shared if place.startswith("engines.") else apart if place.startswith("plugins.") else set()
        if own or place in process:
            expected[place] = own
        for name, entry in shape.entries.items():
            if isinstance(entry, Table):
                collect(entry, f"{place}.{name}".lstrip("."))

    collect(configuration(types.plugins, types.engines, types.in_daemon), "")
    assert shown == expected
    assert all(f"#     {name}: " in types.text for name in (*shared, *apart))


def test_keys_of_all_kinds_are_written() -> None:
    class Odd(PluginConfig, frozen=True, kw_only=True):
        """A table of odd keys."""

        must: Annotated[str, Meta(description="Given by the user.")]
        unset: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="Maybe.", extra={"unit": "s"})] = None
        text: Annotated[str, Meta(description="Quoted.")] = 'a "b" \\ \n'
        many: Annotated[dict[str, tuple[float, ...]], Meta(description="Nested.")] = msgspec.field(
            default_factory=lambda: {"a b": (1.5, float("1e9"))}
        )

    text = example_text({"odd": Odd}, {})
    part = text[text.index("# A table of odd keys.") : text.index("# What is logged.")].strip()
    assert part.splitlines() == [
        "# A table of odd keys.",
        "[plugins.odd]",
        "",
        "# Given by the user.",
        "# must = …  # must be set",
        "",
        "# Maybe.",
        "# unset = …  # not set; 1 or more s",
        "",
        "# Quoted.",
        '# text = "a \\"b\\" \\\\ \\n"',
        "",
        "# Nested.",
        '# many = { "a b" = [1.5, 1000000000.0] }',
    ]
    assert tomllib.loads(uncommented(text))["plugins"]["odd"]["text"] == 'a "b" \\ \n'
