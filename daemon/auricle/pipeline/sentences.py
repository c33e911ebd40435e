"""Sentence templates of the plugins, compiled once: text in, intent out. The one place that knows hassil."""

import logging
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from math import factorial, prod

from hassil.errors import HassilError
from hassil.expression import Alternative, Expression, Group, ListReference, Permutation, RuleReference, Sentence
from hassil.intents import Intent as TemplateGroup
from hassil.intents import IntentData, Intents, RangeSlotList, SlotList, TextSlotList, WildcardSlotList
from hassil.parse_expression import parse_sentence
from hassil.parser import ParseError
from hassil.recognize import RecognizeResult, recognize_all
from hassil.sample import sample_sentence

from auricle.api import Intent, Sentences
from auricle.pipeline import wording
from auricle.pipeline.phonetic.graph import Template
from auricle.pipeline.phonetic.numbers import SpokenRange
from auricle.pipeline.word_list import WordList

LONGEST_TEXT = 300
"""Characters; longer text is no command."""
MOST_MATCHES = 200
"""Ways to match one text that are compared."""
MOST_SAMPLES = 20_000
"""Sentences that are enumerated for near misses, in all."""
MOST_SAMPLES_EACH = 4_000
"""Sentences of one template; a template that stands for more is not enumerated."""

_BROKEN = (HassilError, ParseError, ValueError, AssertionError, IndexError, RecursionError)

OnFault = Callable[[str, str], None]
"""Takes a plugin's name and what is wrong with its sentences."""

_LOG = logging.getLogger("auricle.sentences")


class Grammar:
    """All sentences of one language."""

    def __init__(self, language: str, sentences: Mapping[str, Sentences], on_fault: OnFault) -> None:
        """sentences: by plugin, in the order in which ties are decided. A broken template is told and left out."""
        self.language = language
        self._groups: dict[str, tuple[str, str]] = {}
        self._plugins: list[_Compiled] = []
        groups: dict[str, TemplateGroup] = {}
        for plugin, own in sentences.items():
            compiled = _Compiled(plugin, own, language, on_fault)
            self._plugins.append(compiled)
            for intent, data in compiled.intents.items():
                name = f"{len(groups):06d}"
                self._groups[name] = (plugin, intent)
                groups[name] = TemplateGroup(name, [data])
        self._intents = Intents(language=language, intents=groups)

    def match(self, text: str) -> Intent | None:
        """Return the intent of the sentence that `text` is, word for word; None where it is none.

        Of several, the one with the fewest free slots and the most fixed words; then the first plugin's.
        """
        plain = wording.spoken(text, self.language)
        if not plain or len(plain) > LONGEST_TEXT:
            return None
        best = self._best(plain)
        if best is None:
            return None
        plugin, intent = self._groups[best.intent.name]
        slots = {entity.name: _value(entity.value) for entity in best.entities_list}
        return Intent(intent, slots, text, plugin=plugin)

    def _best(self, plain: str) -> RecognizeResult | None:
        """The text without politeness at its ends, else as it is, else without any that is in no free slot."""
        bare = wording.without_politeness(plain, self.language)
        for text in dict.fromkeys((wording.bare_ends(plain, self.language), plain, bare)):
            matches = list(islice(recognize_all(text, self._intents), MOST_MATCHES)) if text else []
            if text is bare and bare != plain:
                matches = [match for match in matches if not _free(match)]
            if matches:
                return min(matches, key=_rank)
        return None

    def learn_lists(self) -> None:
        """Spell out the numbers of all ranges now, and look through all lists, and not at the first command."""
        for plugin in self._plugins:
            for name, values in plugin.lists.items():
                if isinstance(values, WordList):
                    values.learn()
                elif isinstance(values, RangeSlotList):
                    data = IntentData([f"{{{name}}}"], slot_lists={name: values})
                    alone = Intents(language=self.language, intents={name: TemplateGroup(name, [data])})
                    any(recognize_all("-", alone))

    def samples(self) -> Iterator[str]:
        """Yield the sentences that can be enumerated: those without free slots; `#` stands for a number.

        At most MOST_SAMPLES, the templates that stand for few sentences first.
        """
        counted = sorted(
            ((count, index, plugin, sentence) for index, (count, plugin, sentence) in enumerate(self._countable())),
            key=lambda entry: entry[:2],
        )
        left = MOST_SAMPLES
        for count, _, plugin, sentence in counted:
            if count > left:
                _LOG.info("near misses are looked for among %d sentences only", MOST_SAMPLES - left)
                return
            left -= count
            yield from plugin.sample(sentence)

    @property
    def enumerable(self) -> bool:
        """Whether `samples` gives every sentence there is."""
        templates = sum(len(data.sentences) for plugin in self._plugins for data in plugin.intents.values())
        counts = [count for count, _, _ in self._countable()]
        return len(counts) == templates and sum(counts) <= MOST_SAMPLES

    def templates(self) -> Iterator[Template]:
        """Yield every sentence that was not left out, in the order in which ties are decided."""
        for plugin in self._plugins:
            for intent, data in plugin.intents.items():
                for sentence in data.sentences:
                    yield Template(plugin.name, intent, sentence, plugin.lists, plugin.rules)

    def _countable(self) -> "Iterator[tuple[int, _Compiled, Sentence]]":
        for plugin in self._plugins:
            for data in plugin.intents.values():
                for sentence in data.sentences:
                    count = plugin.count(sentence.expression)
                    if 0 < count <= MOST_SAMPLES_EACH:
                        yield count, plugin, sentence


