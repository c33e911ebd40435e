"""Makes renders of one sentence agree with each other, so that one can go on where another stopped.

The decoder starts from noise, and the vocoder from sines whose phase is chance: with the same of both, and the pitch
that was played already, two renders of the same codes differ only as far as the codes after them matter.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

SAMPLES_OF_FRAME = 480
"""Of the decoder's frames, two to a code."""
_BANDS = 80
_FRAMES = 4_096
"""More than a voice's prompt and the longest speech have together."""


class Steady:
    """One sentence's noise, phase and pitch."""

    def __init__(self, seed: int) -> None:
        self.played = 0
        """Frames whose pitch stays as it is."""
        self._seed = seed
        self._noise = torch.randn(1, _BANDS, _FRAMES, generator=torch.Generator().manual_seed(seed))
        self._pitch: torch.Tensor | None = None

    @contextmanager
    def over(self, s3gen: Any) -> Iterator[None]:
        """While this lasts, what `s3gen` renders is steady. Leaves PyTorch's generators at the seed after a render."""
        vocoder = s3gen.mel2wav
        hooks = (
            s3gen.flow.decoder.register_forward_pre_hook(self._start, with_kwargs=True),
            vocoder.f0_predictor.register_forward_hook(self._keep),
            vocoder.m_source.register_forward_pre_hook(self._align),
        )
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _start(self, _module: torch.nn.Module, arguments: Any, named: dict[str, Any]) -> Any:
        # For the prompt too: what comes after it attends to it.
        mu = named["mu"]
        return arguments, named | {"noised_mels": self._noise[..., : mu.shape[2]].to(mu)}

    def _keep(self, _module: torch.nn.Module, _arguments: Any, pitch: torch.Tensor) -> torch.Tensor:
        if self._pitch is not None and self.played:
            count = min(self.played, pitch.shape[-1], self._pitch.shape[-1])
            pitch = torch.cat([self._pitch[..., :count], pitch[..., count:]], dim=-1)
        self._pitch = pitch
        return pitch

    def _align(self, _module: torch.nn.Module, _arguments: Any) -> None:
        torch.manual_seed(self._seed)
