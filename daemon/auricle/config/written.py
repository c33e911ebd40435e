"""The file that counts, found and read, with the place of everything in it, and the variables that override it."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auricle.config.directories import home_dir
from auricle.config.lines import key_lines
from auricle.config.overrides import Override, overrides
from auricle.config.toml import Place
from auricle.model.errors import ConfigError

LARGEST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """What the user wrote, before it is judged."""

    path: Path | None
    tables: Mapping[str, Any]
    lines: Mapping[Place, int]
    environ: Mapping[str, str]
    overrides: tuple[Override, ...]

    def source(self, place: Place) -> str:
        """Return where a key, or the nearest table around it, was set: `FILE:LINE` or a variable."""
        for override in reversed(self.overrides):
            if place[: len(override.place)] == override.place:
                return override.variable
        for override in self.overrides:
            if override.place[: len(place)] == place and place not in self.lines:
                return override.variable
        return f"{self.path}:{self.line(place)}" if self.path is not None else ""

    def line(self, place: Place) -> int:
        """Return the line of a place in the file, else of the nearest table around it."""
        return next((self.lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in self.lines), 1)

    def located(self, place: Place, text: str) -> str:
        """Return a problem with its place in front."""
        source = self.source(place)
        return f"{source}: {text}" if source else text


def read(path: Path | None, environ: Mapping[str, str]) -> Written:
    """Raises ConfigError if a file that was asked for is missing, or one cannot be read or is no TOML."""
    try:
        file = _find(path, environ)
    except OSError as error:
        raise problems_error(path, [f"{error.filename}: {error.strerror}"]) from error
    variables = overrides(environ)
    if file is None:
        return Written(None, {}, {}, environ, variables)
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
        if len(content) > LARGEST_BYTES:
            raise problems_error(file, [f"{file}: larger than {LARGEST_BYTES >> 20} MiB; is it the right file?"])
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
        tables = tomllib.loads(text)
        return Written(file, tables, key_lines(text), environ, variables)
    except OSError as error:
        raise problems_error(file, [f"{file}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise problems_error(file, [f"{file}:{line}: is not UTF-8 text"]) from error
    except tomllib.TOMLDecodeError as error:
        raise problems_error(file, [_syntax(file, text, str(error))]) from error
    except (ValueError, RecursionError) as error:
        why = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise problems_error(file, [f"{file}: {why}"]) from error


def problems_error(path: Path | None, problems: list[str]) -> ConfigError:
    """Return the error that tells of all problems, the file's name in its headline."""
    many = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    headline = f"the configuration{f' {path}' if path is not None else ''} has {many}"
    return ConfigError("\n".join((f"{headline}:", *(f"  {problem}" for problem in problems))), tuple(problems))


def _find(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the file that counts. Raises ConfigError if one that was asked for is not there."""
    asked = path if path is not None else Path(environ["AURICLE_CONFIG"]) if environ.get("AURICLE_CONFIG") else None
    if asked is not None:
        if not asked.exists():
            raise problems_error(
                asked, [f"{asked}: there is no such file{'' if path else ' ($AURICLE_CONFIG names it)'}"]
            )
        return asked
    usual = (home_dir(environ) / ".config/auricle/config.toml", Path("/etc/auricle/config.toml"))
    return next((found for found in usual if found.is_file()), None)


def _syntax(file: Path, text: str, message: str) -> str:
    at = re.search(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$", message)
    if at is None:
        return f"{file}: {message}"
    what = message[: at.start()]
    if at[1] is None:
        return f"{file}:{text.count(chr(10)) + 1}: {what}, at the end of the file"
    return f"{file}:{at[1]}:{at[2]}: {what} (line {at[1]}, column {at[2]})"
