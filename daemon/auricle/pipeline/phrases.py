"""The few sentences that the daemon itself says, by language."""

_PHRASES = {
    "failed": {
        "en": "Sorry, something went wrong. Please try again.",
        "de": "Entschuldigung, da ist etwas schiefgegangen. Bitte versuche es noch einmal.",
        "fr": "Désolé, quelque chose s'est mal passé. Réessayez, s'il vous plaît.",
        "es": "Lo siento, algo ha ido mal. Inténtalo de nuevo, por favor.",
    },
}


def phrase(name: str, language: str) -> str:
    """Return the phrase in `language` (`de`, `de-AT`), else in English."""
    by_language = _PHRASES[name]
    return by_language.get(language.split("-")[0], by_language["en"])
