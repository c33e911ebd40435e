"""The D-Bus interface `org.auricle.Auricle1`: its description, and what follows from that."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from types import MappingProxyType

NAME = "org.auricle.Auricle1"
INTERFACE = "org.auricle.Auricle1"
PATH = "/org/auricle/Auricle1"
_ERRORS = "org.auricle.Error."

XML = """\
<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
<!-- Options and answers: docs/dbus.md. -->
<node>
  <interface name="org.auricle.Auricle1">
    <method name="Say">
      <arg name="text" type="s" direction="in"/>
      <arg name="options" type="a{sv}" direction="in"/>
      <arg name="id" type="s" direction="out"/>
    </method>
    <method name="Ask">
      <arg name="text" type="s" direction="in"/>
      <arg name="options" type="a{sv}" direction="in"/>
      <arg name="reply" type="a{sv}" direction="out"/>
    </method>
    <method name="Listen">
      <arg name="options" type="a{sv}" direction="in"/>
      <arg name="turn" type="s" direction="out"/>
    </method>
    <method name="Transcribe">
      <arg name="fd" type="h" direction="in"/>
      <arg name="options" type="a{sv}" direction="in"/>
      <arg name="transcript" type="a{sv}" direction="out"/>
    </method>
    <method name="Synthesize">
      <arg name="text" type="s" direction="in"/>
      <arg name="fd" type="h" direction="in"/>
      <arg name="options" type="a{sv}" direction="in"/>
    </method>
    <method name="Stop">
      <arg name="id" type="s" direction="in"/>
    </method>
    <method name="Reload"/>
    <method name="SetPlugin">
      <arg name="name" type="s" direction="in"/>
      <arg name="enabled" type="b" direction="in"/>
    </method>
    <method name="ReloadPlugin">
      <arg name="name" type="s" direction="in"/>
    </method>
    <method name="Describe">
      <arg name="json" type="s" direction="out"/>
    </method>
    <property name="State" type="s" access="read"/>
    <property name="Muted" type="b" access="readwrite"/>
    <property name="Volume" type="u" access="readwrite"/>
    <property name="Voice" type="s" access="readwrite"/>
    <property name="Voices" type="as" access="read"/>
    <property name="WakeWords" type="as" access="read"/>
    <property name="Site" type="s" access="read"/>
    <property name="Version" type="s" access="read"/>
    <signal name="WakeHeard">
      <arg name="turn" type="s"/>
      <arg name="wake_word" type="s"/>
      <arg name="score" type="d"/>
    </signal>
    <signal name="Partial">
      <arg name="turn" type="s"/>
      <arg name="text" type="s"/>
    </signal>
    <signal name="Transcript">
      <arg name="turn" type="s"/>
      <arg name="text" type="s"/>
      <arg name="details" type="a{sv}"/>
    </signal>
    <signal name="Intent">
      <arg name="turn" type="s"/>
      <arg name="name" type="s"/>
      <arg name="details" type="a{sv}"/>
    </signal>
    <signal name="SpeechChanged">
      <arg name="id" type="s"/>
      <arg name="status" type="s"/>
    </signal>
    <signal name="TurnEnded">
      <arg name="turn" type="s"/>
      <arg name="outcome" type="s"/>
    </signal>
  </interface>
  <interface name="org.freedesktop.DBus.Properties">
    <method name="Get">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="property_name" type="s" direction="in"/>
      <arg name="value" type="v" direction="out"/>
    </method>
    <method name="Set">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="property_name" type="s" direction="in"/>
      <arg name="value" type="v" direction="in"/>
    </method>
    <method name="GetAll">
      <arg name="interface_name" type="s" direction="in"/>
      <arg name="properties" type="a{sv}" direction="out"/>
    </method>
    <signal name="PropertiesChanged">
      <arg name="interface_name" type="s"/>
      <arg name="changed_properties" type="a{sv}"/>
      <arg name="invalidated_properties" type="as"/>
    </signal>
  </interface>
  <interface name="org.freedesktop.DBus.Introspectable">
    <method name="Introspect">
      <arg name="xml" type="s" direction="out"/>
    </method>
  </interface>
  <interface name="org.freedesktop.DBus.Peer">
    <method name="Ping"/>
    <method name="GetMachineId">
      <arg name="machine_uuid" type="s" direction="out"/>
    </method>
  </interface>
</node>
"""
"""What `Introspect` answers; `systemd/dbus/org.auricle.Auricle1.xml` is the same text."""


@dataclass(frozen=True, slots=True)
class Method:
    takes: str
    """Signature of the arguments."""
    gives: str
    """Signature of the answer."""


@dataclass(frozen=True, slots=True)
class Property:
    type: str
    writable: bool


def _own() -> ET.Element:
    found = ET.fromstring(XML).find(f"interface[@name='{INTERFACE}']")
    assert found is not None
    return found


def _signature(member: ET.Element, direction: str | None = None) -> str:
    return "".join(arg.attrib["type"] for arg in member.findall("arg") if arg.get("direction") == direction)


METHODS = MappingProxyType(
    {
        method.attrib["name"]: Method(_signature(method, "in"), _signature(method, "out"))
        for method in _own().findall("method")
    }
)
PROPERTIES = MappingProxyType(
    {
        property.attrib["name"]: Property(property.attrib["type"], property.attrib["access"] == "readwrite")
        for property in _own().findall("property")
    }
)
SIGNALS = MappingProxyType({signal.attrib["name"]: _signature(signal) for signal in _own().findall("signal")})
"""Name to signature."""


def error_name(code: str) -> str:
    """`org.auricle.Error.BadRequest` for `bad_request`."""
    words = re.findall("[A-Za-z0-9]+", code)
    return _ERRORS + ("".join(word[0].upper() + word[1:] for word in words).lstrip("0123456789") or "Error")


def parent_xml(path: str) -> str | None:
    """What `Introspect` answers above the object, so that it can be found by browsing; None elsewhere."""
    below = PATH if path == "/" else PATH.removeprefix(path)
    if path != "/" and (below == PATH or not below.startswith("/")):
        return None
    child = below.strip("/").partition("/")[0]
    return f'<node>\n  <node name="{child}"/>\n</node>\n'
