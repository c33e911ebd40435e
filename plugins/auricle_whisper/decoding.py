"""Whisper's decoder token by token, over the modules of the transformers model.

The model's own way from module to module takes as long, for one row, as the arithmetic: here there is none.
"""

from collections.abc import Sequence

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import WhisperForConditionalGeneration


class Decoding:
    """One text in the making: what was said so far, over what was heard. Use it in inference mode."""

    def __init__(self, model: WhisperForConditionalGeneration, encoded: torch.Tensor) -> None:
        """encoded: (1, positions, width), from the encoder."""
        self._decoder = model.model.decoder
        self._scores = model.proj_out
        self._heads = model.config.decoder_attention_heads
        self._heard = [
            (self._split(layer.encoder_attn.k_proj(encoded)), self._split(layer.encoder_attn.v_proj(encoded)))
            for layer in self._decoder.layers
        ]
        size = (1, self._heads, model.config.max_target_positions, encoded.shape[-1] // self._heads)
        self._said = [(encoded.new_empty(size), encoded.new_empty(size)) for _ in self._decoder.layers]
        self._length = 0

    def rewind(self) -> None:
        """Forget what was said, not what was heard."""
        self._length = 0

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Take more tokens; returns the scores of the one after them, float32, one for each in the vocabulary."""
        decoder, begin, end = self._decoder, self._length, self._length + len(tokens)
        ids = torch.tensor([list(tokens)], device=self._heard[0][0].device)
        hidden = decoder.embed_tokens(ids) + decoder.embed_positions.weight[begin:end]
        mask = None
        if len(tokens) > 1:
            mask = torch.ones(len(tokens), end, dtype=torch.bool, device=ids.device).tril(begin)
        for layer, heard, said in zip(decoder.layers, self._heard, self._said, strict=True):
            rows = layer.self_attn_layer_norm(hidden)
            own = layer.self_attn
            keys, values = said
            keys[:, :, begin:end] = self._split(own.k_proj(rows))
            values[:, :, begin:end] = self._split(own.v_proj(rows))
            mixed = scaled_dot_product_attention(
                self._split(own.q_proj(rows)), keys[:, :, :end], values[:, :, :end], attn_mask=mask
            )
            hidden = hidden + own.out_proj(_joined(mixed))
            rows = layer.encoder_attn_layer_norm(hidden)
            mixed = scaled_dot_product_attention(self._split(layer.encoder_attn.q_proj(rows)), *heard)
            hidden = hidden + layer.encoder_attn.out_proj(_joined(mixed))
            rows = layer.final_layer_norm(hidden)
            hidden = hidden + layer.fc2(layer.activation_fn(layer.fc1(rows)))
        self._length = end
        return self._scores(decoder.layer_norm(hidden[:, -1]))[0].float()

    def _split(self, rows: torch.Tensor) -> torch.Tensor:
        """(1, rows, width) to (1, heads, rows, width of a head)."""
        return rows.view(1, rows.shape[1], self._heads, -1).transpose(1, 2)


def _joined(heads: torch.Tensor) -> torch.Tensor:
    return heads.transpose(1, 2).flatten(2)
