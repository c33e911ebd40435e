"""A television is on: the command ends where its speaker does, and not where the last voice does."""

from pathlib import Path

import numpy as np
import pytest

from auricle.api import PluginConfig
from auricle.cli.figures.commands import last_spoken_sample
from auricle.model.audio import INBOUND_RATE_HZ
from auricle.pipeline.endpoint import Command, EndpointRule, Segmenter, Verdict
from auricle.pipeline.nearness import power
from auricle_silero_vad.engine import Engine
from support.recordings import Samples, load_samples

RULE = EndpointRule()
WINDOW = 512
COMMANDS = 10


def heard(*parts: tuple[float, float], rule: EndpointRule = RULE) -> Segmenter:
    """parts: seconds and dB of voice."""
    segmenter = Segmenter(rule)
    for seconds, level_db in parts:
        for _ in range(round(seconds * INBOUND_RATE_HZ / WINDOW)):
            segmenter.push(WINDOW, 0.9 if level_db > 0 else 0.0, 10 ** (level_db / 10))
    return segmenter


def test_voice_far_below_the_speaker_ends_the_command() -> None:
    command = heard((2, 60), (1.3, 48)).command
    assert command.reason == "background"
    assert command.last_sample == pytest.approx(2 * INBOUND_RATE_HZ, abs=2048)


def test_a_soft_end_is_the_speakers_and_so_is_all_where_the_rule_is_off() -> None:
    assert heard((2, 60), (0.7, 48), (1.0, 0)).command.last_sample > 2.6 * INBOUND_RATE_HZ
    off = EndpointRule(background_db=0)
    assert heard((2, 60), (3, 48), rule=off).verdict is Verdict.SPEAKING


def test_who_breaks_off_may_go_on_softly_for_longer_and_the_usual_counts_again_once_they_did() -> None:
    def goes_on(segmenter: Segmenter, seconds: float, level_db: float) -> Segmenter:
        for _ in range(round(seconds * INBOUND_RATE_HZ / WINDOW)):
            segmenter.push(WINDOW, 0.9, 10 ** (level_db / 10))
        return segmenter

    broken_off = heard((2, 60), (0.5, 48))
    broken_off.expect(RULE.silence_s + 0.5)
    assert goes_on(broken_off, 0.8, 48).verdict is Verdict.SPEAKING
    assert goes_on(broken_off, 0.4, 48).command.reason == "background"

    usual_again = heard((2, 60), (0.5, 48))
    usual_again.expect(RULE.silence_s + 0.5)
    goes_on(usual_again, 0.5, 60)
    assert goes_on(usual_again, 1.2, 48).command.reason == "background"


def test_voices_before_the_command_are_not_its_level() -> None:
    command = heard((1.5, 48), (2, 60), (1.5, 48)).command
    assert command.reason == "background"
    assert command.last_sample == pytest.approx(3.5 * INBOUND_RATE_HZ, abs=2048)


def ended(vad: Engine, samples: Samples) -> Command:
    segmenter = Segmenter(RULE)
    vad.reset()
    for at in range(0, len(samples) - WINDOW, WINDOW):
        pcm = samples[at : at + WINDOW].tobytes()
        if segmenter.push(WINDOW, vad.probability(pcm), power(pcm)).final:
            break
    segmenter.finish()
    return segmenter.command


def active(samples: Samples) -> float:
    """Level (RMS) of what is spoken."""
    frames = samples[: len(samples) // WINDOW * WINDOW].astype(np.float64).reshape(-1, WINDOW)
    means = np.mean(frames**2, axis=1)
    return float(np.sqrt(means[means > 0.01 * means.max()].mean()))


@pytest.mark.models
def test_real_commands_end_beside_a_real_voice_and_none_is_cut(recordings: Path) -> None:
    files = sorted((recordings / "commands").glob("*.flac"))[: COMMANDS + 1]
    spoken = [load_samples(path) for path in files]
    others = np.tile(spoken[COMMANDS], 6)
    vad = Engine(PluginConfig())
    vad.load()
    in_time = 0
    for samples in spoken[:COMMANDS]:
        last = last_spoken_sample(samples)
        whole = np.concatenate([samples, np.zeros(2 * INBOUND_RATE_HZ, np.int16)])
        clean = ended(vad, whole)
        assert clean.end_sample > last - 800
        loud = others[: len(whole)] * (active(samples) / active(spoken[COMMANDS]) * 10 ** (-12 / 20))
        mixed = np.clip(whole[: len(loud)] + loud, -32768, 32767).astype(np.int16)
        beside = ended(vad, mixed)
        assert beside.end_sample > last - 800
        in_time += beside.end_sample < last + 1.5 * INBOUND_RATE_HZ
    vad.close()
    assert in_time >= 0.8 * COMMANDS
