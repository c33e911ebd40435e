"""The engine itself: only its own process imports this."""

import gc
import logging
import re
from collections.abc import Sequence

import numpy as np
import torch
import transformers

from auricle.api import INBOUND_RATE_HZ, EngineError, EngineOutOfMemory, EngineUnavailable
from auricle_whisper import WhisperConfig
from auricle_whisper.checkpoint import checkpoint_folder, chosen_device, chosen_dtype, load_model, quantise
from auricle_whisper.decoding import Decoding, merge_projections
from auricle_whisper.network import Network, Said
from auricle_whisper_core import (
    FRAMES_PER_POSITION,
    FULL_CONTEXT,
    LEAD_S,
    LEAST_CONTEXT,
    MOST_TOKENS,
    NO_SPEECH,
    Decoded,
    FloatArray,
    LogMel,
    WhisperEngine,
    context_of,
    halves,
    joined,
    sure,
    threads,
    token_budget,
    weighed,
)

_BATCH_ON_GPU = 8
"""As many as an engine's server has waiting at most."""

_log = logging.getLogger(__name__)


class TransformersWhisper(WhisperEngine):
    """Whisper over transformers and torch. One request at a time."""

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__(
            short_context=config.short_context,
            languages=config.languages,
            partials=config.partials,
            prompt=config.prompt,
        )
        self._config = config
        self._kept: tuple[torch.Tensor, list[int]] | None = None
        """What was encoded last, and the prompt after which texts are weighed."""

    def load(self) -> None:
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        folder = checkpoint_folder(self._config.model)
        self._device = chosen_device(self._config.device)
        dtype = chosen_dtype(self._config.dtype, self._device)
        if self._device == "cpu":
            torch.set_num_threads(threads())
        try:
            self._tokenizer = transformers.WhisperTokenizerFast.from_pretrained(folder, local_files_only=True)
            model = load_model(folder, self._device, dtype)
        except Exception as error:  # each file of a checkpoint has its own kind of broken
            raise EngineUnavailable(
                f"Whisper checkpoint {folder} cannot be used on {self._device} with {dtype}: {error}"
            ) from error
        merge_projections(model, keep=self._config.beams > 1)
        int8 = self._config.int8 and self._device == "cpu" and dtype == torch.float32 and quantise(model)
        self.device = self._device
        self.batch = self._config.batch or (_BATCH_ON_GPU if self._device == "cuda" else 1)
        self._mel = LogMel(model.config.num_mel_bins)
        self._vocabulary: dict[str, int] = self._tokenizer.get_vocab()
        self._start = self._token("<|startoftranscript|>")
        self._end = self._token("<|endoftext|>")
        self._untimed = self._token("<|notimestamps|>")
        self._languages_by_token = {
            token: mark.strip("<|>")
            for mark, token in self._vocabulary.items()
            if re.fullmatch(r"<\|[a-z]{2,3}\|>", mark) and self._end < token < self._untimed
        }
        settings = model.generation_config
        self._multilingual = bool(getattr(settings, "is_multilingual", len(self._vocabulary) >= 51_865))
        self._before = self._token("<|startofprev|>")
        self.network = Network(model, self._end, timestamps_from=self._untimed + 1)
        hush = np.random.default_rng(0).normal(0.0, 0.01, INBOUND_RATE_HZ).astype(np.float32)
        try:
            self.decode(hush, LEAST_CONTEXT, "en")
        except RuntimeError as error:  # kernels that are not there, weights that are no numbers
            raise EngineUnavailable(
                f"Whisper checkpoint {folder} does not compute on {self._device} with {dtype}: {error}; try another "
                "[engines.whisper] device or dtype"
            ) from error
        _log.info("Whisper checkpoint %s on %s, %s", folder, self._device, "int8" if int8 else dtype)

    @property
    def multilingual(self) -> bool:
        return self._multilingual

    def knows(self, language: str) -> bool:
        return language in self._languages_by_token.values() or language == "en"

    def tokens_of(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def close(self) -> None:
        del self.network
        self._free()

    def decode(self, samples: FloatArray, context: int, language: str | None) -> tuple[Decoded, str]:
        """Out of memory is tried once more with less, after all that is free was given back; then EngineOutOfMemory."""
        try:
            return self._decode(samples, context, language)
        except torch.OutOfMemoryError as error:
            _log.warning("Whisper is out of memory on %s, trying again: %s", self._device, error)
        # Not in the handler: the traceback holds what has to go.
        self._free()
        try:
            return self._decode_less(samples, context, language)
        except torch.OutOfMemoryError:
            _log.warning("Whisper is out of memory on %s once more", self._device)
        self._free()
        raise EngineOutOfMemory(
            f"Whisper is out of memory on {self._device}: set [stt] model to a smaller one, or "
            '[engines.whisper] device = "cpu"'
        )

    def decode_all(self, windows: Sequence[tuple[FloatArray, str | None]]) -> list[tuple[Decoded, str]]:
        """Together; out of memory halves them, down to one, after all that is free was given back."""
        if len(windows) < 2 or self._config.beams > 1:
            return super().decode_all(windows)
        try:
            return self._decode_all(windows)
        except torch.OutOfMemoryError as error:
            _log.warning("Whisper is out of memory on %s with %d at a time: %s", self._device, len(windows), error)
        # Not in the handler: the traceback holds what has to go.
        self._free()
        half = len(windows) // 2
        return [*self.decode_all(windows[:half]), *self.decode_all(windows[half:])]

    def _decode_all(self, windows: Sequence[tuple[FloatArray, str | None]]) -> list[tuple[Decoded, str]]:
        if not all(np.isfinite(samples).all() for samples, _ in windows):
            raise EngineError("sound that is no number cannot be transcribed: convert it to 16 bits")
        self._kept = None
        features = np.stack([self._heard(samples, FULL_CONTEXT) for samples, _ in windows])
        encoded = self.network.encode(torch.from_numpy(features))
        probabilities = self.network.first(encoded, self._start)
        no_speech = [float(row[self._untimed - 1]) for row in probabilities]
        spoken = [language or self._spoken(row) for (_, language), row in zip(windows, probabilities, strict=True)]
        found = [(Decoded("", 0.0, gone, 0, cut=False), code) for gone, code in zip(no_speech, spoken, strict=True)]
        rest = [number for number, gone in enumerate(no_speech) if gone <= NO_SPEECH]
        prompts = {number: self._whole(spoken[number]) for number in rest}
        budgets = {number: token_budget(windows[number][0]) for number in rest}
        # Prompts of one length go together: no row of a batch has room left before its text.
        for length in sorted({len(prompt) for prompt in prompts.values()}):
            rows = [number for number in rest if len(prompts[number]) == length]
            said = self.network.greedy_all(
                encoded[rows], [prompts[number] for number in rows], [budgets[number] for number in rows]
            )
            for number, one in zip(rows, said, strict=True):
                found[number] = self._decoded(one, no_speech[number], budgets[number]), spoken[number]
        return found

    def _decode_less(self, samples: FloatArray, context: int, language: str | None) -> tuple[Decoded, str]:
        """With the shortest context that holds the sound; if that is not shorter than before, in two halves."""
        least = context_of(len(samples) / INBOUND_RATE_HZ)
        if least < context or least == LEAST_CONTEXT:
            return self._decode(samples, least, language)
        first, second = halves(samples)
        begun, spoken = self._decode(first, context_of(len(first) / INBOUND_RATE_HZ), language)
        ended, _ = self._decode(second, context_of(len(second) / INBOUND_RATE_HZ), spoken)
        self._kept = None
        return joined(begun, ended), spoken

    def _decode(self, samples: FloatArray, context: int, language: str | None) -> tuple[Decoded, str]:
        if not np.isfinite(samples).all():
            raise EngineError("sound that is no number cannot be transcribed: convert it to 16 bits")
        self._kept = None
        encoded = self.network.encode(torch.from_numpy(self._heard(samples, context))[None])
        state = self.network.begin(encoded)
        marks = self._prompt(language) if language or not self._multilingual else None
        probabilities, scores = self.network.take(state, [self._start, *(marks or ())])
        no_speech, spoken = self._no_speech(probabilities), language or self._spoken(probabilities)
        # This gate has no hint: after words, Whisper takes hiss for more of them.
        if no_speech > NO_SPEECH:
            return Decoded("", 0.0, no_speech, 0, cut=False), spoken
        if marks is None:
            marks = self._prompt(spoken)
            scores = self.network.take(state, marks)[1]
        budget = token_budget(samples)
        plain, whole = [self._start, *marks], self._whole(spoken)
        # Texts are weighed without the hint too: with it some would be likelier for being in it.
        self._kept = encoded, plain
        if whole == plain:
            return self._written(encoded, state, plain, scores, no_speech, budget), spoken
        state.rewind()
        hinted = self._written(encoded, state, whole, self.network.take(state, whole)[1], no_speech, budget)
        if sure(hinted):
            return hinted, spoken
        state.rewind()
        scores = self.network.take(state, plain)[1]
        return weighed(hinted, self._written(encoded, state, plain, scores, no_speech, budget)), spoken

    def _written(
        self,
        encoded: torch.Tensor,
        state: Decoding,
        prompt: list[int],
        scores: torch.Tensor,
        no_speech: float,
        budget: int,
    ) -> Decoded:
        """The text after a prompt. state, scores: those after it."""
        if self._config.beams > 1:
            said = self.network.beams(encoded, prompt, budget, self._config.beams)
        else:
            said = self.network.greedy(state, scores, budget)
        return self._decoded(said, no_speech, budget)

    def _decoded(self, said: Said, no_speech: float, budget: int) -> Decoded:
        text = str(self._tokenizer.decode([token for token in said.tokens if token < self._end])).strip()
        return Decoded(text, said.logprob, no_speech, len(said.tokens), cut=len(said.tokens) >= budget)

    def _no_speech(self, probabilities: torch.Tensor) -> float:
        """Of those after the start. The token for it has had two names; it has always stood here."""
        return float(probabilities[self._untimed - 1])

    def weigh(self, texts: Sequence[str]) -> Sequence[float] | None:
        if self._kept is None:
            return None
        encoded, whole = self._kept
        tokens = [self.tokens_of(f" {text.strip()}")[:MOST_TOKENS] for text in texts]
        try:
            return self.network.likelihoods(encoded, whole, tokens)
        except torch.OutOfMemoryError as error:
            _log.warning("Whisper is out of memory on %s: texts are not weighed: %s", self._device, error)
        self._kept = None
        self._free()
        return None

    def _heard(self, samples: FloatArray, context: int) -> FloatArray:
        """Features (mels, 2 frames for each position) of the sound, silence before and after it."""
        lead = np.zeros(int(LEAD_S * INBOUND_RATE_HZ), dtype=np.float32)
        return self._mel.padded(np.concatenate([lead, samples]), context * FRAMES_PER_POSITION)

    def _whole(self, language: str) -> list[int]:
        """The prompt with the hint before it, if there is one."""
        hint = self.hint(language)
        return [*([self._before, *hint] if hint else ()), self._start, *self._prompt(language)]

    def _prompt(self, language: str | None) -> list[int]:
        """What follows the start. Never the text before: what was made up once would be made up again."""
        if not self._multilingual:
            return [self._untimed]
        return [self._token(f"<|{language}|>"), self._token("<|transcribe|>"), self._untimed]

    def _spoken(self, probabilities: torch.Tensor) -> str:
        if not self._multilingual or not self._languages_by_token:
            return "en"
        tokens = list(self._languages_by_token)
        among = probabilities[tokens] / probabilities[tokens].sum()
        best = int(among.argmax())
        return self.heard_language(self._languages_by_token[tokens[best]], float(among[best]))

    def _free(self) -> None:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _token(self, mark: str) -> int:
        token = self._vocabulary.get(mark)
        if token is None:
            raise EngineUnavailable(f"the tokenizer of the Whisper checkpoint has no {mark}: is it from another model?")
        return token
