"""Whisper's decoder token by token, over the modules of the transformers model.

The model's own way from module to module takes as long, for one row, as the arithmetic: here there is none.
"""

from collections.abc import Sequence

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import WhisperForConditionalGeneration

_PROJECTIONS = ("q_proj", "k_proj", "v_proj")


def merge_projections(model: WhisperForConditionalGeneration, *, keep: bool) -> None:
    """Give each layer's attention to what was said one matrix for its queries, keys and values, `merged`.

    One call instead of three, a third of the cost for a single row. Without `keep` the three go; only `Decoding` can
    use the model then. Before it is quantised.
    """
    for layer in model.model.decoder.layers:
        own = layer.self_attn
        parts = [getattr(own, name) for name in _PROJECTIONS]
        width = parts[0].weight.shape[0]
        merged = torch.nn.Linear(width, 3 * width, device=model.device, dtype=model.dtype)
        with torch.no_grad():
            merged.weight.copy_(torch.cat([part.weight for part in parts]))
            # Whisper's keys have no bias.
            merged.bias.copy_(torch.cat([parts[0].bias, parts[0].bias.new_zeros(width), parts[2].bias]))
        own.merged = merged.requires_grad_(False)
        if not keep:
            for name in _PROJECTIONS:
                delattr(own, name)


class Decoding:
    """A text in the making: what was said so far, over what was heard. Use it in inference mode.

    Or several, of as many tokens each.
    """

    def __init__(self, model: WhisperForConditionalGeneration, encoded: torch.Tensor) -> None:
        """model: after `merge_projections`. encoded: (texts, positions, width), from the encoder."""
        self._decoder = model.model.decoder
        self._scores = model.proj_out
        self._heads = model.config.decoder_attention_heads
        self._heard = [
            (self._split(layer.encoder_attn.k_proj(encoded)), self._split(layer.encoder_attn.v_proj(encoded)))
            for layer in self._decoder.layers
        ]
        size = (len(encoded), self._heads, model.config.max_target_positions, encoded.shape[-1] // self._heads)
        self._said = [(encoded.new_empty(size), encoded.new_empty(size)) for _ in self._decoder.layers]
        self._length = 0

    def rewind(self) -> None:
        """Forget what was said, not what was heard."""
        self._length = 0

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Take more tokens; returns the scores of the one after the first of them and of the one after the last.

        (2, vocabulary), float32; (1, vocabulary) for one token.
        """
        ends = self._pass([tokens])[0, :: max(1, len(tokens) - 1)][:2]
        return self._scores(self._decoder.layer_norm(ends)).float()

    def each(self, tokens: Sequence[int]) -> torch.Tensor:
        """Take more tokens; returns the scores of the one after each of them: (tokens, vocabulary), float32."""
        return self._scores(self._decoder.layer_norm(self._pass([tokens])[0])).float()

    def step_all(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        """Take more tokens of each text, as many of each; the scores of those after the last: (texts, vocabulary)."""
        return self._scores(self._decoder.layer_norm(self._pass(rows)[:, -1])).float()

    def _pass(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        decoder, count = self._decoder, len(rows[0])
        begin, end = self._length, self._length + count
        ids = torch.tensor([list(row) for row in rows], device=self._heard[0][0].device)
        hidden = decoder.embed_tokens(ids) + decoder.embed_positions.weight[begin:end]
        mask = None
        if count > 1:
            mask = torch.ones(count, end, dtype=torch.bool, device=ids.device).tril(begin)
        for layer, heard, said in zip(decoder.layers, self._heard, self._said, strict=True):
            own = layer.self_attn
            queries, new_keys, new_values = own.merged(layer.self_attn_layer_norm(hidden)).chunk(3, -1)
            keys, values = said
            keys[:, :, begin:end] = self._split(new_keys)
            values[:, :, begin:end] = self._split(new_values)
            mixed = scaled_dot_product_attention(
                self._split(queries), keys[:, :, :end], values[:, :, :end], attn_mask=mask
            )
            hidden = hidden + own.out_proj(_joined(mixed))
            queries = layer.encoder_attn.q_proj(layer.encoder_attn_layer_norm(hidden))
            mixed = scaled_dot_product_attention(self._split(queries), *heard)
            hidden = hidden + layer.encoder_attn.out_proj(_joined(mixed))
            hidden = hidden + layer.fc2(layer.activation_fn(layer.fc1(layer.final_layer_norm(hidden))))
        self._length = end
        return hidden

    def _split(self, rows: torch.Tensor) -> torch.Tensor:
        """(1, rows, width) to (1, heads, rows, width of a head)."""
        return rows.unflatten(-1, (self._heads, -1)).transpose(1, 2)


def _joined(heads: torch.Tensor) -> torch.Tensor:
    return heads.transpose(1, 2).flatten(2)
