"""Gemini's prebuilt voices: https://ai.google.dev/gemini-api/docs/speech-generation#voices."""

from collections.abc import Mapping

from echo_synthesis.engine import EngineVoice, Gender

_FEMALE = {
    "Achernar": "soft",
    "Aoede": "breezy",
    "Autonoe": "bright",
    "Callirrhoe": "easy-going",
    "Despina": "smooth",
    "Erinome": "clear",
    "Gacrux": "mature",
    "Kore": "firm",
    "Laomedeia": "upbeat",
    "Leda": "youthful",
    "Pulcherrima": "forward",
    "Sulafat": "warm",
    "Vindemiatrix": "gentle",
    "Zephyr": "bright",
}
_MALE = {
    "Achird": "friendly",
    "Algenib": "gravelly",
    "Algieba": "smooth",
    "Alnilam": "firm",
    "Charon": "informative",
    "Enceladus": "breathy",
    "Fenrir": "excitable",
    "Iapetus": "clear",
    "Orus": "firm",
    "Puck": "upbeat",
    "Rasalgethi": "informative",
    "Sadachbia": "lively",
    "Sadaltager": "knowledgeable",
    "Schedar": "even",
    "Umbriel": "easy-going",
    "Zubenelgenubi": "casual",
}


def _row(name: str, gender: Gender, character: str) -> EngineVoice:
    return EngineVoice(f"gemini_{name.lower()}", name, "en-US", gender, (character, "cloud"), multilingual=True)


VOICES: Mapping[str, EngineVoice] = {
    voice.id: voice
    for voice in (
        *(_row(name, "female", character) for name, character in _FEMALE.items()),
        *(_row(name, "male", character) for name, character in _MALE.items()),
    )
}
