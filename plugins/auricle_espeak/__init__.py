"""Phonemes from espeak-ng. It is under the GPL: only a process of its own (`python -m auricle_espeak`) imports it."""
