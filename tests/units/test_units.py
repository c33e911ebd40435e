"""The units and what `auricle service` does with them, judged by systemd's own tools."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from auricle.cli.unit_files import Program, system_files, user_files

pytestmark = pytest.mark.systemd
SOURCE = Path(__file__).parents[2] / "systemd"
PROGRAM = Program("/usr/bin/env auricle", (Path("/usr/lib"),))


def analyze(*words: str | Path, env: dict[str, str] | None = None) -> str:
    """What systemd-analyze says; it must find nothing wrong."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here: apt install systemd")
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", *map(str, words)],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "auricle.service:" not in done.stderr, done.stderr
    return done.stdout


def auricle(*words: str | Path, home: Path) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    env.pop("XDG_CONFIG_HOME", None)
    env.pop("XDG_DATA_HOME", None)
    command = [sys.executable, "-m", "auricle", *map(str, words)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def exposure(unit: Path) -> float:
    told = analyze("security", "--offline=yes", unit)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert found is not None, told
    return float(found.group(1))


def test_the_units_are_clean(tmp_path: Path) -> None:
    analyze("verify", SOURCE / "auricle.service")
    analyze("--user", "verify", SOURCE / "user" / "auricle.service", env={"XDG_RUNTIME_DIR": str(tmp_path)})


def test_the_system_unit_is_exposed_little() -> None:
    assert exposure(SOURCE / "auricle.service") <= 2.0


def test_the_unit_as_installed_is_clean_and_exposed_little(tmp_path: Path) -> None:
    done = auricle("service", "install", "--root", tmp_path, home=tmp_path)
    assert done.returncode == 0, done.stderr
    unit = tmp_path / "etc/systemd/system/auricle.service"
    analyze("verify", unit)
    assert exposure(unit) <= 2.0
    started = re.search(r"^ExecStart=(\S+)", unit.read_text(), re.MULTILINE)
    assert started is not None
    assert os.access(started.group(1), os.X_OK)


def test_installing_again_changes_nothing_and_uninstalling_takes_all_away(tmp_path: Path) -> None:
    for words in (["--root", tmp_path], ["--user"]):
        first = auricle("service", "install", *words, home=tmp_path)
        assert first.returncode == 0, first.stderr
        written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        assert any(path.name == "auricle.service" for path in written)
        again = auricle("service", "install", *words, home=tmp_path)
        assert "wrote" not in again.stdout
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == written
        gone = auricle("service", "uninstall", *words, home=tmp_path)
        assert gone.returncode == 0, gone.stderr
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    done = auricle("service", "install", "--dry-run", "--root", tmp_path, home=tmp_path)
    assert f"would write {tmp_path}/etc/systemd/system/auricle.service" in done.stdout
    assert not list(tmp_path.iterdir())


def test_the_users_install_says_how_it_starts_and_stays(tmp_path: Path) -> None:
    done = auricle("service", "install", "--user", home=tmp_path)
    assert (tmp_path / ".config/systemd/user/auricle.service").is_file()
    assert "systemctl --user enable --now auricle" in done.stdout
    assert "loginctl enable-linger" in done.stdout


@pytest.mark.parametrize(("version", "type_", "reload", "backs_off"), [
    (252, "notify", True, False),
    (253, "notify-reload", False, False),
    (257, "notify-reload", False, True),
])  # fmt: skip
def test_a_newer_systemd_gets_what_it_knows(version: int, type_: str, reload: bool, backs_off: bool) -> None:
    for files in (system_files(PROGRAM, version), user_files(PROGRAM, version, {}, Path("/home/ann"))):
        lines = files[0].text.splitlines()
        assert f"Type={type_}" in lines
        assert any(line.startswith("ExecReload=") for line in lines) is reload
        assert any(line.startswith("RestartSteps=") for line in lines) is backs_off


def test_a_program_in_somebodys_home_is_bound_into_the_empty_one() -> None:
    program = Program("/home/ann/auricle/.venv/bin/auricle", (Path("/home/ann/auricle/.venv"), Path("/usr/lib")))
    unit = system_files(program, 252)[0].text
    assert "ProtectHome=tmpfs\nBindReadOnlyPaths=/home/ann/auricle/.venv\n" in unit
    assert "BindReadOnlyPaths=/usr/lib" not in unit
    assert "ProtectHome=yes\n" in system_files(PROGRAM, 252)[0].text
