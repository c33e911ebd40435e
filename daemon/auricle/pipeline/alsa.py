"""What libasound is told before PortAudio uses it: to be quiet, and not to open what nobody will listen to."""

import ctypes
import logging
import re

_LOG = logging.getLogger(__name__)
_LIBRARY = "libasound.so.2"
_ENCODER = "a52"

_Handler = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
_IGNORE = _Handler(lambda file, line, function, error, text: None)


def silence() -> None:
    """libasound prints what it tries and fails at to standard error; the errors that matter come back as codes."""
    try:
        ctypes.CDLL(_LIBRARY).snd_lib_error_set_handler(_IGNORE)
    except (OSError, AttributeError):
        _LOG.debug("no libasound whose messages could be silenced")


def hide_encoder() -> bool:
    """Take the surround encoder `a52` out of this process's copy of ALSA's configuration; return whether it was there.

    PortAudio opens every device that is configured when it starts, and this one, which encodes for an amplifier, brings
    FFmpeg and 76 libraries along: 14 MB, and two fifths of PortAudio's start. It stays where another device is made of
    it, or where it is not the one that comes with ALSA's plugins. PortAudio's next start reads the files again.
    """
    try:
        alsa = ctypes.CDLL(_LIBRARY)
        if alsa.snd_config_update() < 0:
            return False
        pcm, found = ctypes.c_void_p(), ctypes.c_void_p()
        if alsa.snd_config_search(ctypes.c_void_p.in_dll(alsa, "snd_config"), b"pcm", ctypes.byref(pcm)) < 0:
            return False
        if alsa.snd_config_search(pcm, _ENCODER.encode(), ctypes.byref(found)) < 0:
            return False
        definition, everything = _written(alsa, found), _written(alsa, pcm)
        stock = "@args" in definition and re.search(rf"\btype '?{_ENCODER}\b", definition) is not None
        word = re.compile(rf"\b{_ENCODER}\b")
        # Its name stands before its definition once more than in it.
        if not stock or len(word.findall(everything)) > len(word.findall(definition)) + 1:
            return False
        return bool(alsa.snd_config_delete(found) >= 0)
    except (OSError, AttributeError, ValueError):  # no libasound, or one without these functions
        _LOG.debug("ALSA's configuration is left as it is")
        return False


def _written(alsa: ctypes.CDLL, node: ctypes.c_void_p) -> str:
    """A part of the configuration as text. Raises ValueError if libasound cannot write it."""
    output, text = ctypes.c_void_p(), ctypes.c_char_p()
    if alsa.snd_output_buffer_open(ctypes.byref(output)) < 0:
        raise ValueError
    try:
        if alsa.snd_config_save(node, output) < 0:
            raise ValueError
        alsa.snd_output_buffer_string.restype = ctypes.c_size_t
        size = alsa.snd_output_buffer_string(output, ctypes.byref(text))
        return ctypes.string_at(text, size).decode(errors="replace")
    finally:
        alsa.snd_output_close(output)
