"""The adaptive filter that learns what the room makes of our own voice, and takes it out of the microphone's sound."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

BLOCK = 256
"""Samples a step: 16 ms at 16 kHz."""
_PARTS = 16
_MEMORY = 0.999
"""Of the filter from block to block; less follows a changing room sooner and hears the person less clearly."""
_SMOOTHING = 0.8
_UNSURE = 0.01
"""Of a sixteenth part of the room; more makes a weak echo worse at first."""
_QUIET = 1e-5
"""Power of a quiet room, a bin: without it a microphone that gives zeros would make the first sound learnt as echo."""


class EchoFilter:
    """A partitioned block frequency-domain Kalman filter, 256 ms long at 16 kHz.

    Unlike the suppressors of telephony it only subtracts, so a voice that speaks over the echo is left as it is; and it
    needs no detector of double talk, since what it cannot explain makes it learn more slowly. Sources: Enzner and Vary,
    "Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free telephones" (2006); Kuech, Mabande
    and Enzner, "State-space architecture of the partitioned-block-based acoustic echo controller" (2014).
    """

    def __init__(self) -> None:
        bins = BLOCK + 1
        self._far = np.zeros(2 * BLOCK, np.float32)
        self._spectra = np.zeros((_PARTS, bins), np.complex64)
        """Of the far end, newest first."""
        self._weights = np.zeros((_PARTS, bins), np.complex64)
        self._doubt = np.full((_PARTS, bins), _UNSURE, np.float32)
        """Variance of the weights' error."""
        self._rest = np.full(bins, 1e-4, np.float32)
        """Power of what is not echo, smoothed."""

    def feed(self, near: Floats, far: Floats) -> Floats:
        """Return `near` less the echo of `far`; each BLOCK samples, full scale 1."""
        self._far = np.concatenate((self._far[BLOCK:], far))
        spectra = self._spectra
        spectra[1:] = spectra[:-1]
        spectra[0] = np.fft.rfft(self._far)
        echo = np.fft.irfft((self._weights * spectra).sum(0))[BLOCK:]
        left = (near - echo).astype(np.float32)
        self._learn(left)
        return left

    def doubt_all(self) -> None:
        """The echo may come another way now: learn as fast as at the beginning."""
        np.maximum(self._doubt, _UNSURE, out=self._doubt)

    def _learn(self, left: Floats) -> None:
        spectra, doubt = self._spectra, self._doubt
        error = np.fft.rfft(np.concatenate((np.zeros(BLOCK, np.float32), left)))
        self._rest *= _SMOOTHING
        self._rest += ((1 - _SMOOTHING) * (error.real**2 + error.imag**2)).astype(np.float32)
        np.maximum(self._rest, _QUIET, out=self._rest)
        power = spectra.real**2 + spectra.imag**2
        explained = doubt * power
        total = 0.5 * explained.sum(0) + self._rest
        step = np.fft.irfft(doubt * spectra.conj() * (error / total), axis=1)
        step[:, BLOCK:] = 0  # so that a part is no longer than its block
        weights = self._weights
        weights += np.fft.rfft(step, axis=1)
        weights *= _MEMORY
        doubt *= _MEMORY**2 * (1 - 0.5 * explained / total)
        doubt += (1 - _MEMORY**2) * (weights.real**2 + weights.imag**2)
