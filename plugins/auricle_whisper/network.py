"""Whisper's two networks as the engine uses them: the encoder over part of its context, the decoder token by token."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from transformers import GenerationConfig, GenerationMixin, WhisperForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from auricle.api import EngineError
from auricle_whisper.decoding import Decoding

NO_NUMBER = "Whisper computed no number: try another [engines.whisper] dtype"


@dataclass(frozen=True, slots=True)
class Said:
    """What the decoder wrote."""

    tokens: list[int]
    """Without the end."""
    logprob: float
    """Mean over the tokens and the end."""


class Network:
    """Computes without gradients; the model is as it was after each call, also after one that failed."""

    def __init__(self, model: WhisperForConditionalGeneration, end: int, timestamps_from: int) -> None:
        """end: the token that ends a text. timestamps_from: the first token that is a time."""
        self.model = model
        self._positions = model.model.encoder.embed_positions
        self._end = end
        settings = model.generation_config
        never = list(settings.suppress_tokens or []) + list(range(timestamps_from, model.config.vocab_size))
        begin = list(settings.begin_suppress_tokens or [])
        self._never = _bar(model, never)
        self._never_first = _bar(model, [*never, *begin])
        self._beam_settings = GenerationConfig(
            suppress_tokens=never or None,
            begin_suppress_tokens=begin or None,
            eos_token_id=end,
            pad_token_id=end,
            decoder_start_token_id=model.config.decoder_start_token_id,
            return_dict_in_generate=True,
            output_scores=True,
            do_sample=False,
        )

    def encode(self, features: torch.Tensor) -> torch.Tensor:
        """features: (1, mels, 2 frames for each position), of up to the model's whole context."""
        with torch.inference_mode(), self._context(features.shape[-1] // 2):
            features = features.to(self.model.device, self.model.dtype)
            return self.model.model.encoder(features).last_hidden_state

    def begin(self, encoded: torch.Tensor) -> Decoding:
        with torch.inference_mode():
            return Decoding(self.model, encoded)

    def take(self, state: Decoding, prompt: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Probabilities of the token after the first of the prompt, scores of the token after the last."""
        with torch.inference_mode():
            scores = state.step(prompt)
            probabilities = scores[0].softmax(-1)
        if not bool(probabilities.isfinite().all()):
            raise EngineError(NO_NUMBER)
        return probabilities, scores[-1]

    def greedy(self, state: Decoding, scores: torch.Tensor, budget: int) -> Said:
        """Go on from a state whose last scores are given with the likeliest tokens, `budget` of them at most."""
        tokens: list[int] = []
        logprob = 0.0
        with torch.inference_mode():
            while len(tokens) < budget:
                scores = scores + (self._never if tokens else self._never_first)
                best = scores.log_softmax(-1).max(-1)
                logprob += float(best.values)
                if not math.isfinite(logprob):
                    raise EngineError(NO_NUMBER)
                token = int(best.indices)
                if token == self._end:
                    break
                tokens.append(token)
                if len(tokens) < budget:
                    scores = state.step([token])[-1]
        return Said(tokens, logprob / (len(tokens) + 1))

    def first(self, encoded: torch.Tensor, start: int) -> torch.Tensor:
        """Probabilities of the token after the start of each of several texts: (rows, vocabulary)."""
        with torch.inference_mode():
            scores = Decoding(self.model, encoded).step_all([[start]] * len(encoded))
            return self._numbers(scores).softmax(-1)

    def greedy_all(self, encoded: torch.Tensor, prompts: Sequence[Sequence[int]], budgets: Sequence[int]) -> list[Said]:
        """As `greedy`, of several texts at a time. encoded: (rows, positions, width). prompts: all of one length."""
        tokens: list[list[int]] = [[] for _ in prompts]
        logprobs = [0.0] * len(prompts)
        writing = set(range(len(prompts)))
        with torch.inference_mode():
            state = Decoding(self.model, encoded)
            scores = state.step_all(prompts) + self._never_first
            while writing:
                best = self._numbers(scores).log_softmax(-1).max(-1)
                values, indices = best.values.tolist(), best.indices.tolist()
                for row in sorted(writing):
                    logprobs[row] += values[row]
                    if indices[row] != self._end:
                        tokens[row].append(indices[row])
                    if indices[row] == self._end or len(tokens[row]) >= budgets[row]:
                        writing.discard(row)
                if writing:
                    scores = state.step_all([[token] for token in indices]) + self._never
        return [Said(said, logprob / (len(said) + 1)) for said, logprob in zip(tokens, logprobs, strict=True)]

    def _numbers(self, scores: torch.Tensor) -> torch.Tensor:
        """The same. Raises EngineError if a row has no number in it that could be taken."""
        if bool(scores.isnan().any()) or not bool(scores.max(-1).values.isfinite().all()):
            raise EngineError(NO_NUMBER)
        return scores

    def beams(self, encoded: torch.Tensor, prompt: Sequence[int], budget: int, count: int) -> Said:
        """The likeliest text of those that `count` beams find. prompt: the whole."""
        with torch.inference_mode():
            found = GenerationMixin.generate(
                self.model,
                encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
                decoder_input_ids=torch.tensor([list(prompt)], device=self.model.device),
                generation_config=self._beam_settings,
                num_beams=count,
                max_new_tokens=budget,
            )
        tokens = [int(token) for token in found.sequences[0, len(prompt) :] if int(token) != self._end]
        return Said(tokens, float(found.sequences_scores[0]))

    def likelihoods(self, encoded: torch.Tensor, prompt: Sequence[int], texts: Sequence[Sequence[int]]) -> list[float]:
        """Log probability of each text's tokens, all together, after the whole prompt; among tokens that are text."""
        found = []
        with torch.inference_mode():
            state = Decoding(self.model, encoded)
            for tokens in texts:
                state.rewind()
                scores = state.each([*prompt, *tokens])[len(prompt) - 1 : -1, : self._end]
                places = torch.tensor(tokens, device=scores.device)[:, None]
                found.append(float(scores.log_softmax(-1).gather(1, places).sum()))
        return found

    @contextmanager
    def _context(self, positions: int) -> Iterator[None]:
        """transformers takes the whole context alone: give the encoder fewer positions for this while."""
        encoder = self.model.model.encoder
        whole = self._positions.num_embeddings
        if positions != whole:
            encoder.embed_positions = torch.nn.Embedding.from_pretrained(self._positions.weight[:positions])
            encoder.config.max_source_positions = positions
        try:
            yield
        finally:
            encoder.embed_positions = self._positions
            encoder.config.max_source_positions = whole


def _bar(model: WhisperForConditionalGeneration, tokens: Sequence[int]) -> torch.Tensor:
    """What is added to the scores so that these tokens are never taken."""
    bar = torch.zeros(model.config.vocab_size, device=model.device)
    bar[list(tokens)] = -torch.inf
    return bar
