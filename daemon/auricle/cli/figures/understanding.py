"""Understanding by sound: processor time of one text, and of a whole transcript, against large grammars.

Two grammars are made, of 50,000 sentences each: names of four words, whose beginnings and endings are common to many,
and titles of made-up words, which share little. The third is the configured plugins'. Texts are their sentences,
sentences with misheard letters, and talk that is far from all of them; all of it is the same in each run.
"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from os import environ

from auricle.api import Sentences
from auricle.app import make_host, no_broker
from auricle.cli.figures.figure import Bench, Figure, Plan
from auricle.config import LoadedConfig, state_dir
from auricle.model.errors import BadRequest
from auricle.pipeline.phonetic.matcher import BySound
from auricle.pipeline.phonetic.rule import SoundRule
from auricle.pipeline.sentences import Grammar

SENTENCES = 50_000
TEXTS = 5
"""Texts beside the likeliest one of a transcript."""
_A_ROUND = 10
"""Texts of each kind, for each round; of transcripts a third as many."""
_MISHEARD = 0.1
"""Of the letters of a text that is near a sentence."""
_KINDS = ("exact", "near", "far")

_NAMES = "anna bert carla dora emil frida gustav hanna ida jonas karl lena mara nora otto paula quinn rosa sven tina"
_TALK = (
    "the weather will be sunny with light breeze from west people said that meeting was moved to thursday my sister "
    "lives in another town and her train leaves at nine we watched long film about penguins last night what do you "
    "think of election nobody knows where he put small box which came by post yesterday morning"
)
_ALIKE = {
    letter: group.replace(letter, "")
    for group in ("aeiou", "bp", "td", "gk", "fv", "sz", "mn", "lr")
    for letter in group
}


def benches(loaded: LoadedConfig, plan: Plan) -> Iterator[Bench]:
    yield Bench("understanding", "understanding by sound", lambda: _understanding(loaded, plan))


async def _understanding(loaded: LoadedConfig, plan: Plan) -> list[Figure]:
    figures: list[Figure] = []
    names, titles = list(islice(_names(), SENTENCES)), list(_titles())
    for what, said in ((f"{SENTENCES} names", names), (f"{SENTENCES} titles", titles)):
        own = Sentences(intents={"play": ("play {what}",)}, lists={"what": tuple(said)})
        figures += _figures(what, Grammar("en", {"bench": own}, _refuse), [f"play {one}" for one in said], plan.rounds)
    host = make_host(loaded, state_dir(environ), no_broker)
    language = loaded.config.site.language
    grammar = Grammar(language, host.sentences(language), lambda plugin, fault: None)
    chance = random.Random(1)
    said = [sentence.replace("#", str(chance.randint(2, 99))) for sentence in grammar.samples()]
    return figures + _figures("the plugins", grammar, said, plan.rounds) if said else figures


def _names() -> Iterator[str]:
    words = _NAMES.split()
    return map(" ".join, product(words, words, words, words[:7]))


def _titles() -> Iterator[str]:
    """Yield two or three of 2,000 made-up words each, none twice."""
    chance = random.Random(2)
    syllables = [a + b for a, b in product(("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t"), "aeiou")]
    words = [chance.choice(syllables) + chance.choice(syllables) for _ in range(2_000)]
    seen: set[str] = set()
    while len(seen) < SENTENCES:
        title = " ".join(chance.choices(words, k=chance.choice((2, 3))))
        if title not in seen:
            seen.add(title)
            yield title


@dataclass(slots=True)
class _Timed:
    """Processor time of this process, in which the phonemes of new words are asked for and not made."""

    sound: BySound
    texts_ms: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in _KINDS})
    transcripts_ms: list[float] = field(default_factory=list)

    def hear(self, texts: Sequence[str]) -> float:
        began_s = time.process_time()
        self.sound.hear(texts)
        return 1000 * (time.process_time() - began_s)


def _figures(what: str, grammar: Grammar, said: Sequence[str], rounds: int) -> list[Figure]:
    chance = random.Random(3)
    made_s = time.process_time()
    sound = BySound(grammar.language, list(grammar.templates()), SoundRule(), _refuse)
    made_s = time.process_time() - made_s
    try:
        timed = _Timed(sound)
        timed.hear([said[0]])
        for number in range(_A_ROUND * rounds):
            sentence = chance.choice(said)
            texts = {"exact": sentence, "near": _misheard(sentence, chance), "far": _talk(chance)}
            for kind in _KINDS:
                timed.texts_ms[kind].append(timed.hear([texts[kind]]))
            if number % len(_KINDS) == 0:
                likeliest = texts[_KINDS[number // len(_KINDS) % len(_KINDS)]]
                timed.transcripts_ms.append(timed.hear([likeliest, *_otherwise(likeliest, chance)]))
    finally:
        sound.close()
    whole = [one for kind in _KINDS for one in timed.texts_ms[kind]]
    return [
        Figure(f"{what}: phonemes of the graph", "", (len(sound),)),
        Figure(f"{what}: making the graph", "s", (made_s,)),
        Figure(f"{what}: a text", "ms", tuple(whole)),
        *(Figure(f"{what}: a text, {kind}", "ms", tuple(timed.texts_ms[kind])) for kind in _KINDS),
        Figure(f"{what}: a transcript of {TEXTS + 1} texts", "ms", tuple(timed.transcripts_ms)),
    ]


def _misheard(text: str, chance: random.Random) -> str:
    def letter(one: str) -> str:
        return chance.choice(_ALIKE[one]) if one in _ALIKE and chance.random() < _MISHEARD else one

    return "".join(map(letter, text))


def _otherwise(text: str, chance: random.Random) -> Iterator[str]:
    """Yield texts that differ from it in a word or two, as those do that Whisper holds likely beside one."""
    for _ in range(TEXTS):
        words = text.split()
        for index in chance.sample(range(len(words)), k=min(len(words), chance.choice((1, 1, 2)))):
            words[index] = "".join(
                chance.choice(_ALIKE[one]) if one in _ALIKE and chance.random() < 0.4 else one for one in words[index]
            )
        yield " ".join(words)


def _talk(chance: random.Random) -> str:
    return " ".join(chance.sample(_TALK.split(), k=chance.randint(4, 9)))


def _refuse(plugin: str, fault: str) -> None:
    raise BadRequest(f"{plugin}: {fault}")
