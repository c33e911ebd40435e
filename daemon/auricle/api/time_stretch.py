"""Speech made slower or quicker with its pitch kept: WSOLA, piece by piece without seams.

W. Verhelst, M. Roelands: An overlap-add technique based on waveform similarity (WSOLA), ICASSP 1993.
"""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

_HOP_S = 0.02
"""Half a window: as much as is compared, more than a period of a deep voice."""
_SEARCH_S = 0.0085
"""How far a window may move to fit: half a period at 60 Hz."""
_ENERGY_FLOOR = 1e-9


class Stretch:
    """A stream of samples made `factor` times as long; 0.25 to 4."""

    def __init__(self, factor: float, rate_hz: int) -> None:
        self._factor = factor
        self._hop = round(_HOP_S * rate_hz)
        self._search = round(_SEARCH_S * rate_hz)
        self._size = 1 << (2 * self._hop + 2 * self._search).bit_length()
        rising = np.sin(0.5 * np.pi * (np.arange(self._hop) + 0.5) / self._hop) ** 2
        self._rising: Samples = rising.astype(np.float32)
        # The first window begins half a window before the sound, so that the sound's own beginning is not faded.
        self._held: Samples = np.zeros(self._hop + self._search, np.float32)
        self._held_at = -len(self._held)
        """Position in the input of the first sample held."""
        self._last = -self._hop
        """Position in the input of the last window that was laid."""
        self._windows = 0
        self._made: Samples = np.empty(0, np.float32)
        self._taken = 0
        self._given = 0

    def feed(self, samples: Samples) -> Samples:
        """Return what is ready of all fed so far, which may be nothing."""
        self._taken += len(samples)
        self._held = np.concatenate([self._held, samples])
        self._lay()
        return self._give(int(self._taken * self._factor))

    def finish(self) -> Samples:
        """Return the rest; all in all `factor` times the samples that were fed. Nothing may be fed afterwards."""
        whole = round(self._taken * self._factor)
        silence = np.zeros(self._size, np.float32)
        while self._given + len(self._made) < whole:
            self._held = np.concatenate([self._held, silence])
            self._lay()
        return self._give(whole)

    def _give(self, until: int) -> Samples:
        given, self._made = np.split(self._made, [until - self._given])
        self._given += len(given)
        return given

    def _lay(self) -> None:
        """Lay window after window, each over the second half of the one before, while there is sound for them."""
        hop, made = self._hop, [self._made]
        while True:
            nominal = self._nominal()
            follows = self._last + hop
            if max(nominal + self._search, follows) + hop > self._held_at + len(self._held):
                break
            before = self._cut(follows, hop)
            self._last = self._most_like(before, nominal)
            made.append(before + self._rising * (self._cut(self._last, hop) - before))
            self._windows += 1
            self._forget(min(self._last + hop, self._nominal() - self._search))
        self._made = np.concatenate(made)

    def _nominal(self) -> int:
        """Where in the input the next window would begin if it need not fit: its middle as far on as in the output."""
        return round((self._windows + 1) * self._hop / self._factor) - self._hop

    def _most_like(self, wanted: Samples, nominal: int) -> int:
        """Position near `nominal` where the sound is most like `wanted`, which would follow by nature."""
        hop, places = self._hop, 2 * self._search + 1
        around = self._cut(nominal - self._search, places - 1 + hop)
        spectrum = np.fft.rfft(around, self._size) * np.conj(np.fft.rfft(wanted, self._size))
        likeness = np.fft.irfft(spectrum, self._size)[:places]
        energy = np.concatenate([[0.0], np.cumsum(around.astype(np.float64) ** 2)])
        likeness /= np.sqrt(np.maximum(energy[hop : hop + places] - energy[:places], 0.0) + _ENERGY_FLOOR)
        return nominal - self._search + int(np.argmax(likeness))

    def _cut(self, start: int, length: int) -> Samples:
        at = start - self._held_at
        return self._held[at : at + length]

    def _forget(self, before: int) -> None:
        if before - self._held_at > self._size:
            self._held = self._held[before - self._held_at :].copy()
            self._held_at = before
