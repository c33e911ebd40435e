"""An engine's own environment: made, gone on with, tested, kept, replaced, removed. All packages are local files."""

import asyncio
import base64
import hashlib
import shutil
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from auricle.api import EngineSpec, EngineUnavailable, PipStep, Recipe
from auricle.cli.engines_install import install, made
from auricle.cli.main import main
from auricle.engines import environments, install_steps, installer
from auricle.engines.environments import CHILD_MODULES
from auricle.engines.installer import Progress

RECIPE = Recipe(
    "usual",
    (PipStep("the talker", ("talker",)), PipStep("its extra", ("talker-extra",))),
    self_test="support.installable:self_test",
    remove=("talker/*.unwanted",),
)
SPEC = EngineSpec("talking", "tts", "talker:Engine", requires=("talker",), recipes=(RECIPE,))
STEPS = ["a virtual environment", "the talker", "its extra", "the daemon's side of the process", "self-test"]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has what the recipe wants, and stand-ins for what the daemon's side needs."""
    folder = tmp_path_factory.mktemp("packages")
    for module in (*CHILD_MODULES, "talker-extra"):
        wheel(folder, module, "")
    wheel(folder, "talker", "def word():\n    return 'hello'\n")
    return folder


@pytest.fixture
def wheels(tmp_path: Path, packages: Path) -> Path:
    """The test's own copy of them."""
    return Path(shutil.copytree(packages, tmp_path / "wheels"))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, wheels: Path) -> None:
    only_from(wheels, monkeypatch)


