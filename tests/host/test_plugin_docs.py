"""What the plugin guide says is so: every hook is in it, and its example works."""

import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from auricle.api import PluginContext, Transcript, Turn, hookspecs
from auricle.host import PluginHost
from auricle.host.checks import known_hooks
from auricle.pipeline.dispatch import Dispatcher
from auricle.settings import Plugins

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"
GUIDE = PAGE.read_text()
_BEGIN = "<!-- hooks: written by `pytest tests/host/test_plugin_docs.py --update-golden` -->\n"
_END = "<!-- end of hooks -->"
TABLE = re.findall(r"^\| `(auricle_\w+)\(([\w, ]*)\)` \|", GUIDE, re.MULTILINE)


def test_every_hook_is_in_the_guide_with_its_arguments_in_lifecycle_order() -> None:
    assert [(name, tuple(filter(None, arguments.split(", ")))) for name, arguments in TABLE] == list(
        known_hooks().items()
    )


def test_guide_names_no_hook_that_there_is_not() -> None:
    assert set(re.findall(r"\bauricle_(?!dice|house)\w+\b", GUIDE)) <= set(known_hooks())


def test_guide_says_the_limits_that_the_code_has() -> None:
    from auricle.host.breaker import FAULTS, FIRST_REST_S, LONGEST_REST_S, WINDOW_S
    from auricle.host.own_loop import MOST_TASKS
    from auricle.host.running import EVENTS_WAITING
    from auricle.host.services import SAID_AT_ONCE, SAID_WITHIN_S
    from auricle.pipeline.sentences import MOST_SAMPLES_EACH

    assert f"An event queue holds {EVENTS_WAITING} events" in GUIDE
    assert f"more than {MOST_SAMPLES_EACH:,} sentences" in GUIDE
    assert (FAULTS, WINDOW_S, FIRST_REST_S, LONGEST_REST_S) == (5, 60, 30, 600)
    assert "five failures within a minute" in GUIDE
    assert "30 s" in GUIDE
    assert "ten minutes" in GUIDE
    assert f"more than {MOST_TASKS} tasks" in GUIDE
    assert f"{SAID_AT_ONCE} requests within {SAID_WITHIN_S:g} s" in GUIDE


async def test_example_of_the_guide_works(monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)[0]
    module = ModuleType("auricle_dice")
    monkeypatch.setitem(sys.modules, "auricle_dice", module)
    exec(compile(code, "auricle_dice", "exec"), vars(module))
    host = PluginHost(
        plugins=Plugins(),
        options={"dice": {"sides": 2}},
        context=lambda name: PluginContext(name=name),
        timeout_s=5,
    )
    host.register("dice", vars(module)["Dice"])
    dispatcher = Dispatcher(host, {"en": host.sentences("en")}, near_miss=0.86, language="en")
    intent, reply = await dispatcher.dispatch(Transcript("Roll a die with 20 sides."), Turn())
    assert intent is not None
    assert intent.slots == {"sides": 20}
    assert reply.handled_by == "dice"
    _, reply = await dispatcher.dispatch(Transcript("Roll the dice!"), Turn())
    assert reply.text in ("It is a 1.", "It is a 2.")
    await host.shutdown()


def reference() -> str:
    """Every hook as the code has it."""
    parts = []
    for name in known_hooks():
        hook = getattr(hookspecs, name)
        parts.append(f"### `{name}{inspect.signature(hook)}`\n\n{inspect.getdoc(hook)}\n")
    return "\n".join(parts).replace("auricle.model.", "").replace("auricle.api.", "")


def test_reference_is_what_the_hooks_say_of_themselves(request: pytest.FixtureRequest) -> None:
    before, _, rest = GUIDE.partition(_BEGIN)
    written, _, after = rest.partition(_END)
    if request.config.getoption("--update-golden"):
        PAGE.write_text(f"{before}{_BEGIN}\n{reference()}\n{_END}{after}")
        pytest.skip("the reference was written anew")
    assert written.strip() == reference().strip()


def test_every_hook_has_a_test_named_after_it() -> None:
    tests = (Path(__file__).parent / "test_hooks.py").read_text()
    assert [name for name in known_hooks() if not re.search(rf"def test_{name}\b", tests)] == []
