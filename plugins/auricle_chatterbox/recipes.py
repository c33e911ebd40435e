"""Environments that Chatterbox runs in."""

from auricle.api import PipStep, Recipe

_SELF_TEST = "auricle_chatterbox.selftest:self_test"
_WORDS = PipStep("numbers in words", ("num2words==0.5.14",))

LIGHT = Recipe(
    "light",
    (
        PipStep("PyTorch", ("torch==2.13.0",)),
        PipStep(
            "what Chatterbox computes with",
            (
                # The watermark needs pkg_resources, which newer ones do not have.
                "setuptools<81",
                "numpy>=2,<3",
                "librosa==0.11.0",
                "transformers==5.23.0",
                "diffusers==0.42.1",
                "safetensors>=0.5",
                "omegaconf>=2.3",
                "onnx>=1.16",
                "einops>=0.8",
                "pyloudnorm>=0.1.1",
                "pyyaml>=6",
                "soundfile>=0.12",
                *_WORDS.arguments,
            ),
        ),
        # Without what they declare: pins of an old PyTorch, a web interface, parts for single languages.
        PipStep(
            "Chatterbox",
            (
                "--no-deps",
                "torchaudio==2.11.0",
                "chatterbox-tts==0.1.7",
                "s3tokenizer==0.3.0",
                "resemble-perth==1.0.1",
                "conformer==0.3.2",
            ),
        ),
    ),
    self_test=_SELF_TEST,
    description="on a current PyTorch, for CPUs and for GPUs that the pinned one is too old for",
    pythons=((3, 11),),
    # Built for one PyTorch and CUDA; without them torchaudio is the pure Python that Chatterbox needs of it.
    remove=("torchaudio/lib/*.so",),
    size_mb=2_500,
)
FULL = Recipe(
    "full",
    (PipStep("Chatterbox with all that it pins", ("chatterbox-tts==0.1.7", "setuptools<81")), _WORDS),
    self_test=_SELF_TEST,
    description="with the very versions that Chatterbox pins (PyTorch 2.6 with CUDA 12.4)",
    pythons=((3, 11),),
    # It fetches a word list over the network whenever a multilingual model is made; Chinese goes without it.
    remove=("spacy_pkuseg/__init__.py",),
    size_mb=8_000,
)
