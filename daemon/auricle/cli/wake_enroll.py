"""`auricle wake enroll`, `list` and `forget`: whose voices wake."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from auricle.app.building import enrolled_dir, make_detector
from auricle.cli.common import load, load_host, print_json, print_table, wrong_name
from auricle.cli.wake_record import record
from auricle.config import state_dir
from auricle.model.audio import INBOUND_RATE_HZ
from auricle.model.errors import AudioFileError
from auricle.pipeline.enrolment import FEWEST, MOST, EnrolmentError, Saying, likenesses, make_profile, sayings_of_file
from auricle.pipeline.files import inbound_frames
from auricle.pipeline.profiles import Profile, enrolled, is_name, remove, save
from auricle.pipeline.second_look import spoken_name
from auricle.pipeline.wake import WakeDetector
from auricle.settings import Config, WakeWord

_REFRACTORY_S = 1.0
_UNLIKE = 0.5


def enroll(args: argparse.Namespace) -> int:
    """All recordings are tried, and all that is wrong with them is told, before anything is kept."""
    config = load(args).config
    if not is_name(args.name):
        return _wrong(f"{args.name!r} is no name for a user: 1 to 64 of a-z, 0-9, _ and - fit")
    words = {spoken_name(word.model): word for word in config.wake.waking}
    name = args.word if args.word is not None else next(iter(words)) if len(words) == 1 else None
    if name is None:
        return _wrong(f"say for which wake word: --word {' or --word '.join(words)}" if words else _NO_WORD)
    if name not in words:
        return wrong_name("configured wake word", name, words)
    if args.record is None and not args.files:
        return _wrong("give recordings of the word, or --record 5 to make them now")
    if args.record is not None and not FEWEST <= args.record + len(args.files) <= MOST:
        return _wrong(f"--record: {FEWEST} to {MOST} recordings make a profile")
    detector = _detector(config, words[name])
    detector.load()
    try:
        said, faults = _from_files(args.files, detector, name)
        if args.record is not None and not faults:
            said += record(config.audio.input, detector, name, args.record)
    finally:
        detector.close()
    if not faults:
        try:
            profile = make_profile(args.name, name, said)
        except EnrolmentError as error:
            faults.append(error.message)
    if faults:
        for fault in (*faults, f"{args.name} is not enrolled; nothing is kept"):
            print(f"auricle: {fault}", file=sys.stderr)
        return 1
    _tell(args, config, profile, said, save(enrolled_dir(state_dir()), profile))
    return 0


_NO_WORD = "no wake word is configured: [wake] words names those that wake"


def listing(args: argparse.Namespace) -> int:
    config = load(args).config
    words = [spoken_name(word.model) for word in config.wake.waking]
    facts: list[dict[str, object]] = []
    for path, found in enrolled(enrolled_dir(state_dir())):
        fact: dict[str, object] = {"name": path.stem, "word": path.parent.name, "path": str(path)}
        if isinstance(found, Profile):
            idle = "no such wake word is configured" if found.word not in words else ""
            off = "" if config.wake.verify.enabled else "off: wake.verify.enabled is false"
            fact |= {"recordings": found.recordings, "at": found.at.isoformat(), "state": idle or off or "counts"}
        else:
            fact |= {"recordings": None, "at": None, "state": f"broken: {found.message}"}
        facts.append(fact)
    if args.json:
        print_json(facts)
    elif facts:
        columns = ("name", "word", "recordings", "at", "state")
        rows = [["-" if fact[key] is None else str(fact[key]) for key in columns] for fact in facts]
        print_table([column.upper() for column in columns], rows)
    else:
        print("nobody is enrolled: wake words are anybody's", file=sys.stderr)
    return 0


def forget(args: argparse.Namespace) -> int:
    folder = enrolled_dir(state_dir())
    there = [path for path, _ in enrolled(folder)]
    named = [path for path in there if path.stem == args.name]
    if not named:
        return wrong_name("enrolled user", args.name, sorted({path.stem for path in there}))
    chosen = [path for path in named if args.word is None or path.parent.name == args.word]
    if not chosen:
        return wrong_name(f"profile of {args.name} for", args.word, [path.parent.name for path in named])
    for path in chosen:
        remove(path)
        if not args.json:
            print(f"{args.name} is not enrolled for {path.parent.name} any more")
    if args.json:
        print_json([{"name": path.stem, "word": path.parent.name, "path": str(path)} for path in chosen])
    return 0


def _detector(config: Config, word: WakeWord) -> WakeDetector:
    """As the daemon hears the word, whoever says it."""
    wake = msgspec.structs.replace(config.wake, words=(word,), refractory_s=_REFRACTORY_S)
    config = msgspec.structs.replace(config, wake=wake)
    return make_detector(config, load_host(config).engines(), background=False)


def _from_files(files: Sequence[str], detector: WakeDetector, word: str) -> tuple[list[Saying], list[str]]:
    """The sayings in all files, and what is wrong with which."""
    said: list[Saying] = []
    faults: list[str] = []
    for count, file in enumerate(files, 1):
        try:
            found = sayings_of_file(file, inbound_frames(file), detector, word)
        except (AudioFileError, EnrolmentError) as error:
            faults.append(error.message)
            continue
        for saying in found:
            twin = next((other for other in said if (other.voice == saying.voice).all()), None)
            if twin is not None:
                faults.append(f"{file}: the same sound as {twin.source}; each has to be another saying")
                continue
            said.append(saying)
            at_s = saying.hit.sample / INBOUND_RATE_HZ
            print(f"{count}/{len(files)} {file}: {word} at {at_s:.2f} s ({saying.hit.score:.2f})", file=sys.stderr)
    return said, faults


def _tell(args: argparse.Namespace, config: Config, profile: Profile, said: Sequence[Saying], path: Path) -> None:
    alike = likenesses(said)
    for saying, like in zip(said, alike, strict=True):
        if like < _UNLIKE:
            print(
                f"auricle: {saying.source}: unlike the others ({like:.2f}); if it is somebody else's voice, or too "
                "noisy, enrol again without it",
                file=sys.stderr,
            )
    if args.json:
        print_json(
            {
                "name": profile.name,
                "word": profile.word,
                "recordings": profile.recordings,
                "path": str(path),
                "sayings": [
                    {
                        "source": saying.source,
                        "sample": saying.hit.sample,
                        "score": round(saying.hit.score, 4),
                        "likeness": round(like, 4),
                    }
                    for saying, like in zip(said, alike, strict=True)
                ],
            }
        )
        return
    print(f"{profile.name} is enrolled for {profile.word}, from {profile.recordings} recordings: {path}")
    if not config.wake.verify.enabled:
        print("[wake.verify] enabled is false: until that is changed the word is anybody's")


def _wrong(text: str) -> int:
    print(f"auricle: {text}", file=sys.stderr)
    return 2
