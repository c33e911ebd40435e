"""What is asked about the weather, by language."""

from collections.abc import Mapping

from auricle.api import Sentences

SENTENCES: Mapping[str, Sentences] = {
    "en": Sentences(
        intents={
            "now": (
                "(what is|what's|whats|how is|how's|hows) [the] weather [like] [right now|now|outside|out there]",
                "(tell|give) me the weather",
                "weather [report]",
            ),
            "temperature": (
                "how (warm|cold|hot|cool) is it [right now|now|outside|out there]",
                "(what is|what's|whats) the [outside] temperature [right now|now|outside|out there]",
                "is it (warm|cold|hot|cool|freezing) [right now|now|outside|out there]",
            ),
            "humidity": (
                "how (humid|damp) is it [outside]",
                "(what is|what's|whats) the [outside] humidity [outside]",
            ),
            "wind": ("(how windy is it|is it windy) [outside]", "how strong is the wind"),
            "rain": (
                "(will it|is it going to|does it) rain [{day}]",
                "(do|will) I need (an umbrella|a raincoat|my umbrella) [{day}]",
            ),
            "forecast": (
                "(what is|what's|whats|what will|how is|how's|how will) the weather [be] [like] [for] {day}",
                "(what is|what's|whats) the [weather] forecast [for {day}]",
                "how (warm|cold|hot) (will it|is it going to) (be|get) [{day}]",
                "(what will the weather be|what the weather will be) [like] [{day}]",
            ),
        },
        lists={"day": {"(today|this afternoon|this evening|tonight)": 0, "tomorrow": 1}},
    ),
    "de": Sentences(
        intents={
            "now": ("wie ist das wetter [draußen|gerade|jetzt]", "was macht das wetter", "wetter[bericht]"),
            "temperature": (
                "wie (warm|kalt|heiß) ist es [draußen|gerade|jetzt]",
                "(wie hoch ist|was ist) die [außen]temperatur [draußen]",
                "ist es (warm|kalt|heiß) [draußen]",
            ),
            "humidity": ("wie (feucht ist es|hoch ist die luftfeuchtigkeit) [draußen]",),
            "wind": ("(wie windig ist es|ist es windig) [draußen]", "wie stark ist der wind"),
            "rain": ("(regnet es|wird es regnen) [{day}]", "(brauche|brauch) ich [{day}] einen (regenschirm|schirm)"),
            "forecast": (
                "wie wird das wetter [{day}]",
                "wie ist das wetter {day}",
                "wie (warm|kalt|heiß) wird es [{day}]",
                "(wie ist|was sagt) (die|der) wetter(vorhersage|bericht) [für {day}]",
            ),
        },
        lists={"day": {"(heute|heute abend)": 0, "morgen": 1}},
    ),
    "fr": Sentences(
        intents={
            "now": ("quel temps fait-il [dehors|maintenant]", "[quelle est] la météo"),
            "temperature": ("(quelle est la température|combien fait-il|quelle température fait-il) [dehors]",),
            "humidity": ("quelle est l'humidité [dehors]",),
            "wind": ("(y a-t-il du vent|est-ce qu'il y a du vent) [dehors]",),
            "rain": (
                "(va-t-il pleuvoir|est-ce qu'il va pleuvoir|il va pleuvoir) [{day}]",
                "(ai-je besoin|j'ai besoin) d'un parapluie [{day}]",
            ),
            "forecast": (
                "quel temps (fera-t-il|va-t-il faire) [{day}]",
                "(quelle est|quelles sont) (la météo|les prévisions) (de|pour) {day}",
            ),
        },
        lists={"day": {"(aujourd'hui|ce soir)": 0, "demain": 1}},
    ),
    "es": Sentences(
        intents={
            "now": ("qué tiempo hace [fuera|ahora]", "cómo está el tiempo"),
            "temperature": ("(qué temperatura hace|cuál es la temperatura|cuántos grados hace) [fuera]",),
            "humidity": ("(qué humedad hay|cuál es la humedad) [fuera]",),
            "wind": ("hace viento [fuera]", "cuánto viento hace"),
            "rain": ("(va a llover|lloverá) [{day}]", "(necesito|necesitaré) [un] paraguas [{day}]"),
            "forecast": (
                "qué tiempo (hará|va a hacer) [{day}]",
                "(cuál es|cómo es) el pronóstico [(de|para) {day}]",
            ),
        },
        lists={"day": {"(hoy|esta noche)": 0, "mañana": 1}},
    ),
}
