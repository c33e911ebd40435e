"""`auricle ask`: a typed command; prints the reply. Through the running daemon; without one it works too."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auricle.config import LoadedConfig
    from auricle.model.intent import Intent, Reply
    from auricle.model.turn import Turn
    from auricle.pipeline.recognition import Recognition

EXAMPLES = """\
The running daemon answers, with its timers, broker and context. Without one, with --here and with --explain the
answer is made in this process; what a command would publish over MQTT is then told and not sent.
Exit status 0 says that a reply was given, "Sorry, I did not understand." included; --json then has "intent": null.

examples:
  auricle ask "what time is it"
  auricle ask --json "turn on the kitchen light"
  auricle ask --explain "turn on the chicken light"      which sentence it sounds like, how near, and what else
"""

LONGEST_TEXT = 4096
"""Characters of a command."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", help="the command, as it would be said")
    parser.add_argument("--json", action="store_true", help="print the reply and what was understood as JSON")
    parser.add_argument(
        "--explain", action="store_true", help="tell how it was understood, or why not, and who answered"
    )
    parser.add_argument("--here", action="store_true", help="answer in this process, even if a daemon is running")
    parser.add_argument("--speak", action="store_true", help="speak the reply too")
    parser.add_argument("--language", help="language of the command, such as en; none: the site's")


def run(args: argparse.Namespace) -> int:
    import asyncio

    from auricle.cli.common import load, print_json
    from auricle.cli.explain import told
    from auricle.model.errors import WrongUsage
    from auricle.model.turn import Turn

    text = args.text.strip()
    if not text or len(text) > LONGEST_TEXT:
        raise WrongUsage(f"TEXT: a command of {len(text)} characters; 1 to {LONGEST_TEXT} fit")
    if not (args.here or args.explain) and _through_the_daemon(args, text):
        return 0
    loaded = load(args)
    turn = Turn(language=args.language)

    async def ask() -> int:
        intent, reply, recognition = await answer(loaded, text, turn)
        if args.json:
            explained = {"explain": recognition.facts} if args.explain else {}
            print_json(
                {
                    "id": turn.id,
                    "text": text,
                    "intent": intent.name if intent else None,
                    "slots": dict(intent.slots) if intent else {},
                    "score": intent.score if intent else None,
                    "reply": reply.text,
                    "handled_by": reply.handled_by,
                    **explained,
                }
            )
        else:
            print(reply.text, flush=True)
            if args.explain:
                print("\n".join(told(recognition, reply)), flush=True)
        if args.speak and reply.text.strip():
            await speak(loaded, reply.text, args.language)
        return 0

    return asyncio.run(ask())


def _through_the_daemon(args: argparse.Namespace, text: str) -> bool:
    """Print its reply; False if there is no daemon."""
    import json

    from auricle.cli.daemon_bus import NotReachable, running_daemon

    options: dict[str, object] = {"speak": bool(args.speak)}
    if args.language:
        options["language"] = args.language
    try:
        with running_daemon(args) as daemon:
            [reply] = daemon.call("Ask", "sa{sv}", text, options)
    except NotReachable:
        return False
    assert isinstance(reply, dict)
    if args.json:
        told = {"id": reply["id"], "text": text, "intent": reply["intent"] or None, "slots": reply["slots"]}
        told |= {"score": None, "reply": reply["reply"], "handled_by": reply["handled_by"]}
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        print(reply["reply"], flush=True)
    return True


async def answer(loaded: "LoadedConfig", text: str, turn: "Turn") -> "tuple[Intent | None, Reply, Recognition]":
    """Understand and act as the daemon would, with its plugins; what they publish is refused and told."""
    import os

    from auricle.app import make_host, sound_rule
    from auricle.config import state_dir
    from auricle.model.intent import Transcript
    from auricle.pipeline.dispatch import Dispatcher
    from auricle.pipeline.streamed import whole

    config = loaded.config
    host = make_host(loaded, state_dir(os.environ), _unsent)
    await host.startup()
    try:
        known = {code: host.sentences(code) for code in {config.site.language, turn.language or config.site.language}}
        dispatcher = Dispatcher(
            host,
            {code: sentences for code, sentences in known.items() if sentences},
            near_miss=config.intents.near_miss,
            language=config.site.language,
            by_sound=sound_rule(config),
        )
        transcript = Transcript(text, language=turn.language)
        recognition = await dispatcher.explain(transcript, turn)
        intent = recognition.intent
        reply = await whole(await dispatcher.act(intent, turn) if intent is not None else dispatcher.not_understood())
        dispatcher.close()
        return intent, reply, recognition
    finally:
        await host.shutdown()


async def speak(loaded: "LoadedConfig", text: str, language: str | None) -> None:
    """Say `text` with the configured voice and speaker. Raises EngineError, AudioDeviceError."""
    from contextlib import aclosing

    from auricle.cli.engines_only import TTS, running_engines
    from auricle.model.speech import SpeechRequest
    from auricle.pipeline.playback import open_speaker
    from auricle.pipeline.synthesis import synthesized

    config = loaded.config
    request = SpeechRequest(
        text=text,
        voice=config.tts.voice or None,
        language=language or config.site.language,
        speed=config.tts.speed,
    )
    speaker = open_speaker(config.audio.output, lambda event: None)
    try:
        async with (
            running_engines(loaded, kinds=(TTS,)) as fleet,
            aclosing(synthesized(request, fleet.tts)) as frames,
        ):
            await speaker.play(frames, config.audio.output.volume)
    finally:
        await speaker.close()


async def _unsent(topic: str, payload: str | bytes, qos: int, retain: bool) -> None:
    from auricle.model.errors import NotConnected

    what = payload.decode(errors="replace") if isinstance(payload, bytes) else payload
    raise NotConnected(f"`auricle ask` works without the daemon and sends nothing; {topic} would have got {what}")
