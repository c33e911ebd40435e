"""What can be set of the speech, kept within what the model survives."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from auricle.api import BadRequest
from auricle_chatterbox import ChatterboxConfig

RANGES = {
    "exaggeration": (0.0, 2.0),
    # At 0 the model fails over the batch that it still expects.
    "cfg_weight": (0.001, 1.0),
    # At 0 probabilities are no numbers; on a GPU that ends the whole process.
    "temperature": (0.05, 2.0),
    "repetition_penalty": (1.0, 3.0),
    "min_p": (0.0, 1.0),
    "top_p": (0.01, 1.0),
}
SEEDS = 2**32
_USUAL = {
    "exaggeration": 0.5,
    "cfg_weight": 0.5,
    "temperature": 0.8,
    "repetition_penalty": 1.2,
    "min_p": 0.05,
    "top_p": 1.0,
}
_OF_MODEL: dict[str, dict[str, float]] = {"multilingual": {"repetition_penalty": 2.0}, "turbo": {"top_p": 0.95}}
_TURBO_LACKS = ("exaggeration", "cfg_weight", "min_p")


@dataclass(frozen=True, slots=True)
class Parameters:
    """All of them allowed values."""

    values: Mapping[str, float]
    """What the model's `generate` is called with."""
    seed: int | None
    notes: tuple[str, ...]
    """What was asked for and could not be had, each a sentence."""


def settle(config: ChatterboxConfig, options: Mapping[str, object]) -> Parameters:
    """A request's options, else the configuration's, else the model's own; the nearest allowed of each.

    Raises BadRequest naming an option that there is not, or is no finite number.
    """
    notes: list[str] = []
    unknown = [name for name in options if name not in RANGES and name != "seed"]
    if unknown:
        names = ", ".join((*RANGES, "seed"))
        raise BadRequest(f"Chatterbox has no option {unknown[0]!r}: it takes {names}", field=unknown[0])
    values = _USUAL | _OF_MODEL.get(config.model, {})
    for name in RANGES:
        given = options.get(name, getattr(config, name))
        if given is None:
            continue
        values[name] = _nearest(name, given, *RANGES[name], notes.append)
        if config.model == "turbo" and name in _TURBO_LACKS:
            notes.append(f"{name} is left out: turbo has no such thing")
    if config.model == "turbo":
        for name in _TURBO_LACKS:
            del values[name]
    seed = options.get("seed", config.seed)
    settled = None if seed is None else int(_nearest("seed", seed, 0, SEEDS - 1, notes.append))
    return Parameters(values, settled, tuple(notes))


def _nearest(name: str, value: object, least: float, most: float, note: Callable[[str], None]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadRequest(f"{name} is {value!r}, not a number from {least:g} to {most:g}", field=name)
    allowed = min(max(value, least), most)
    if allowed != value:
        note(f"{name} {value:g} is not from {least:g} to {most:g}: {allowed:g} is taken")
    return allowed