@pytest.fixture(scope="module")
def original(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> "Original":
    """A state folder with the finished environment, made once; tests have copies."""
    folder, steps = tmp_path_factory.mktemp("original"), Steps()
    with pytest.MonkeyPatch.context() as patch:
        only_from(packages, patch)
        made = asyncio.run(installer.install(SPEC, RECIPE, state_dir=folder, on_progress=steps))
    return Original(folder, made, steps)


@pytest.fixture
def state(tmp_path: Path, original: "Original") -> Path:
    """A state folder with the finished environment."""
    shutil.copytree(original.folder, tmp_path / "state", symlinks=True)
    return tmp_path / "state"


async def test_an_environment_is_made_step_by_step_and_tested(original: "Original") -> None:
    folder, made, steps = original.folder, original.made, original.steps
    python = environments.interpreter("talking", None, folder)
    assert steps.begun == STEPS
    assert steps.last == Progress(5, 5, "self-test", "talker said hello")
    assert (made.engine, made.recipe, made.verified) == ("talking", "usual", "talker said hello")
    assert installer.find("talking", folder) == made
    assert python == folder / "engines" / "talking" / "bin" / "python"
    assert "Successfully installed talker-1.0" in installer.log_file("talking", folder).read_text()
    assert not installer.is_half_made("talking", folder)
    await environments.check(SPEC, python, environments.environment(python, folder, 0))


def test_files_that_are_in_the_way_are_removed(original: "Original") -> None:
    found = {file.parent.name for file in original.folder.rglob("*.unwanted")}
    assert found == {"talker_extra", *CHILD_MODULES}


async def test_a_finished_environment_is_tested_and_no_more(state: Path) -> None:
    steps = Steps()
    await installer.install(SPEC, RECIPE, state_dir=state, on_progress=steps)
    assert steps.begun == ["self-test"]


async def test_a_failed_step_is_named_and_gone_on_with(tmp_path: Path, wheels: Path) -> None:
    [extra] = wheels.glob("talker_extra*")
    extra.rename(tmp_path / extra.name)
    with pytest.raises(EngineUnavailable) as failed:
        await installer.install(SPEC, RECIPE, state_dir=tmp_path, on_progress=Steps())
    log = installer.log_file("talking", tmp_path)
    assert "the step 'its extra' failed: " in failed.value.message
    assert "talker-extra" in failed.value.message
    assert f"{log}); `auricle engines install talking` goes on from there" in failed.value.message
    assert "No matching distribution found for talker-extra" in log.read_text()
    assert installer.is_half_made("talking", tmp_path)
    assert installer.find("talking", tmp_path) is None
    assert not environments.is_foreign(environments.interpreter("talking", None, tmp_path))

    (tmp_path / extra.name).rename(extra)
    steps = Steps()
    await installer.install(SPEC, RECIPE, state_dir=tmp_path, on_progress=steps)
    assert steps.begun == STEPS[2:]


async def test_a_cancelled_installation_leaves_no_process_and_goes_on(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    installing: asyncio.Task[installer.Environment]

    def cancel(progress: Progress) -> None:
        if progress.step == "the talker" and progress.line:
            installing.cancel()

    installing = asyncio.create_task(installer.install(SPEC, RECIPE, state_dir=tmp_path, on_progress=cancel))
    with pytest.raises(asyncio.CancelledError):
        await installing
    assert set(psutil.Process().children()) <= before
    steps = Steps()
    await installer.install(SPEC, RECIPE, state_dir=tmp_path, on_progress=steps)
    assert steps.begun == STEPS[1:]


async def test_a_half_that_turns_out_broken_is_made_anew(state: Path) -> None:
    half = state / "engines" / ".talking.half"
    (state / "engines" / "talking").rename(half)
    [module] = half.rglob("talker/__init__.py")
    module.write_text("def word():\n    raise OSError('cut off')\n")
    steps = Steps()
    made = await installer.install(SPEC, RECIPE, state_dir=state, on_progress=steps)
    assert steps.begun == ["self-test", *STEPS]
    assert made.verified == "talker said hello"


async def test_an_environment_stays_until_the_next_one_works(state: Path, wheels: Path) -> None:
    before = installer.find("talking", state)
    wheel(wheels, "talker", "def word():\n    raise OSError('no voice')\n", version="2.0")
    other = replace(RECIPE, name="other", steps=(PipStep("another talker", ("talker==2.0",)),))
    with pytest.raises(EngineUnavailable, match="OSError: no voice"):
        await installer.install(SPEC, other, state_dir=state, on_progress=Steps())
    assert before is not None
    assert installer.find("talking", state) == before
    wheel(wheels, "talker", "def word():\n    return 'goodbye'\n", version="2.0")
    made = await installer.install(SPEC, other, state_dir=state, on_progress=Steps())
    assert (made.recipe, made.verified) == ("other", "talker said goodbye")
    assert installer.find("talking", state) == made


async def test_what_was_installed_can_be_removed(state: Path) -> None:
    assert installer.remove("talking", state)
    assert list((state / "engines").iterdir()) == []
    assert not installer.remove("talking", state)


def test_only_an_engines_name_can_be_removed(state: Path) -> None:
    assert not any(installer.remove(name, state / "engines") for name in ("..", "../engines", "/", "", "."))
    assert installer.find("talking", state) is not None


async def test_two_installations_of_one_engine_do_not_meet(state: Path) -> None:
    with install_steps.locked(state / "engines" / ".talking.lock", "talking"):
        with pytest.raises(EngineUnavailable, match="talking is being installed or removed by another process"):
            await installer.install(SPEC, RECIPE, state_dir=state, on_progress=Steps())
        with pytest.raises(EngineUnavailable, match="by another process"):
            installer.remove("talking", state)


async def test_a_folder_that_somebody_else_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "engines" / "talking").mkdir(parents=True)
    with pytest.raises(EngineUnavailable, match="was not made by `auricle engines install`"):
        await installer.install(SPEC, RECIPE, state_dir=tmp_path, on_progress=Steps())


async def test_a_python_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    recipe = replace(RECIPE, pythons=((3, 99),))
    with pytest.raises(EngineUnavailable, match=r"talking needs Python 3\.99, which is not on PATH"):
        await installer.install(SPEC, recipe, state_dir=tmp_path, on_progress=Steps())


async def test_a_full_disk_is_seen_beforehand(tmp_path: Path) -> None:
    recipe = replace(RECIPE, size_mb=10**9)
    with pytest.raises(EngineUnavailable, match=r"takes 1000000000 MiB and .* MiB free"):
        await installer.install(SPEC, recipe, state_dir=tmp_path, on_progress=Steps())


def test_a_recipe_is_chosen_by_name_or_the_first() -> None:
    spec = replace(SPEC, recipes=(RECIPE, replace(RECIPE, name="other")))
    assert (installer.choose(spec).name, installer.choose(spec, "other").name) == ("usual", "other")
    with pytest.raises(EngineUnavailable, match="talking has no recipe 'third': choose from usual, other"):
        installer.choose(spec, "third")
    with pytest.raises(EngineUnavailable, match="needs no environment of its own"):
        installer.choose(replace(SPEC, recipes=()))


def test_a_fingerprint_changes_with_the_steps() -> None:
    other = replace(RECIPE, steps=RECIPE.steps[:1])
    assert installer.fingerprint(RECIPE) == installer.fingerprint(replace(RECIPE, description="words", size_mb=5))
    assert installer.fingerprint(RECIPE) != installer.fingerprint(other)


async def test_a_step_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    with pytest.raises(install_steps.StepFailed, match=r"not done within 0\.3 s"):
        await install_steps.run(["sleep", "60"], log=tmp_path / "log", on_line=print, limit_s=0.3)
    assert set(psutil.Process().children()) <= before


async def test_what_a_step_says_is_logged_line_by_line(tmp_path: Path) -> None:
    lines: list[str] = []
    said = "print('one\\rtwo'); print('x' * 200_000); print('last'); raise SystemExit(3)"
    with pytest.raises(install_steps.StepFailed, match="last"):
        await install_steps.run(["python3", "-c", said], log=tmp_path / "log", on_line=lines.append)
    assert lines[:2] == ["one", "two"]
    assert sum(map(len, lines)) == 200_010
    assert (tmp_path / "log").read_text().replace("\n", "").endswith(f"onetwo{'x' * 200_000}last")


def test_the_command_tells_of_each_step(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(state))
    assert install("talking", "", {"talking": SPEC}) == 0
    told = capsys.readouterr().out
    assert "making the environment 'usual'" in told
    assert "5/5 self-test\ntalking: talker said hello\ntalking is installed (recipe usual, Python 3." in told
    assert made("talking").startswith("usual, Python 3.")
    assert main(["engines", "remove", "talking"]) == 0
    assert made("talking") == ""
    assert main(["engines", "remove", "talking"]) == 1
    assert "talking has no environment" in capsys.readouterr().err


def test_the_command_refuses_what_cannot_be_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    assert main(["engines", "install", "pipper"]) == 2
    assert "did you mean piper?" in capsys.readouterr().err
    assert main(["engines", "install", "piper"]) == 1
    assert "piper needs no environment of its own" in capsys.readouterr().err
    assert main(["engines", "install", "chatterbox", "--recipe", "heavy"]) == 1
    assert "chatterbox has no recipe 'heavy': choose from light, full" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def wheel(folder: Path, name: str, code: str, *, version: str = "1.0") -> None:
    """Write a package of one module as pip takes it."""
    module = name.replace("-", "_")
    described = f"{module}-{version}.dist-info"
    files = {
        f"{module}/__init__.py": code,
        f"{module}/file.unwanted": "",
        f"{described}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{described}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in files.items())
    files[f"{described}/RECORD"] = f"{record}{described}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)


def only_from(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Let pip see no other packages than those in `folder`."""
    patch.setenv("PIP_CONFIG_FILE", "/dev/null")
    patch.setenv("PIP_NO_INDEX", "1")
    patch.setenv("PIP_FIND_LINKS", str(folder))


class Steps:
    """Takes what is told of an installation."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.last = Progress(0, 0, "")

    def __call__(self, progress: Progress) -> None:
        self.last = progress
        if not progress.line:
            self.begun.append(progress.step)


@dataclass(frozen=True, slots=True)
class Original:
    folder: Path
    made: installer.Environment
    steps: Steps


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
