"""The weather in words, from whatever values there are."""

from collections.abc import Mapping

from auricle_weather.sources import Value

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "now": "It is {0}.",
        "and": " and ",
        "degrees": "{0} degrees",
        "feels": "It feels like {0}.",
        "humidity": "The humidity is {0} percent.",
        "wind": "The wind is {0} {unit}.",
        "unit": "kilometers per hour",
        "minus": "minus {0}",
        "day0": "Today",
        "day1": "Tomorrow",
        "range": "{low} to {high} degrees",
        "up_to": "up to {high} degrees",
        "down_to": "down to {low} degrees",
        "forecast": "{day}: {0}.",
        "rain": "The chance of rain is {0} percent {when}.",
        "when0": "today",
        "when1": "tomorrow",
        "unknown": "I do not know that.",
        "away": "The weather service does not answer.",
    },
    "de": {
        "now": "Es ist {0}.",
        "and": " bei ",
        "degrees": "{0} Grad",
        "feels": "Gefühlt sind es {0}.",
        "humidity": "Die Luftfeuchtigkeit ist {0} Prozent.",
        "wind": "Der Wind hat {0} {unit}.",
        "unit": "Kilometer pro Stunde",
        "minus": "minus {0}",
        "day0": "Heute",
        "day1": "Morgen",
        "range": "{low} bis {high} Grad",
        "up_to": "bis zu {high} Grad",
        "down_to": "bis hinunter auf {low} Grad",
        "forecast": "{day}: {0}.",
        "rain": "Die Regenwahrscheinlichkeit ist {when} {0} Prozent.",
        "when0": "heute",
        "when1": "morgen",
        "unknown": "Das weiß ich nicht.",
        "away": "Der Wetterdienst antwortet nicht.",
    },
    "fr": {
        "now": "Actuellement : {0}.",
        "and": ", ",
        "degrees": "{0} degrés",
        "feels": "Ressenti : {0}.",
        "humidity": "L'humidité est de {0} pour cent.",
        "wind": "Le vent est de {0} {unit}.",
        "unit": "kilomètres par heure",
        "minus": "moins {0}",
        "day0": "Aujourd'hui",
        "day1": "Demain",
        "range": "de {low} à {high} degrés",
        "up_to": "jusqu'à {high} degrés",
        "down_to": "minimum {low} degrés",
        "forecast": "{day} : {0}.",
        "rain": "Le risque de pluie est de {0} pour cent {when}.",
        "when0": "aujourd'hui",
        "when1": "demain",
        "unknown": "Je ne sais pas.",
        "away": "Le service météo ne répond pas.",
    },
    "es": {
        "now": "Ahora: {0}.",
        "and": ", ",
        "degrees": "{0} grados",
        "feels": "La sensación es de {0}.",
        "humidity": "La humedad es del {0} por ciento.",
        "wind": "El viento es de {0} {unit}.",
        "unit": "kilómetros por hora",
        "minus": "menos {0}",
        "day0": "Hoy",
        "day1": "Mañana",
        "range": "de {low} a {high} grados",
        "up_to": "hasta {high} grados",
        "down_to": "mínima de {low} grados",
        "forecast": "{day}: {0}.",
        "rain": "La probabilidad de lluvia es del {0} por ciento {when}.",
        "when0": "hoy",
        "when1": "mañana",
        "unknown": "Eso no lo sé.",
        "away": "El servicio del tiempo no responde.",
    },
}
_SKY: Mapping[str, tuple[str, ...]] = {
    "en": ("clear", "partly cloudy", "cloudy", "foggy", "drizzling", "rainy", "snowy", "showery", "stormy"),
    "de": (
        "klar",
        "heiter",
        "bewölkt",
        "neblig",
        "nieselig",
        "regnerisch",
        "verschneit",
        "wechselhaft",
        "gewittrig",
    ),
    "fr": ("dégagé", "peu nuageux", "nuageux", "brumeux", "bruineux", "pluvieux", "neigeux", "averses", "orageux"),
    "es": ("despejado", "algo nublado", "nublado", "niebla", "llovizna", "lluvia", "nieve", "chubascos", "tormenta"),
}
_CODES = {0: 0, 1: 0, 2: 1, 3: 2, 45: 3, 48: 3, **dict.fromkeys((51, 53, 55, 56, 57), 4)}
_CODES |= dict.fromkeys((61, 63, 65, 66, 67), 5) | dict.fromkeys((71, 73, 75, 77, 85, 86), 6)
_CODES |= dict.fromkeys((80, 81, 82), 7) | dict.fromkeys((95, 96, 99), 8)
"""WMO code 4677, as far as forecasts have it."""


