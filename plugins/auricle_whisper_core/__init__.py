"""What every Whisper engine does alike, whatever it computes with: cut sound into windows, judge what was decoded."""

from auricle_whisper_core.agreement import Agreement
from auricle_whisper_core.decoding import (
    FRAMES_PER_POSITION,
    FULL_CONTEXT,
    LEAD_S,
    LEAST_CONTEXT,
    MOST_TOKENS,
    POSITIONS_PER_S,
    context_of,
    loud_enough,
    threads,
    token_budget,
)
from auricle_whisper_core.engine import SURE_LANGUAGE, WhisperEngine
from auricle_whisper_core.hint import hint_tokens
from auricle_whisper_core.judge import (
    NO_SPEECH,
    UNSURE_LOGPROB,
    Decoded,
    Verdict,
    hopeless,
    joined,
    judge,
    sure,
    weighed,
)
from auricle_whisper_core.mel import HOP_SAMPLES, FloatArray, LogMel
from auricle_whisper_core.windows import LONGEST, growing_windows, halves, windows

__all__ = [
    "FRAMES_PER_POSITION",
    "FULL_CONTEXT",
    "HOP_SAMPLES",
    "LEAD_S",
    "LEAST_CONTEXT",
    "LONGEST",
    "MOST_TOKENS",
    "NO_SPEECH",
    "POSITIONS_PER_S",
    "SURE_LANGUAGE",
    "UNSURE_LOGPROB",
    "Agreement",
    "Decoded",
    "FloatArray",
    "LogMel",
    "Verdict",
    "WhisperEngine",
    "context_of",
    "growing_windows",
    "halves",
    "hint_tokens",
    "hopeless",
    "joined",
    "judge",
    "loud_enough",
    "sure",
    "threads",
    "token_budget",
    "weighed",
    "windows",
]
