"""What proves who we and the broker are: the password and the TLS certificates."""

import os
import ssl
from pathlib import Path

from auricle.model.errors import ConfigError
from auricle.settings import Mqtt, Tls


def read_password(settings: Mqtt) -> str | None:
    """Read at every attempt to connect, so that a changed file counts. Raises ConfigError naming the file."""
    if settings.password is not None or settings.password_file is None:
        return settings.password
    path = Path(settings.password_file).expanduser()
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and path.name == settings.password_file:
        path = Path(credentials) / path
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ConfigError(f"mqtt.password_file: {path} cannot be read: {reason}") from error


def uses_tls(tls: Tls) -> bool:
    return bool(tls.enabled or tls.ca or tls.cert or tls.key)


def tls_context(tls: Tls) -> ssl.SSLContext | None:
    """None where TLS is off. Raises ConfigError naming the key and file that cannot be used."""
    if not uses_tls(tls):
        return None
    if tls.key and not tls.cert:
        raise ConfigError("mqtt.tls.key: a key needs its certificate; set mqtt.tls.cert too")
    ca, cert, key = (path and str(Path(path).expanduser()) for path in (tls.ca, tls.cert, tls.key))
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ConfigError(f"mqtt.tls.ca: {ca} is no certificate that can be read: {_why(error)}") from error
    context.sslsocket_class = _TidySocket
    if cert:
        try:
            # Without this, a key with a passphrase would make OpenSSL ask the terminal.
            context.load_cert_chain(cert, key, password=lambda: "")
        except OSError as error:
            files = f"{cert} and {key}" if key else cert
            raise ConfigError(f"mqtt.tls.cert: {files} cannot be used together: {_why(error)}") from error
    return context


class _TidySocket(ssl.SSLSocket):
    """paho leaves a socket open when the handshake fails."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    return error.strerror or str(error)
