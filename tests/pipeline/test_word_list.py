"""Lists of words: what a text may begin with is what hassil's own index finds."""

from hassil.intents import TextSlotList
from hypothesis import given
from hypothesis import strategies as st

from auricle.api import Sentences
from auricle.pipeline.sentences import Grammar
from auricle.pipeline.word_list import WordList

WORDS = st.lists(
    st.sampled_from(["ab", "a b", "abc", "AB", "b", "straße", "(a|b) c", "c[s]", " a", "İ", "ǆ"]), max_size=8
)
TEXTS = st.text(alphabet="aAbBcCsS -_ßi̇ǆ", max_size=6)


@given(WORDS, TEXTS)
def test_candidates_are_those_of_hassil(words: list[str], text: str) -> None:
    plain = TextSlotList.from_strings(words)
    own = WordList(name="x", values=plain.values)
    assert set(map(id, own.get_candidates(text))) == set(map(id, plain.get_candidates(text)))


def test_fifty_thousand_words_are_learned_ahead_and_found() -> None:
    titles = {f"title {one} of {other}": (one, other) for one in range(250) for other in range(200)}
    faults: list[str] = []
    own = Sentences(intents={"play": ("play {what} [now]",)}, lists={"what": titles})
    grammar = Grammar("en", {"p": own}, lambda plugin, text: faults.append(text))
    grammar.learn_lists()
    intent = grammar.match("Play Title 17 of 199 now.")
    assert intent is not None
    assert intent.slots == {"what": (17, 199)}
    assert grammar.match("play title 17 of 200") is None
    assert faults == []
