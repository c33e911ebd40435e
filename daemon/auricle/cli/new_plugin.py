"""What `auricle plugins new NAME` writes: a whole package, whose test passes at once."""

import keyword
import re
from pathlib import Path

from auricle.model.errors import BadRequest, WrongUsage

_PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.26"]
build-backend = "hatchling.build"

[project]
name = "auricle-{name}"
version = "0.1.0"
description = "An Auricle plugin."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["auricle"]

[project.optional-dependencies]
dev = ["pytest>=8"]

[project.entry-points."auricle.plugins"]
{name} = "auricle_{name}:{title}"

[tool.hatch.build.targets.wheel]
packages = ["auricle_{name}"]
"""

_PLUGIN = '''\
"""Greets people."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from auricle.api import Intent, PluginConfig, PluginContext, Reply, Sentences, Turn, hookimpl
from auricle_{name}.sentences import ENGLISH


class {title}:
    """Answers a greeting with the configured one."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """The keys of `[plugins.{name}]`."""

        greeting: Annotated[str, Meta(description="What is said to whoever greets.")] = "Hello"

    def __init__(self, context: PluginContext, config: Config) -> None:
        self._context = context
        self._config = config

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, Sentences]:
        return {{"en": ENGLISH}}

    @hookimpl
    async def auricle_handle(self, intent: Intent, turn: Turn) -> Reply | None:
        if intent.plugin != self._context.name:
            return None
        return Reply(f"{{self._config.greeting}}, {{intent.slots['person']}}!")
'''

_SENTENCES = '''\
"""What may be said to the plugin, in hassil's syntax."""

from auricle.api import Sentences

ENGLISH = Sentences(
    intents={{"greet": ("(greet|say hello to) {{person}}",)}},
    wildcards=("person",),
    required={{"greet": {{"person": "Whom?"}}}},
)
'''

_TEST = '''\
"""What the plugin answers."""

from auricle.testing import Harness
from auricle_{name} import {title}


def test_a_person_is_greeted() -> None:
    with Harness({title}, name="{name}") as house:
        assert house.say("Say hello to Ada.") == "Hello, Ada!"


def test_the_greeting_is_the_configured_one() -> None:
    with Harness({title}, name="{name}", config={{"greeting": "Good day"}}) as house:
        heard = house.say("greet Grace")
        assert heard == "Good day, Grace!"
        assert heard.intent == "greet"
'''

_CONTRACT = '''\
"""What every plugin must do."""

import pytest

from auricle.testing.plugin_contract import PluginContract
from auricle_{name} import {title}


class TestContract(PluginContract):
    @pytest.fixture
    def plugin(self) -> type:
        return {title}
'''

_README = """\
# auricle-{name}

An [Auricle](https://github.com/auricle) plugin. Say "say hello to Ada".

```sh
pip install -e ".[dev]"      # beside Auricle
pytest                       # its tests pass
auricle plugins list         # {name} is active
auricle ask "say hello to Ada"
```

```toml
[plugins.{name}]
greeting = "Good day"
```
"""


def write(name: str, into: str) -> int:
    """Write the package; return the exit status.

    Raises WrongUsage for a name that cannot be, BadRequest for a folder that is.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name) or keyword.iskeyword(name):
        raise WrongUsage(f"{name}: a plugin's name is one word of a-z, 0-9 and _, such as dice", field="name")
    folder = Path(into) / f"auricle-{name.replace('_', '-')}"
    if folder.exists():
        raise BadRequest(f"{folder} exists already; name another, or remove it")
    names = {"name": name, "title": "".join(part.capitalize() for part in name.split("_"))}
    files = {
        "pyproject.toml": _PYPROJECT,
        "README.md": _README.replace("[Auricle](https://github.com/auricle)", "Auricle"),
        f"auricle_{name}/__init__.py": _PLUGIN,
        f"auricle_{name}/sentences.py": _SENTENCES,
        f"auricle_{name}/py.typed": "",
        f"tests/test_{name}.py": _TEST,
        "tests/test_contract.py": _CONTRACT,
    }
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.format(**names))
        print(target)
    print(f'\nInstall it beside Auricle and try it:\n  pip install -e "{folder}[dev]"\n  pytest {folder}')
    return 0
