"""Sound as it travels through the house: bytes with a position, never a clock."""

from dataclasses import dataclass

INBOUND_RATE_HZ = 16_000
"""Rate of everything between capture and STT."""
OUTBOUND_RATE_HZ = 24_000
"""Rate of everything between TTS and playback."""
SAMPLE_BYTES = 2
"""Signed 16-bit little-endian, mono, in and out."""


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """A run of 16-bit mono samples at `rate_hz`."""

    pcm: bytes
    first_sample: int = 0
    """Index of the first sample in the stream that the frame belongs to."""
    rate_hz: int = INBOUND_RATE_HZ
    speech: float = 0.0
    """Probability of voice, 0 to 1, where the VAD was asked."""
    engine: str = ""
    """Which engine made it, where one did."""
    speed: float = 1.0
    """Pace at which an engine has spoken it already, of the one that it was asked for."""
    pitch: float = 0.0
    """Semitones by which an engine has shifted it already."""

    @property
    def samples(self) -> int:
        return len(self.pcm) // SAMPLE_BYTES

    @property
    def end_sample(self) -> int:
        """Index of the first sample after the frame."""
        return self.first_sample + self.samples

    @property
    def seconds(self) -> float:
        return self.samples / self.rate_hz
