"""Sound files as inbound audio, for commands that read them whole."""

import io
from collections.abc import Generator, Sequence

import soundfile

from auricle.model.audio import INBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import BadRequest
from auricle.pipeline.rate import Resampler
from auricle.pipeline.sources import SoundFile

_BLOCK_MS = 500
_BLOCK_SAMPLES = 65_536
_FORMATS = ("WAV", "WAVEX", "FLAC", "OGG", "MP3")
LONGEST_S = 600.0
"""Of sound that is handed in at once."""


def inbound_of(sound: bytes) -> Sequence[AudioFrame]:
    """Return a whole WAV, FLAC, Ogg or MP3 file's sound, as consecutive inbound audio: any rate and channels.

    Never more of it than a block is held at the file's own rate. Raises BadRequest for what is none of these, is
    empty, or is longer than `LONGEST_S`.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(sound)) as file:
            if file.format not in _FORMATS:
                raise BadRequest(f"audio: WAV, FLAC, Ogg or MP3 fits, not {file.format}", field="audio")
            seconds = file.frames / max(1, file.samplerate)
            if not 0 < seconds <= LONGEST_S:
                raise BadRequest(f"audio: up to {LONGEST_S:g} s fit, not {seconds:g}", field="audio")
            resampler = Resampler(file.samplerate, INBOUND_RATE_HZ)
            pcm = bytearray()
            for block in file.blocks(_BLOCK_SAMPLES, dtype="int16", always_2d=True):
                wide = block.shape[1] > 1
                mono = block.astype("int32").sum(axis=1) // block.shape[1] if wide else block[:, 0]
                pcm += resampler.feed(mono.astype("<i2").tobytes())
                if len(pcm) > 2 * INBOUND_RATE_HZ * (LONGEST_S + 1):  # the header told less than there is
                    raise BadRequest(f"audio: up to {LONGEST_S:g} s fit", field="audio")
            pcm += resampler.finish()
    except (soundfile.LibsndfileError, RuntimeError, ValueError, TypeError) as error:
        raise BadRequest(f"audio: a WAV, FLAC, Ogg or MP3 file fits; this is none: {error}", field="audio") from None
    whole, step = bytes(pcm), 2 * INBOUND_RATE_HZ
    return [AudioFrame(whole[at : at + step], at // 2) for at in range(0, len(whole), step)]


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
