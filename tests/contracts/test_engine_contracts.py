"""The contracts that every engine keeps, run over the engines that come with the daemon."""

from collections.abc import Sequence

import pytest

from auricle.api import SttEngine, TtsEngine
from auricle.testing.contracts import Recording, SttContract, TtsContract
from support.voice import Speak

pytestmark = pytest.mark.models


@pytest.fixture
def recordings(speak: Speak) -> Sequence[Recording]:
    texts = ("Turn on the light in the kitchen.", "What is the weather like in London today?")
    return [Recording(speak(text), text.lower().strip(".?")) for text in texts]


class TestFasterWhisper(SttContract):
    @pytest.fixture
    def engine(self, whisper_engine: SttEngine) -> SttEngine:
        return whisper_engine


class TestWhisper(SttContract):
    @pytest.fixture
    def engine(self, transformers_engine: SttEngine) -> SttEngine:
        return transformers_engine


class TestPiper(TtsContract):
    @pytest.fixture
    def engine(self, piper_engine: TtsEngine) -> TtsEngine:
        return piper_engine
