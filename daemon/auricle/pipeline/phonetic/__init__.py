"""Understanding by sound: the phonemes of a transcript aligned with the phonemes of all that a grammar can say."""
