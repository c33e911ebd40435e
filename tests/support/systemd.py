"""A real systemd, booted in namespaces of its own: units, watchdog, journal and sandboxes as on a machine."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_SYSTEMD = "/usr/lib/systemd/systemd"
_JOURNALD = "/usr/lib/systemd/systemd-journald"
_BOOT_S = 30.0
_COMMAND_S = 90.0
SHARED = Path("/mnt")
"""Where the test's own folder is inside."""

# systemd empties /tmp when it boots: nothing here runs but in namespaces whose mounts are private, and systemd is not
# started before every one of the folders that it writes to is seen to be a file system of its own.
_BOOT = r"""
set -eu
[ "$(readlink /proc/self/ns/mnt)" != "$OUTSIDE" ]
mount --make-rprivate /
mount --bind "$FOLDER" /mnt
for folder in /tmp /var/tmp /run /var/log /var/lib /var/cache; do mount -t tmpfs -o mode=0755 tmpfs "$folder"; done
chmod 1777 /tmp /var/tmp
mkdir -p /run/systemd/system /run/systemd/journald.conf.d
mkdir -p /run/over/etc /run/over/etc-work /run/over/local /run/over/local-work
printf '[Journal]\nReadKMsg=no\nStorage=volatile\nRateLimitIntervalSec=0\n' > /run/systemd/journald.conf.d/test.conf
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/over/etc,workdir=/run/over/etc-work /etc
mount -t overlay overlay -o lowerdir=/usr/local,upperdir=/run/over/local,workdir=/run/over/local-work /usr/local
mount -t tmpfs tmpfs /etc/systemd/system
mount -t tmpfs tmpfs /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for folder in /tmp /var/tmp /run /var/log /var/lib /var/cache; do
  [ "$(stat -f -c %T "$folder")" = tmpfs ] && mountpoint -q "$folder"
done
[ "$$" = 1 ]
export container=test SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/systemd/system:/mnt/units
exec /usr/lib/systemd/systemd --system --unit=test.target --log-target=journal --show-status=no
"""

_BARE = "[Unit]\nDefaultDependencies=no\n"
_UNITS = {
    "test.target": "[Unit]\nDefaultDependencies=no\nWants=systemd-journald.service\n",
    **dict.fromkeys(
        ("sysinit.target", "basic.target", "shutdown.target", "multi-user.target", "network-online.target"), _BARE
    ),
    "systemd-journald.socket": (
        "[Unit]\nDefaultDependencies=no\n[Socket]\nListenStream=/run/systemd/journal/stdout\n"
        "ListenDatagram=/run/systemd/journal/socket\nPassCredentials=yes\nPassSecurity=yes\n"
    ),
    "systemd-journald.service": (
        "[Unit]\nDefaultDependencies=no\nRequires=systemd-journald.socket\nAfter=systemd-journald.socket\n"
        f"[Service]\nType=notify\nExecStart={_JOURNALD}\nStandardOutput=null\n"
        "RuntimeDirectory=systemd/journal\nRuntimeDirectoryPreserve=yes\nSockets=systemd-journald.socket\n"
    ),
}


class Machine:
    """A booted systemd. `folder` of the test is `SHARED` inside; /etc, /usr/local, /var and /tmp are its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)
        units = folder / "units"
        units.mkdir()
        for name, text in _UNITS.items():
            (units / name).write_text(text)
        with (folder / "console.log").open("wb") as console:
            self._unshare = subprocess.Popen(
                ["unshare", "--fork", "--kill-child", "--pid", "--mount", "--uts", "--ipc", "--cgroup", "--mount-proc"]
                + ["bash", "-c", _BOOT],
                env={
                    "PATH": os.environ["PATH"],
                    "OUTSIDE": os.readlink("/proc/self/ns/mnt"),
                    "FOLDER": str(folder),
                },
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        self.pid = 0
        """Of its first process, from outside."""

    def boot(self) -> None:
        deadline = time.monotonic() + _BOOT_S
        while True:
            children = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children").read_text().split()
            self.pid = int(children[0]) if children else 0
            if (
                self.pid
                and self.state("test.target") == "active"
                and self.state("systemd-journald.service") == "active"
            ):
                return
            if self._unshare.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"systemd did not boot:\n{self.console()}")
            time.sleep(0.1)

    def run(self, *command: str, check: bool = True, env: dict[str, str] | None = None) -> str:
        """Run a command inside and return what it prints."""
        done = subprocess.run(
            ["nsenter", "--target", str(self.pid), "--mount", "--uts", "--ipc", "--pid", "--cgroup", *command],
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
            check=False,
        )
        assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}\n{self.story()}"
        return done.stdout

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        told = self.run("systemctl", "show", unit, *(f"--property={name}" for name in properties), check=False)
        return dict(line.split("=", 1) for line in told.splitlines() if "=" in line)

    def state(self, unit: str) -> str:
        return self.show(unit, "ActiveState").get("ActiveState", "")

    def journal(self, *matches: str) -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", *matches, check=False)

    def until(self, what: str, holds: Callable[[], bool], timeout_s: float = 60.0) -> float:
        """Wait until `holds`; return how many seconds it took."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > timeout_s:
                raise AssertionError(f"{what}: not within {timeout_s} s\n{self.story()}")
            time.sleep(0.05)
        return time.monotonic() - began

    def processes(self, unit: str) -> list[int]:
        """Pids inside of all that runs in the unit's control group."""
        group = self.show(unit, "ControlGroup").get("ControlGroup", "")
        listed = self.run("cat", f"/sys/fs/cgroup{group}/cgroup.procs", check=False) if group else ""
        return [int(pid) for pid in listed.split()]

    def console(self) -> str:
        return (self.folder / "console.log").read_text(errors="replace")[-3000:]

    def story(self) -> str:
        if not self.pid:
            return self.console()
        command = ["nsenter", "-t", str(self.pid), "-m", "-p", "-i", "-u", "-C", "journalctl", "--no-pager", "-n", "60"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
        return f"journal:\n{told.stdout[-6000:]}\nconsole:\n{self.console()}"

    def close(self) -> None:
        """The end of the first process is the end of all."""
        self._unshare.kill()
        self._unshare.wait()


def why_not() -> str:
    """Why a systemd cannot be booted here; empty when it can."""
    if os.geteuid() != 0:
        return "only root can boot a systemd in namespaces"
    for program in ("unshare", "nsenter", "systemctl", _SYSTEMD, _JOURNALD):
        if shutil.which(program) is None:
            return f"{program} is not here: apt install systemd util-linux"
    tried = subprocess.run(
        ["unshare", "--fork", "--pid", "--mount", "--cgroup", "--mount-proc", "sh", "-c"]
        + ["mount --make-rprivate / && mount -t tmpfs tmpfs /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup"],
        capture_output=True,
        text=True,
        timeout=_COMMAND_S,
        check=False,
    )
    return f"namespaces are not to be had: {tried.stderr.strip()}" if tried.returncode else ""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A booted systemd of this test's own; where that cannot be, the test says so and is skipped."""
    if reason := why_not():
        pytest.skip(reason)
    booted = Machine(tmp_path)
    try:
        booted.boot()
        yield booted
    finally:
        booted.close()