class Wording:
    """One language; values come as numbers or as their text."""

    def __init__(
        self, language: str, words: Mapping[str, str], conditions: Mapping[str, str], wind_unit: str | None
    ) -> None:
        self._words = words
        self._sky = _SKY.get(language.split("-")[0], _SKY["en"])
        self._conditions = conditions
        self._unit = wind_unit or words["unit"]

    def now(self, values: Mapping[str, Value]) -> str:
        parts = [part for part in (self._condition(values.get("condition")), self._degrees(values)) if part]
        if not parts:
            return self._words["unknown"]
        said = [self._words["now"].format(self._words["and"].join(parts))]
        if values.get("feels_like") not in (None, values.get("temperature")):
            said += [self._words["feels"].format(self._degrees(values, "feels_like"))]
        return " ".join(said)

    def temperature(self, values: Mapping[str, Value]) -> str:
        return self.now({name: value for name, value in values.items() if name != "condition"})

    def humidity(self, values: Mapping[str, Value]) -> str:
        return self._one("humidity", values, "humidity")

    def wind(self, values: Mapping[str, Value]) -> str:
        return self._one("wind", values, "wind")

    def rain(self, values: Mapping[str, Value], day: int) -> str:
        return self._one("rain", values, f"{('today', 'tomorrow')[day]}_rain", when=self._words[f"when{day}"])

    def forecast(self, values: Mapping[str, Value], day: int) -> str:
        name = ("today", "tomorrow")[day]
        low, high = (self._number(values.get(f"{name}_{end}")) for end in ("low", "high"))
        parts = [self._condition(values.get(f"{name}_condition"))]
        if low and high:
            parts.append(self._words["range"].format(low=low, high=high))
        elif low or high:
            parts.append(self._words["up_to" if high else "down_to"].format(low=low, high=high))
        told = ", ".join(part for part in parts if part)
        if not told:
            return self._words["unknown"]
        said = self._words["forecast"].format(told, day=self._words[f"day{day}"])
        return f"{said} {self.rain(values, day)}" if f"{name}_rain" in values else said

    def away(self) -> str:
        return self._words["away"]

    def _one(self, sentence: str, values: Mapping[str, Value], field: str, **more: str) -> str:
        number = self._number(values.get(field))
        return self._words[sentence].format(number, unit=self._unit, **more) if number else self._words["unknown"]

    def _degrees(self, values: Mapping[str, Value], field: str = "temperature") -> str:
        number = self._number(values.get(field))
        return self._words["degrees"].format(number) if number else ""

    def _number(self, value: Value | None) -> str:
        """A whole number in words that every voice reads right; a text that is none as it is."""
        try:
            number = round(float(value if value is not None else "?"))
        except (ValueError, OverflowError):
            return str(value) if value is not None else ""
        return self._words["minus"].format(-number) if number < 0 else str(number)

    def _condition(self, value: Value | None) -> str:
        if value is None:
            return ""
        text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
        if (said := self._conditions.get(text)) is not None:
            return said
        code = _CODES.get(int(text)) if text.isdecimal() else None
        return self._sky[code] if code is not None else text.lower()
