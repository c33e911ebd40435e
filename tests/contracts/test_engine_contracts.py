"""The contracts that every engine keeps, run over the engines that come with the daemon."""

from collections.abc import Iterator, Sequence

import pytest

from auricle.api import SttEngine, TtsEngine
from auricle.engines.place import Remote
from auricle.testing.contracts import Recording, SttContract, TtsContract
from support.remote_engines import Loop, SttOverTheWire, TtsOverTheWire, served
from support.tiny_chatterbox import TinyChatterbox
from support.voice import STEADY_ENV, Speak

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


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def remote_whisper(loop: Loop) -> Iterator[SttEngine]:
    with served("faster_whisper") as uri:
        yield SttOverTheWire(Remote("elsewhere", uri, on_change=print), loop)


@pytest.fixture(scope="module")
def remote_piper(loop: Loop) -> Iterator[TtsEngine]:
    with served("piper", **STEADY_ENV) as uri:
        yield TtsOverTheWire(Remote("elsewhere", uri, on_change=print), loop)


@pytest.fixture(scope="module", params=["off", "on"], ids=["whole sentences", "in the sentence"])
def chatterbox(
    request: pytest.FixtureRequest,
    tiny_chatterbox: TinyChatterbox,
    tmp_path_factory: pytest.TempPathFactory,
    loop: Loop,
) -> Iterator[TtsEngine]:
    config = tiny_chatterbox.config(seed=3, stream=request.param)
    worker = tiny_chatterbox.worker(tmp_path_factory.mktemp("worker"), config)
    loop.run(worker.start())
    yield TtsOverTheWire(worker, loop, native_speed=False)
    loop.run(worker.stop())


class TestRemoteStt(SttContract):
    """Whisper on another machine, as far as the daemon can tell."""

    @pytest.fixture
    def engine(self, remote_whisper: SttEngine) -> SttEngine:
        return remote_whisper


class TestRemoteTts(TtsContract):
    """Piper on another machine."""

    @pytest.fixture
    def engine(self, remote_piper: TtsEngine) -> TtsEngine:
        return remote_piper


@pytest.mark.slow
@pytest.mark.timeout(900)
class TestChatterbox(TtsContract):
    """In an environment and a process of its own, on weights that were made for this."""

    least_words_right = 0.0
    """What made weights say is noise."""

    @pytest.fixture
    def engine(self, chatterbox: TtsEngine) -> TtsEngine:
        return chatterbox
