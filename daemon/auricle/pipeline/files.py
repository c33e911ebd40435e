"""Sound files as inbound audio, for commands that read them whole."""

from collections.abc import Generator

from auricle.model.audio import AudioFrame
from auricle.pipeline.sources import SoundFile

_BLOCK_MS = 500


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