class _Compiled:
    """One plugin's sentences: lists and rules are its own, so that two plugins may use one name."""

    def __init__(self, plugin: str, own: Sentences, language: str, on_fault: OnFault) -> None:
        self.name = plugin
        self._language = language
        self.lists: dict[str, SlotList] = {}
        self.rules: dict[str, Sentence] = {}
        self.intents: dict[str, IntentData] = {}

        def broken(what: str, error: object) -> None:
            on_fault(plugin, f"{what} is left out: {error}")

        for name, values in own.lists.items():
            try:
                self.lists[name] = _word_list(name, values, language)
            except _BROKEN as error:
                broken(f"the list {name}", _why(error))
        for name, (low, high) in own.ranges.items():
            try:
                self.lists[name] = SpokenRange(name=name, start=low, stop=high)
            except _BROKEN as error:
                broken(f"the range {name}", _why(error))
        self.lists.update({name: WildcardSlotList(name=name) for name in own.wildcards})
        for name, body in own.expansion_rules.items():
            try:
                self.rules[name] = parse_sentence(wording.template(body, language), keep_text=True)
            except _BROKEN as error:
                broken(f"the rule <{name}>", _why(error))
        for intent, templates in own.intents.items():
            texts = []
            for text in templates:
                plain = wording.template(text, language)
                try:
                    self._check(parse_sentence(plain).expression, ())
                except _BROKEN as error:
                    broken(f'the sentence "{text}" of {intent}', _why(error))
                else:
                    texts.append(plain)
            if texts:
                self.intents[intent] = IntentData(
                    sentence_texts=texts,
                    slot_lists=self.lists,
                    expansion_rules=self.rules,
                    wildcard_list_names=set(own.wildcards),
                )

    def count(self, expression: Expression) -> int:
        """How many sentences it stands for; 0 where a free slot makes them endless."""
        match expression:
            case Alternative():
                counts = [self.count(item) for item in expression.items]
                return sum(counts) if all(counts) else 0
            case Group():
                orders = factorial(len(expression.items)) if isinstance(expression, Permutation) else 1
                return orders * prod(self.count(item) for item in expression.items)
            case ListReference():
                words = self.lists.get(expression.list_name)
                if isinstance(words, TextSlotList):
                    return sum(self.count(value.text_in) for value in words.values)
                return 0 if isinstance(words, WildcardSlotList) else 1
            case RuleReference():
                return self.count(self.rules[expression.rule_name].expression)
            case _:
                return 1

    def sample(self, sentence: Sentence) -> Iterator[str]:
        ranges = [f"{{{name}}}" for name, words in self.lists.items() if isinstance(words, RangeSlotList)]
        for text in sample_sentence(sentence, self.lists, self.rules, self._language, expand_ranges=False):
            for name in ranges:
                text = text.replace(name, "#")
            yield text

    def _check(self, expression: Expression, within: tuple[str, ...]) -> None:
        """Raises ValueError for a slot or rule that there is not, and for rules that go round in a circle."""
        match expression:
            case Group():
                for item in expression.items:
                    self._check(item, within)
            case ListReference():
                if expression.list_name not in self.lists and not expression.is_inline_range:
                    raise ValueError(f"there is no list, range or wildcard {{{expression.list_name}}}")
            case RuleReference():
                name = expression.rule_name
                if name not in self.rules:
                    raise ValueError(f"there is no rule <{name}>")
                if name in within:
                    raise ValueError(f"the rule <{name}> stands for itself")
                self._check(self.rules[name].expression, (*within, name))
            case _:
                pass


def spellings(template: str) -> list[str]:
    """Every way to say a template without slots; the template itself where it is broken."""
    try:
        return [text.strip() for text in islice(sample_sentence(parse_sentence(template)), MOST_MATCHES)]
    except _BROKEN:
        return [template]


def _word_list(name: str, values: tuple[str, ...] | Mapping[str, object], language: str) -> SlotList:
    pairs = values.items() if isinstance(values, Mapping) else ((word, word) for word in values)
    words = [(wording.template(word, language), value) for word, value in pairs]
    if not words or not all(word for word, _ in words):
        raise ValueError("it has no words, or an empty one")
    return WordList(name=name, values=TextSlotList.from_tuples(words).values)


def _rank(match: RecognizeResult) -> tuple[int, int, int, str]:
    free = _free(match)
    return len(free), -match.text_chunks_matched, sum(len(text) for text in free), match.intent.name


def _free(match: RecognizeResult) -> list[str]:
    """What its free slots took."""
    return [entity.text for entity in match.entities_list if entity.is_wildcard]


def _value(value: object) -> object:
    """Whole numbers as int: hassil gives digits as float and number words as int."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__
