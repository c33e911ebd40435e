"""A real Home Assistant without a screen.

Set up once, in minutes and a gigabyte, below the user's cache folder ($HA_HOME to choose); the harness that builds and
drives it is found in $AURICLE_HA_HARNESS, else in `../shared/ha` beside this repository.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from support.mosquitto import free_port

VERSION = "2025.4.4"
HARNESS = Path(os.environ.get("AURICLE_HA_HARNESS", Path(__file__).parents[3] / "shared" / "ha"))


@pytest.fixture(scope="module")
def ha() -> Iterator[ModuleType]:
    """A running Home Assistant, connected to a broker of its own."""
    assert (HARNESS / "ha_client.py").is_file(), f"no harness in {HARNESS}: set AURICLE_HA_HARNESS"
    home = Path(os.environ.get("HA_HOME", Path("~/.cache/auricle-test/homeassistant").expanduser()))
    home.mkdir(parents=True, exist_ok=True)
    ports = {"HA_PORT": str(free_port()), "HA_MQTT_PORT": str(free_port())}
    env = {**os.environ, "HA_HOME": str(home), "HA_VERSION": VERSION, **ports}
    subprocess.run(["bash", HARNESS / "setup_ha.sh", "--fresh-config"], env=env, check=True, timeout=900)
    os.environ["HA_HOME"] = str(home)  # read by the client module at its import
    spec = importlib.util.spec_from_file_location("ha_client", HARNESS / "ha_client.py")
    assert spec is not None
    assert spec.loader is not None
    client = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(client)
    # Its own command starts and stops: what it leaves running is no child of this process.
    command = [sys.executable, str(HARNESS / "ha_client.py")]
    subprocess.run([*command, "start"], check=True, timeout=60, stdout=subprocess.DEVNULL)
    try:
        assert client.wait_ready()["version"] == VERSION
        client.add_mqtt()
        yield client
    finally:
        subprocess.run([*command, "stop"], check=True, timeout=120, stdout=subprocess.DEVNULL)
