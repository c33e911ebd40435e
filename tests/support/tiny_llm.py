"""A language model of made weights for the server of llama.cpp: it says what the test wants, word by word.

A Llama of one layer that attends to nothing: its embedding of a token is one-hot, and its output matrix is the table of
which token follows which. Where an answer begins is up to the chat template, which is the test's too. All else (GGUF,
tokenizer, template, sampling, grammar of tool calls, server-sent events) is the real server's.
"""

import json
import os
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from support.mosquitto import free_port

KEY = "sk-test-7f3a9"
MODEL = "tiny"
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_CONTEXT = 8192


def write_model(path: Path, answers: Mapping[str, str], template: str) -> None:
    """answers: special token that begins it to the text that follows, cut into tokens at spaces, kept with the word.

    template: in Jinja; it ends in one of those special tokens.
    """
    tokens: list[tuple[str, int]] = [("<unk>", _UNKNOWN), ("<s>", _CONTROL), ("</s>", _CONTROL)]
    tokens += [(f"<0x{byte:02X}>", _BYTE) for byte in range(256)]
    follows: dict[int, int] = {}
    for begin, text in answers.items():
        last = len(tokens)
        tokens.append((begin, _CONTROL))
        for piece in _pieces(text, {token for token, _ in tokens}):
            follows[last] = len(tokens)
            last = len(tokens)
            tokens.append((piece, _NORMAL))
        follows[last] = 2
    count = len(tokens)
    width = -(-count // 64) * 64
    eye = np.eye(count, width, dtype=np.float32)
    output = np.zeros((count, width), dtype=np.float32)
    for before, after in follows.items():
        output[after, before] = 10.0
    nothing = np.zeros((width, width), dtype=np.float32)
    ones = np.ones(width, dtype=np.float32)
    tensors = {"token_embd.weight": eye, "output_norm.weight": ones, "output.weight": output}
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        tensors[f"blk.0.{name}.weight"] = nothing
    for name, shape in (("ffn_gate", (64, width)), ("ffn_up", (64, width)), ("ffn_down", (width, 64))):
        tensors[f"blk.0.{name}.weight"] = np.zeros(shape, dtype=np.float32)
    tensors |= {"blk.0.attn_norm.weight": ones, "blk.0.ffn_norm.weight": ones}
    keys: dict[str, object] = {
        "general.architecture": "llama",
        "general.name": "made for a test",
        "llama.block_count": 1,
        "llama.context_length": _CONTEXT,
        "llama.embedding_length": width,
        "llama.feed_forward_length": 64,
        "llama.attention.head_count": 1,
        "llama.attention.head_count_kv": 1,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": width,
        "llama.vocab_size": count,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": [token for token, _ in tokens],
        "tokenizer.ggml.scores": [-1000.0] * count,
        "tokenizer.ggml.token_type": [kind for _, kind in tokens],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_space_prefix": False,
        "tokenizer.chat_template": template,
    }
    path.write_bytes(_gguf(keys, tensors))


def _pieces(text: str, taken: set[str]) -> Iterator[str]:
    """The text's words, as no token has them yet: one that is taken goes with the next."""
    piece = ""
    for number, word in enumerate(text.split(" ")):
        piece += ("\u2581" if number else "") + word
        if piece not in taken:
            yield piece
            taken.add(piece)
            piece = ""
    assert not piece, f"the end of {text!r} is the end of another text too"


def _gguf(
    keys: Mapping[str, object], tensors: Mapping[str, "np.ndarray[tuple[int, ...], np.dtype[np.float32]]"]
) -> bytes:
    """A GGUF file of version 3: header, keys, tensor infos, and the tensors, each at a multiple of 32."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    for name, value in keys.items():
        head += _text(name) + _value(value)
    offset, body = 0, b""
    for name, tensor in tensors.items():
        sides = tensor.shape[::-1]
        head += _text(name) + struct.pack(f"<I{len(sides)}QIQ", len(sides), *sides, 0, offset)
        data = tensor.tobytes()
        data += bytes(-len(data) % 32)
        body += data
        offset += len(data)
    return head + bytes(-len(head) % 32) + body


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: object) -> bytes:
    match value:
        case bool():
            return struct.pack("<IB", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", 8) + _text(value)
        case [str(), *_]:
            return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_text(item) for item in value)
        case [float(), *_]:
            return struct.pack(f"<IIQ{len(value)}f", 9, 6, len(value), *value)
        case [int(), *_]:
            return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
        case _:
            raise TypeError(value)


_SERVE = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.hostnames, params.port = sys.argv[1], ["127.0.0.1"], int(sys.argv[2])
params.model_alias = {sys.argv[3]}
params.api_keys = [sys.argv[4]]
params.n_ctx = int(sys.argv[5])
params.n_parallel, params.use_jinja, params.warmup = 2, True, False
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
params.n_threads_http = 4
server = xllamacpp.Server(params)
print("serving", flush=True)
sys.stdin.read()
"""


@contextmanager
def serving(model: Path) -> Iterator[str]:
    """Run llama.cpp's server over a model; give its URL, with the version. It wants KEY."""
    port = free_port()
    log = model.with_suffix(".log")
    with log.open("wb") as told:
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(model), str(port), MODEL, KEY, str(_CONTEXT)],
            stdin=subprocess.PIPE,
            stdout=told,
            stderr=told,
            env={**os.environ, "OMP_NUM_THREADS": "1", "GGML_NO_BACKTRACE": "1"},
        )
    try:
        until_s = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                    if json.load(answer)["status"] == "ok":
                        break
            except OSError:
                pass
            assert process.poll() is None, log.read_text(errors="replace")[-3000:]
            assert time.monotonic() < until_s, log.read_text(errors="replace")[-3000:]
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()
