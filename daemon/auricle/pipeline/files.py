"""Sound files as inbound audio, for commands that read them whole."""

import io
from collections.abc import Generator, Sequence

import soundfile

from auricle.model.audio import INBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import BadRequest
from auricle.pipeline.rate import Resampler
from auricle.pipeline.sources import SoundFile

_BLOCK_MS = 500
LONGEST_S = 600.0
"""Of sound that is handed in at once."""


def inbound_of(sound: bytes) -> Sequence[AudioFrame]:
    """Return a whole WAV or FLAC file's sound, as consecutive inbound audio: any rate and channels.

    Raises BadRequest for what is neither, is empty, or is longer than `LONGEST_S`.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(sound)) as file:
            if file.format not in ("WAV", "WAVEX", "FLAC"):
                raise BadRequest(f"audio: WAV or FLAC fits, not {file.format}", field="audio")
            rate_hz, seconds = file.samplerate, file.frames / max(1, file.samplerate)
            if not 0 < seconds <= LONGEST_S:
                raise BadRequest(f"audio: up to {LONGEST_S:g} s fit, not {seconds:g}", field="audio")
            samples = file.read(dtype="int16", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, ValueError, TypeError) as error:
        raise BadRequest(f"audio: a WAV or FLAC file fits; this is none: {error}", field="audio") from None
    mono = samples[:, 0] if samples.shape[1] == 1 else (samples.astype("int32").sum(axis=1) // samples.shape[1])
    resampler = Resampler(rate_hz, INBOUND_RATE_HZ)
    pcm = resampler.feed(mono.astype("<i2").tobytes()) + resampler.finish()
    step = 2 * INBOUND_RATE_HZ
    return [AudioFrame(pcm[at : at + step], at // 2) for at in range(0, len(pcm), step)]


def inbound_frames(path: str) -> Generator[AudioFrame, None, None]:
    """Yield a file's sound as consecutive inbound audio: any format, rate and channels.

    Raises AudioFileError naming the file.
    """
    source = SoundFile(path, real=False, block_ms=_BLOCK_MS)
    at = 0
    try:
        while (block := source.read(0)) is not None:
            frame = AudioFrame(block.pcm, at)
            at = frame.end_sample
            yield frame
    finally:
        source.stop()
