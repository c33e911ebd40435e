"""`auricle wake`: the configured wake word detection over sound files, no daemon needed."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auricle.pipeline.wake import WakeDetector, WakeHit


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="WAV, FLAC or OGG, any rate and channels")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object per file: file, detections (wake_word, score, sample)",
    )


def run(args: argparse.Namespace) -> int:
    import sys

    from auricle.app.building import make_detector
    from auricle.cli.common import load, load_host, print_table
    from auricle.model.errors import AudioFileError

    config = load(args).config
    detector = make_detector(config, load_host(config).engines(), background=False)
    detector.load()
    failed = 0
    rows: list[tuple[str, ...]] = []
    try:
        for name in args.files:
            try:
                hits = _hits(detector, name)
            except AudioFileError as error:
                failed += 1
                print(f"auricle: {error.message}", file=sys.stderr)
                continue
            if args.json:
                _print_json(name, hits)
            else:
                rows += _rows(name, hits)
    finally:
        detector.close()
    if rows:
        print_table(("file", "wake word", "score", "sample", "at"), rows)
    return 1 if failed else 0


def _hits(detector: "WakeDetector", name: str) -> "list[WakeHit]":
    """Raises AudioFileError naming the file."""
    from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES, AudioFrame
    from auricle.pipeline.files import inbound_frames

    detector.reset()
    hits = []
    end_sample = 0
    for frame in inbound_frames(name):
        end_sample = frame.end_sample
        if (hit := detector.feed(frame)) is not None:
            hits.append(hit)
    # A detector answers a little after the word; a file may end with it.
    if (hit := detector.feed(AudioFrame(bytes(INBOUND_RATE_HZ // 2 * SAMPLE_BYTES), end_sample))) is not None:
        hits.append(hit)
    return hits


def _print_json(name: str, hits: "list[WakeHit]") -> None:
    import json

    detections = [{"wake_word": hit.wake_word, "score": round(hit.score, 4), "sample": hit.sample} for hit in hits]
    print(json.dumps({"file": name, "detections": detections}, ensure_ascii=False), flush=True)


def _rows(name: str, hits: "list[WakeHit]") -> list[tuple[str, ...]]:
    from auricle.model.audio import INBOUND_RATE_HZ

    if not hits:
        return [(name, "-", "", "", "")]
    return [
        (name, hit.wake_word, f"{hit.score:.3f}", str(hit.sample), f"{hit.sample / INBOUND_RATE_HZ:.2f} s")
        for hit in hits
    ]
