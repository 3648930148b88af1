"""The words of the page, in English and Spanish."""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "es"]
Words = dict[str, str]

_WORDS: dict[str, tuple[str, str]] = {
    "lang": ("en", "es"),
    "title": ("Dispatch of the site", "Despacho de la planta"),
    "ready": ("What is served is what was evaluated.", "Lo que se sirve es lo que se evaluó."),
    "not_ready": ("Not ready; the rule answers:", "No está listo; responde la regla:"),
    "now": ("Last hour decided", "Última hora decidida"),
    "none": (
        "No hour has been decided since the service was started.",
        "Ninguna hora se ha decidido desde que arrancó el servicio.",
    ),
    "decided_by": ("decided by", "decidida por"),
    "replaced": ("The rule stands in for the controller:", "La regla sustituye al controlador:"),
    "time": ("hour", "hora"),
    "battery": ("battery", "batería"),
    "battery_rule": ("battery by the rule", "batería según la regla"),
    "battery_note": ("above zero charges", "sobre cero carga"),
    "sockets": ("sockets", "tomas"),
    "vehicles": ("vehicles", "vehículos"),
    "pv": ("PV expected", "FV esperada"),
    "mall": ("mall expected", "centro comercial esperado"),
    "soc": ("state of charge", "estado de carga"),
    "guards": ("limits that decided", "límites que decidieron"),
    "at_socket": ("socket", "toma"),
    "powers_title": ("Powers of the last 24 hours [kW]", "Potencias de las últimas 24 horas [kW]"),
    "soc_title": ("State of charge of the battery [%]", "Estado de carga de la batería [%]"),
    "table": ("Hours", "Horas"),
    "model": ("What answers", "Qué responde"),
    "controller": ("controller", "controlador"),
    "scenario": ("scenario", "escenario"),
    "score": ("J, and J of the rule", "J, y J de la regla"),
    "dataset": ("dataset", "datos"),
    "file": ("model", "modelo"),
    "certificate": ("certificate", "certificado"),
    "evaluation": ("evaluation", "evaluación"),
}


def language_of(accept_language: str) -> Language:
    """Language that a browser asks for first, Spanish or English; English where it asks for neither."""
    wanted: list[tuple[float, Language]] = []
    for part in accept_language.split(",")[:20]:
        name, _, quality = part.strip().partition(";q=")
        for known in ("en", "es"):
            if name.lower().partition("-")[0] == known:
                # A weight that is no number is not one: the part counts as asked for least.
                weight = float(quality) if quality.replace(".", "", 1).isdecimal() else 1.0 - bool(quality)
                wanted.append((weight, known))
    return max(wanted, key=lambda one: one[0])[1] if wanted else "en"


def words_in(language: Language) -> Words:
    """All words of a language, by name."""
    return {name: texts[language == "es"] for name, texts in _WORDS.items()}
