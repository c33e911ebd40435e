"""Words for what is written short, by language."""

import re

DECIMAL_COMMA = frozenset("da de el es fi fr it nl no pl pt ru sv tr".split())
"""Languages that write 3,5 for three and a half."""
O_CLOCK = "o'clock"
MINUS = {"en": "minus", "de": "minus", "fr": "moins", "es": "menos", "it": "meno", "nl": "min", "pt": "menos"}
TO = {"en": "to", "de": "bis", "fr": "à", "es": "a", "it": "a", "nl": "tot", "pt": "a"}
NUMERO = {"en": "number", "de": "Nummer", "fr": "numéro", "es": "número", "it": "numero", "nl": "nummer"}
MONTHS = {
    "en": tuple("January February March April May June July August September October November December".split()),
    "de": tuple("Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()),
    "fr": tuple("janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()),
    "es": tuple("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split()),
}
SYMBOLS = {
    "en": {"&": "and", "+": "plus", "=": "equals", "%": "percent", "°": "degrees", "@": "at"},
    "de": {"&": "und", "+": "plus", "=": "gleich", "%": "Prozent", "°": "Grad"},
    "fr": {"&": "et", "+": "plus", "=": "égale", "%": "pour cent", "°": "degrés"},
    "es": {"&": "y", "+": "más", "=": "igual a", "%": "por ciento", "°": "grados"},
}
CURRENCIES = {
    "en": {"$": ("dollar", "dollars"), "€": ("euro", "euros"), "£": ("pound", "pounds")},
    "de": {"$": ("Dollar", "Dollar"), "€": ("Euro", "Euro"), "£": ("Pfund", "Pfund")},
    "fr": {"$": ("dollar", "dollars"), "€": ("euro", "euros"), "£": ("livre", "livres")},
    "es": {"$": ("dólar", "dólares"), "€": ("euro", "euros"), "£": ("libra", "libras")},
}
UNITS = {
    "en": {
        "°C": ("degree Celsius", "degrees Celsius"),
        "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
        "°": ("degree", "degrees"),
        "%": ("percent", "percent"),
        "km/h": ("kilometer per hour", "kilometers per hour"),
        "mph": ("mile per hour", "miles per hour"),
        "m/s": ("meter per second", "meters per second"),
        "km": ("kilometer", "kilometers"),
        "m²": ("square meter", "square meters"),
        "m³": ("cubic meter", "cubic meters"),
        "cm": ("centimeter", "centimeters"),
        "mm": ("millimeter", "millimeters"),
        "m": ("meter", "meters"),
        "kg": ("kilogram", "kilograms"),
        "g": ("gram", "grams"),
        "l": ("liter", "liters"),
        "ml": ("milliliter", "milliliters"),
        "kWh": ("kilowatt hour", "kilowatt hours"),
        "kW": ("kilowatt", "kilowatts"),
        "W": ("watt", "watts"),
        "V": ("volt", "volts"),
        "A": ("amp", "amps"),
        "hPa": ("hectopascal", "hectopascals"),
        "ppm": ("part per million", "parts per million"),
        "dB": ("decibel", "decibels"),
        "GB": ("gigabyte", "gigabytes"),
        "MB": ("megabyte", "megabytes"),
        "min": ("minute", "minutes"),
        "h": ("hour", "hours"),
        "s": ("second", "seconds"),
    },
    "de": {
        "°C": ("Grad Celsius", "Grad Celsius"),
        "°": ("Grad", "Grad"),
        "%": ("Prozent", "Prozent"),
        "km/h": ("Kilometer pro Stunde", "Kilometer pro Stunde"),
        "m/s": ("Meter pro Sekunde", "Meter pro Sekunde"),
        "km": ("Kilometer", "Kilometer"),
        "m²": ("Quadratmeter", "Quadratmeter"),
        "m³": ("Kubikmeter", "Kubikmeter"),
        "cm": ("Zentimeter", "Zentimeter"),
        "mm": ("Millimeter", "Millimeter"),
        "m": ("Meter", "Meter"),
        "kg": ("Kilogramm", "Kilogramm"),
        "g": ("Gramm", "Gramm"),
        "l": ("Liter", "Liter"),
        "kWh": ("Kilowattstunde", "Kilowattstunden"),
        "kW": ("Kilowatt", "Kilowatt"),
        "W": ("Watt", "Watt"),
        "V": ("Volt", "Volt"),
        "hPa": ("Hektopascal", "Hektopascal"),
        "min": ("Minute", "Minuten"),
        "h": ("Stunde", "Stunden"),
        "s": ("Sekunde", "Sekunden"),
    },
    "fr": {
        "°C": ("degré Celsius", "degrés Celsius"),
        "%": ("pour cent", "pour cent"),
        "km/h": ("kilomètre à l'heure", "kilomètres à l'heure"),
        "km": ("kilomètre", "kilomètres"),
        "cm": ("centimètre", "centimètres"),
        "m": ("mètre", "mètres"),
        "kg": ("kilogramme", "kilogrammes"),
        "g": ("gramme", "grammes"),
        "l": ("litre", "litres"),
        "kWh": ("kilowattheure", "kilowattheures"),
        "W": ("watt", "watts"),
        "min": ("minute", "minutes"),
    },
    "es": {
        "°C": ("grado Celsius", "grados Celsius"),
        "%": ("por ciento", "por ciento"),
        "km/h": ("kilómetro por hora", "kilómetros por hora"),
        "km": ("kilómetro", "kilómetros"),
        "cm": ("centímetro", "centímetros"),
        "m": ("metro", "metros"),
        "kg": ("kilogramo", "kilogramos"),
        "g": ("gramo", "gramos"),
        "l": ("litro", "litros"),
        "kWh": ("kilovatio hora", "kilovatios hora"),
        "W": ("vatio", "vatios"),
        "min": ("minuto", "minutos"),
    },
}


def _words(*pairs: tuple[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern), words) for pattern, words in pairs)


ABBREVIATIONS = {
    "en": _words(
        (r"\bMr\.(?=\s)", "Mister"),
        (r"\bMrs\.(?=\s)", "Missis"),
        (r"\bMs\.(?=\s)", "Miz"),
        (r"\bDr\.(?=\s)", "Doctor"),
        (r"\bProf\.(?=\s)", "Professor"),
        (r"\b[Ee]\.\s?g\.", "for example"),
        (r"\b[Ii]\.\s?e\.", "that is"),
        (r"\betc\.", "et cetera"),
        (r"\bvs\.?(?=\s)", "versus"),
        (r"\bapprox\.", "approximately"),
        (r"\bNo\.(?=\s?\d)", "number"),
        (r"\bmin\.(?=\s)", "minimum"),
        (r"\bmax\.(?=\s)", "maximum"),
    ),
    "de": _words(
        (r"\bz\.\s?B\.", "zum Beispiel"),
        (r"\bd\.\s?h\.", "das heißt"),
        (r"\bu\.\s?a\.", "unter anderem"),
        (r"\busw\.", "und so weiter"),
        (r"\bbzw\.", "beziehungsweise"),
        (r"\bca\.", "circa"),
        (r"\bDr\.(?=\s)", "Doktor"),
        (r"\bProf\.(?=\s)", "Professor"),
        (r"\bNr\.(?=\s?\d)", "Nummer"),
        (r"\bStr\.(?=\s)", "Straße"),
    ),
    "fr": _words(
        (r"\bM\.(?=\s[A-Z])", "Monsieur"),
        (r"\bMme\b", "Madame"),
        (r"\bMlle\b", "Mademoiselle"),
        (r"\bDr\.?(?=\s[A-Z])", "Docteur"),
        (r"\betc\.", "et cetera"),
        (r"\bn°\s?(?=\d)", "numéro "),
    ),
    "es": _words(
        (r"\bSr\.(?=\s)", "Señor"),
        (r"\bSra\.(?=\s)", "Señora"),
        (r"\bDr\.(?=\s)", "Doctor"),
        (r"\betc\.", "etcétera"),
        (r"\bp\.\s?ej\.", "por ejemplo"),
    ),
}
