"""Which of the sentences that sound about as likely was said: the decoder of the engine that heard it is asked.

Its probability of a sentence, given the sound, knows what was lost in the transcript: "soy" cut short is nearer to
"sugar" than to "soy milk" in phonemes, and far likelier to be "soy milk" by the sound. Both are added as in the
rescoring of n-best lists (Ostendorf et al., "Integration of diverse recognition methodologies through reevaluation of
N-best sentence hypotheses", 1991), the decoder's with a weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from auricle.pipeline import wording
from auricle.pipeline.phonetic.hearing import Candidate, Hearing, Option

WEIGHT = 0.2
"""What a natural logarithm of the decoder's probability counts beside cost by sound.

Fitted on half of 120 recorded orders in noise, with tiny.en; 0.1 to 0.3 did as well on the other half.
"""
UNCLEAR = 1.0
"""Cost by which what speaks for another meaning may be less, for the decoder to be asked."""
DECIDED = 0.1
"""Cost by which the best must be ahead once both are added; else what was found by sound alone stands."""
_NAMES = {"i", "i'd", "i'll", "i'm", "i've"}


@dataclass(frozen=True, slots=True)
class _Weighed:
    option: Option
    likelihood: float

    @property
    def cost(self) -> float:
        return self.option.cost - WEIGHT * self.likelihood


def unclear(options: Sequence[Option]) -> bool:
    """Whether another meaning is about as likely as the likeliest."""
    costs = sorted(option.cost for option in options)
    return len(costs) > 1 and costs[1] - costs[0] <= UNCLEAR


def written(sentence: str, language: str) -> str:
    """A sentence as Whisper writes: a capital first, a full stop at its end, which also tells that nothing follows."""
    words = sentence.split()
    if wording.family(language) == "en":
        words = [word.capitalize() if word in _NAMES else word for word in words]
    text = " ".join(words)
    return f"{text[:1].upper()}{text[1:]}."


def weighed(hearing: Hearing, likelihoods: Sequence[float]) -> Hearing:
    """Decide again. likelihoods: of `hearing.options`, natural logarithms."""
    found = [_Weighed(option, likelihood) for option, likelihood in zip(hearing.options, likelihoods, strict=True)]
    found.sort(key=lambda one: one.cost)
    best, next_best = found[:2]
    candidates = tuple(_told(one) for one in found)
    ahead = next_best.cost - best.cost
    if ahead < DECIDED:
        return replace(hearing, candidates=_scored(hearing.candidates, candidates), options=())
    reason = (
        f'{best.option.reason}; by sound and decoder together likelier than "{next_best.option.candidate.sentence}"'
    )
    return Hearing(best.option.verdict, reason, candidates, hearing.phonemes)


def _told(one: _Weighed) -> Candidate:
    return replace(one.option.candidate, likelihood=round(one.likelihood, 2))


def _scored(candidates: Sequence[Candidate], known: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The candidates as they were, with what the engine said of them."""
    said = {candidate.intent.meaning: candidate.likelihood for candidate in known}
    return tuple(replace(one, likelihood=said.get(one.intent.meaning)) for one in candidates)
