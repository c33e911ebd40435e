"""A real Home Assistant without a screen.

Set up once, in minutes and a gigabyte each, below the user's cache folder ($HA_HOME and $HA_OLD_HOME to choose); the
harness that builds and drives them is found in $AURICLE_HA_HARNESS, else in `../shared/ha` beside this repository.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from support.mosquitto import free_port

HARNESS = Path(os.environ.get("AURICLE_HA_HARNESS", Path(__file__).parents[3] / "shared" / "ha"))
NEW, OLD = "2025.4.4", "2024.3.3"
"""The second knows neither device discovery nor notify entities: `[mqtt] discovery = "legacy"`."""


@contextmanager
def home_assistant(version: str, home: Path) -> Iterator[ModuleType]:
    """A running Home Assistant, connected to a broker of its own."""
    assert (HARNESS / "ha_client.py").is_file(), f"no harness in {HARNESS}: set AURICLE_HA_HARNESS"
    home.mkdir(parents=True, exist_ok=True)
    ports = {"HA_PORT": str(free_port()), "HA_MQTT_PORT": str(free_port())}
    env = {**os.environ, "HA_HOME": str(home), "HA_VERSION": version, **ports}
    subprocess.run(["bash", HARNESS / "setup_ha.sh", "--fresh-config"], env=env, check=True, timeout=900)
    with (home / "config" / "configuration.yaml").open("a") as configuration:
        configuration.write("automation: !include automations.yaml\nlight:\nswitch:\nbinary_sensor:\n")
    (home / "config" / "automations.yaml").write_text("[]\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HA_HOME", str(home))  # read by the client module at its import
        spec = importlib.util.spec_from_file_location("ha_client", HARNESS / "ha_client.py")
        assert spec is not None
        assert spec.loader is not None
        client = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(client)
    # Its own command starts and stops: what it leaves running is no child of this process.
    command = [sys.executable, str(HARNESS / "ha_client.py")]
    subprocess.run([*command, "start"], env=env, check=True, timeout=60, stdout=subprocess.DEVNULL)
    try:
        assert client.wait_ready()["version"] == version
        client.add_mqtt()
        yield client
    finally:
        subprocess.run([*command, "stop"], env=env, check=True, timeout=120, stdout=subprocess.DEVNULL)


def place(variable: str, name: str) -> Path:
    return Path(os.environ.get(variable, Path("~/.cache/auricle-test").expanduser() / name))


@pytest.fixture(scope="module")
def ha() -> Iterator[ModuleType]:
    with home_assistant(NEW, place("HA_HOME", "homeassistant")) as client:
        yield client


@pytest.fixture(scope="module")
def old_ha() -> Iterator[ModuleType]:
    with home_assistant(OLD, place("HA_OLD_HOME", f"homeassistant-{OLD}")) as client:
        yield client
