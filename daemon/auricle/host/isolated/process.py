"""The life of a plugin's process: started, greeted, watched, and started again after a while when it died."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

import msgspec

from auricle.host.isolated.messages import Birth, Hello
from auricle.host.isolated.wire import Call, Wire
from auricle.model.errors import PluginError

FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 60.0
AWAY = "plugin_away"
"""Code of the error while a process is dead and not yet started again: no fault of the call."""
_END_S = 2.0
_LOG = logging.getLogger("auricle.plugins")


class PluginProcess:
    """One plugin's process, life after life. A thread of its own starts it, since it is to die with that thread."""

    def __init__(self, birth: Birth, python: str, take: Callable[[Call, Wire], None]) -> None:
        self._birth = birth
        self._python = python
        self._take = take
        self._wire: Wire | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = threading.Event()
        self._greeted: Future[Hello] = Future()
        self._because = "has not started yet"
        self._killed_because = ""
        self.on_death: Callable[[str], None] = lambda reason: None
        """Told how it died, when nobody waited for an answer."""
        self.on_rebirth: Callable[[], None] = lambda: None
        """Told when it lives again after a death."""
        self._thread = threading.Thread(target=self._keep, name=f"plugin-{birth.name}-process", daemon=True)

    def start(self) -> Hello:
        """Return what the plugin brings. Raises PluginError if it cannot be loaded; the process has ended then."""
        self._thread.start()
        try:
            hello = self._greeted.result(self._birth.load_timeout_s)
        except TimeoutError:
            self.end()
            raise PluginError(f"its process did not load it within {self._birth.load_timeout_s:g} s") from None
        if hello.error:
            self.end()
            raise PluginError(hello.error)
        return hello

    def request(self, method: str, arguments: object = None) -> "Future[msgspec.Raw]":
        """Ask the plugin. Raises PluginError while its process is dead."""
        wire = self._wire
        if wire is None:
            raise PluginError(f"its process {self._because}; it is started again", code=AWAY)
        return wire.request(method, arguments)

    def kill(self, because: str) -> None:
        """End a process that does not answer; it is started again."""
        self._killed_because = because
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def end(self) -> None:
        """End it for good."""
        self._ending.set()
        if self._wire is not None:
            self._wire.close()
        if self._process is not None:
            try:
                self._process.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        if threading.current_thread() is not self._thread:
            self._thread.join(_END_S)

    def _keep(self) -> None:
        backoff_s = FIRST_BACKOFF_S
        while not self._ending.is_set():
            if self._live():
                backoff_s = FIRST_BACKOFF_S
            if not self._greeted.done():
                self._greeted.set_exception(PluginError(f"its process {self._because} while it loaded"))
                return
            if self._ending.wait(backoff_s):
                return
            backoff_s = min(2 * backoff_s, LONGEST_BACKOFF_S)

    def _live(self) -> bool:
        """One life; return whether the plugin could be loaded."""
        ours, theirs = socket.socketpair()
        try:
            command = [self._python, "-P", "-m", "auricle.host.isolated.child", str(theirs.fileno()), str(os.getpid())]
            process = self._process = subprocess.Popen(
                command,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env=_variables(self._python),
                start_new_session=True,
            )
        except OSError as error:
            self._because = f"cannot be started with {self._python}: {error.strerror or error}"
            ours.close()
            return False
        finally:
            theirs.close()
        wire = Wire(ours, lambda call: self._take(call, wire))
        greeting = threading.Thread(target=self._greet, args=(wire,), name="plugin greeting", daemon=True)
        greeting.start()
        wire.serve()
        loaded, self._wire = self._wire is not None, None
        self._because = self._how_it_ended(process)
        waited_for = wire.waited_for
        wire.fail(f"its process {self._because}")
        wire.close()
        greeting.join(1.0)
        if loaded and not self._ending.is_set():
            _LOG.warning("plugin %s: its process %s", self._birth.name, self._because)
            if not waited_for:
                self.on_death(f"its process {self._because}")
        return loaded

    def _greet(self, wire: Wire) -> None:
        try:
            hello = msgspec.msgpack.decode(wire.request("birth", self._birth).result(), type=Hello)
        except (PluginError, msgspec.DecodeError):
            return
        again = self._greeted.done()
        if not hello.error:
            self._wire = wire
        if not again:
            self._greeted.set_result(hello)
        elif not hello.error:
            self.on_rebirth()

    def _how_it_ended(self, process: "subprocess.Popen[bytes]") -> str:
        try:
            status = process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # whatever it started goes too
        if self._killed_because:
            because, self._killed_because = self._killed_because, ""
            return because
        if status >= 0:
            return f"exited with status {status}"
        try:
            return f"was killed by {signal.Signals(-status).name}"
        except ValueError:
            return f"was killed by signal {-status}"


def _variables(python: str) -> dict[str, str]:
    """An environment of the plugin's own has its own paths; the daemon's package is found beside this one."""
    variables = dict(os.environ)
    if python != sys.executable:
        for name in ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"):
            variables.pop(name, None)
    return variables
