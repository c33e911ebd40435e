"""Why there is no broker, in a sentence that names the key, and so what to do."""

import socket
import ssl

from paho.mqtt.reasoncodes import ReasonCode

from auricle.adapters.mqtt_credentials import uses_tls
from auricle.settings import Mqtt

UNSUPPORTED_PROTOCOL = 132
_HOST_NAME_MISMATCHES = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL."""
_TIME_FAULTS = (9, 10)
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""


def of_error(error: OSError, settings: Mqtt) -> str:
    """An attempt to connect that failed before the broker could answer."""
    broker = f"{settings.host}:{settings.port}"
    match error:
        case ssl.SSLCertVerificationError():
            return _certificate(error, broker)
        case ssl.SSLError():
            return f"TLS with {broker} failed ({error.reason or error}); is mqtt.port the broker's TLS port?"
        case socket.gaierror():
            return f"the name {settings.host!r} was not found ({error.strerror}); check mqtt.host and the network's DNS"
        case ConnectionRefusedError():
            return f"{broker} refused the connection; is the broker running, and are mqtt.host and mqtt.port right?"
        case TimeoutError():
            return f"{broker} did not answer in time; check mqtt.host, mqtt.port and the firewall"
        case ConnectionResetError() | BrokenPipeError():
            return of_hang_up("", settings)
    return f"{broker} cannot be reached ({error.strerror or error}); check mqtt.host and the network"


def of_connack(reason: ReasonCode, settings: Mqtt, client_id: str) -> str:
    """The broker answered, and said no."""
    user = f"user {settings.username!r}" if settings.username else "a connection without mqtt.username"
    match reason.value:
        case 134 | 135:
            said = "wrong user name or password" if reason.value == 134 else "not authorised"
            return f"the broker does not let in {user} ({said}); check mqtt.username and mqtt.password_file"
        case 133:
            return f"the broker does not take the client id {client_id!r}; set mqtt.client_id"
        case 136 | 137:
            return f"the broker is there but not ready ({reason.getName()})"
        case 138:
            return f"the broker has banned the client id {client_id!r} or this address; ask who keeps it"
        case code if code == UNSUPPORTED_PROTOCOL:
            return "the broker speaks neither MQTT 5 nor MQTT 3.1.1"
    return f"the broker refused the connection ({reason.getName()})"


def of_disconnect(reason: ReasonCode, client_id: str) -> str:
    """The broker ended a connection with a reason."""
    if reason.value == 142:
        return (
            f"another client uses the client id {client_id!r}; give each daemon a site.id or mqtt.client_id of its own"
        )
    return f"the broker ended the connection ({reason.getName()})"


def of_loss(error: str, settings: Mqtt, client_id: str) -> str:
    """A connection that stood broke off; `error` is what the network said, if anything."""
    said = f" ({error})" if error else ""
    return (
        f"the connection to {settings.host}:{settings.port} was lost{said}; "
        f"if that comes again and again, another client may use the client id {client_id!r}"
    )


def of_hang_up(error: str, settings: Mqtt) -> str:
    """The connection ended before the broker said anything; `error` is what the network said, if anything."""
    if "CERTIFICATE_REQUIRED" in error:
        return "TLS: the broker wants a client certificate; set mqtt.tls.cert and mqtt.tls.key"
    if "ALERT" in error:
        return f"TLS: the broker ended the connection ({error}); check mqtt.tls.cert and mqtt.tls.key"
    if not uses_tls(settings.tls):
        hint = "does it want TLS (mqtt.tls.enabled)?"
    elif not settings.tls.cert:
        hint = "is that its TLS port, and does it want a client certificate (mqtt.tls.cert)?"
    else:
        hint = "is it a broker, and does it take mqtt.tls.cert?"
    return f"{settings.host}:{settings.port} closed the connection without an answer; {hint}"


def _certificate(error: ssl.SSLCertVerificationError, broker: str) -> str:
    if error.verify_code in _HOST_NAME_MISMATCHES:
        return f"TLS: the certificate of {broker} is for another name ({error.verify_message}); check mqtt.host"
    if error.verify_code in _TIME_FAULTS:
        return f"TLS: the certificate of {broker} is out of its time ({error.verify_message}); check this clock too"
    return f"TLS: the certificate of {broker} is not trusted ({error.verify_message}); check mqtt.tls.ca"
