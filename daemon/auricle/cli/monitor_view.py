"""What `auricle monitor` has seen of the daemon, and how it is drawn."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from auricle.cli.status import headline, rows, turn_lines

if TYPE_CHECKING:
    from rich.text import Text

_KEPT = 300
_QUIET_DBFS, _LOUD_DBFS = -70.0, 0.0
"""The ends of the level meter."""
_TOO_LOUD_DBFS = -6.0
_BARS = " ▁▂▃▄▅▆▇█"
_LABEL = 14
_FIGURES = 24


class Watched:
    """The past of the levels and scores, put together from looks of which each tells some seconds."""

    def __init__(self) -> None:
        self.daemon: Mapping[str, object] = {}
        """What `Describe` told last."""
        self.partial = ""
        self.levels_dbfs: deque[float] = deque(maxlen=_KEPT)
        self.scores: dict[str, deque[float]] = {}
        self.thresholds: dict[str, float] = {}
        self._last: int | None = None

    def look(self, described: Mapping[str, object]) -> None:
        """Take what `Describe` tells now."""
        self.daemon = described
        if described.get("state") != "listening":
            self.partial = ""
        sound = _table(described.get("sound"))
        last, levels = sound.get("last"), _numbers(sound.get("level_dbfs"))
        if not isinstance(last, int):
            return
        if self._last is not None and last < self._last:  # it started anew
            self._last = None
        fresh = min(len(levels), last - self._last) if self._last is not None else len(levels)
        self._last = last
        if not fresh:
            return
        self.levels_dbfs.extend(levels[-fresh:])
        self.thresholds = {word: _number(value) for word, value in _table(sound.get("thresholds")).items()}
        for word, scores in _table(sound.get("scores")).items():
            self.scores.setdefault(word, deque(maxlen=_KEPT)).extend(_numbers(scores)[-fresh:])

    @property
    def level_dbfs(self) -> float | None:
        """Of the last tenth of a second; None while no sound was seen, or the microphone is muted."""
        return self.levels_dbfs[-1] if self.levels_dbfs and not self.daemon.get("muted") else None

    @property
    def loudest_dbfs(self) -> float | None:
        """Of the last second."""
        return None if self.level_dbfs is None else max(list(self.levels_dbfs)[-10:])

    def told(self) -> dict[str, object]:
        """What `--json` prints; level and scores are the highest of the last second."""
        return {
            "state": self.daemon.get("state"),
            "detail": self.daemon.get("detail"),
            "level_dbfs": self.loudest_dbfs,
            "scores": {word: max(list(scores)[-10:]) for word, scores in self.scores.items()},
            "thresholds": self.thresholds,
            "turns": self.daemon.get("turns", []),
        }

    def line(self) -> str:
        """For where there is no terminal; as `told`."""
        level = "no sound" if self.loudest_dbfs is None else f"{self.loudest_dbfs:.0f} dBFS"
        words = (f"{word} {max(list(scores)[-10:]):.2f}" for word, scores in self.scores.items())
        return "  ".join((headline(self.daemon), level, *words))


def picture(watched: Watched, width: int) -> "Text":
    """One screen. width: columns."""
    from rich.text import Text

    room = max(10, width - _LABEL - _FIGURES)
    drawn = Text(no_wrap=True, overflow="ellipsis")
    drawn.append(f"{headline(watched.daemon)}\n", style="bold")
    site, version = watched.daemon.get("site"), watched.daemon.get("version")
    drawn.append(f"site {site}, Auricle {version}; Ctrl-C ends\n\n", style="dim")
    _level(drawn, watched, room)
    for word, scores in watched.scores.items():
        threshold = watched.thresholds.get(word, 1.0)
        drawn.append(f"{_short(word):<{_LABEL}}")
        for score in list(scores)[-room:]:
            drawn.append(_bar(score), style="bold magenta" if score >= threshold else "cyan")
        drawn.append(f" {scores[-1]:.2f} of {threshold:.2f}\n" if scores else "\n", style="dim")
    drawn.append(f"{'state':<{_LABEL}}{watched.daemon.get('state', '')}", style="yellow")
    drawn.append(f"  {watched.partial}\n" if watched.partial else "\n", style="dim")
    for name, part in _table(watched.daemon.get("parts")).items():
        if isinstance(part, dict) and not part.get("ok"):
            drawn.append(f"{_short(name):<{_LABEL}}{part.get('detail')}\n", style="red")
    drawn.append("\nlast turns\n" if rows(watched.daemon.get("turns")) else "", style="bold")
    for line in _turns(watched):
        drawn.append(f"{line}\n")
    return drawn


def _level(drawn: "Text", watched: Watched, room: int) -> None:
    level = watched.level_dbfs
    drawn.append(f"{'level':<{_LABEL}}")
    if level is None:
        drawn.append("no sound\n", style="dim")
        return
    peak = max(list(watched.levels_dbfs)[-20:])
    span = _LOUD_DBFS - _QUIET_DBFS
    for at in range(room):
        dbfs = _QUIET_DBFS + (at + 0.5) * span / room
        colour = "red" if dbfs > _TOO_LOUD_DBFS else "green"
        mark = "█" if dbfs <= level else "│" if abs(dbfs - peak) <= span / room else "·"
        drawn.append(mark, style=colour if mark != "·" else "dim")
    drawn.append(f" {level:.0f} dBFS, peak {peak:.0f}\n", style="dim")


def _turns(watched: Watched) -> Iterator[str]:
    for turn in rows(watched.daemon.get("turns")):
        yield from turn_lines(turn)


def _bar(score: float) -> str:
    return _BARS[round(min(1.0, max(0.0, score)) * (len(_BARS) - 1))]


def _short(word: str) -> str:
    name = word.rpartition("/")[2]
    return name if len(name) < _LABEL else f"{name[: _LABEL - 2]}…"


def _table(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _numbers(value: object) -> list[float]:
    return [_number(one) for one in value] if isinstance(value, list) else []


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
