"""`auricle wake`: finds the wake word in sound files, and enrols whose voice it is to be; no daemon needed."""

import argparse
from typing import TYPE_CHECKING

from auricle.cli.common import ActionParsers

if TYPE_CHECKING:
    from auricle.pipeline.hit import WakeHit
    from auricle.pipeline.verification import Verdict
    from auricle.pipeline.wake import WakeDetector

DEFAULT_ACTION = "find"

EXAMPLES = """\
examples:
  auricle wake talk.flac                             which wake words are heard in it, and where
  auricle wake enroll ann --word alexa ann/*.wav     from now on ann wakes with alexa, and nobody who is not enrolled
  auricle wake enroll ann --word alexa --record 5    the same from the microphone, word by word
  auricle wake list                                  who is enrolled, for which word
  auricle wake forget ann                            takes that back

`auricle wake FILE…` is `auricle wake find FILE…`; write ./enroll for a file of that name. No recording is kept, only
what a voice is like, in numbers; a daemon that runs goes by it from the next wake word on.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = ActionParsers(parser)
    finding = actions.add("find", "the configured wake word detection over sound files")
    finding.add_argument("files", metavar="FILE", nargs="+", help="WAV, FLAC or OGG, any rate and channels")
    finding.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object per file: file, detections (wake_word, score, sample; of an enrolled user also "
        "user, likeness), and refused where somebody else said it",
    )
    enrolling = actions.add("enroll", "wake for a user's voice, from recordings of the word", json="the profile")
    enrolling.add_argument("name", metavar="NAME", help="the user: 1 to 64 of a-z, 0-9, _ and -")
    enrolling.add_argument("files", metavar="FILE", nargs="*", help="recordings of the user saying the word, 3 to 50")
    enrolling.add_argument("--word", metavar="WORD", help="a configured wake word; needed where there are several")
    enrolling.add_argument(
        "--record", metavar="N", type=int, help="record the word N times from the configured microphone"
    )
    actions.add("list", "who is enrolled, for which word, from how many recordings", json="them")
    forgetting = actions.add("forget", "take a user's profiles away", json="what was removed")
    forgetting.add_argument("name", metavar="NAME", help="the user")
    forgetting.add_argument("--word", metavar="WORD", help="only for this word")


def run(args: argparse.Namespace) -> int:
    if args.action == "find":
        return _find(args)
    from auricle.cli.wake_enroll import enroll, forget, listing

    return {"enroll": enroll, "list": listing, "forget": forget}[args.action](args)


def _find(args: argparse.Namespace) -> int:
    import sys

    from auricle.app.building import enrolled_dir, make_detector
    from auricle.cli.common import load, load_host, print_table
    from auricle.config import state_dir
    from auricle.model.errors import AudioFileError

    config = load(args).config
    enrolled = enrolled_dir(state_dir())
    detector = make_detector(config, load_host(config).engines(), background=False, enrolled=enrolled)
    detector.load()
    failed = 0
    rows: list[tuple[str, ...]] = []
    asked = False
    try:
        for name in args.files:
            try:
                hits = _hits(detector, name)
            except AudioFileError as error:
                failed += 1
                print(f"auricle: {error.message}", file=sys.stderr)
                continue
            verdicts = detector.verdicts()
            asked |= bool(verdicts)
            if args.json:
                _print_json(name, hits, verdicts)
            else:
                rows += _rows(name, hits, verdicts)
    finally:
        detector.close()
    if rows:
        columns = ("file", "wake word", "score", "sample", "at", "voice")
        shown = len(columns) if asked else len(columns) - 1
        print_table(columns[:shown], [row[:shown] for row in rows])
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


def _print_json(name: str, hits: "list[WakeHit]", verdicts: "list[Verdict]") -> None:
    import json

    whose = {verdict.hit: verdict for verdict in verdicts}
    told: dict[str, object] = {"file": name, "detections": [_detection(hit, whose.get(hit)) for hit in hits]}
    if verdicts:
        told["refused"] = [_detection(verdict.hit, verdict) for verdict in verdicts if not verdict.accepted]
    print(json.dumps(told, ensure_ascii=False), flush=True)


def _detection(hit: "WakeHit", verdict: "Verdict | None") -> dict[str, object]:
    told: dict[str, object] = {"wake_word": hit.wake_word, "score": round(hit.score, 4), "sample": hit.sample}
    if verdict is not None and verdict.user is not None:
        told |= {"user": verdict.user, "likeness": round(verdict.likeness, 4)}
    return told


def _rows(name: str, hits: "list[WakeHit]", verdicts: "list[Verdict]") -> list[tuple[str, ...]]:
    from auricle.model.audio import INBOUND_RATE_HZ

    whose = {verdict.hit: verdict for verdict in verdicts}
    refused = [verdict.hit for verdict in verdicts if not verdict.accepted]
    found = sorted([*hits, *refused], key=lambda hit: hit.sample)
    if not found:
        return [(name, "-", "", "", "", "")]
    return [
        (
            name,
            hit.wake_word,
            f"{hit.score:.3f}",
            str(hit.sample),
            f"{hit.sample / INBOUND_RATE_HZ:.2f} s",
            _voice(whose.get(hit)),
        )
        for hit in found
    ]


def _voice(verdict: "Verdict | None") -> str:
    if verdict is None or verdict.user is None:
        return "anybody's"
    told = f"{verdict.user} {verdict.likeness:.2f}"
    return told if verdict.accepted else f"refused: {told}"
