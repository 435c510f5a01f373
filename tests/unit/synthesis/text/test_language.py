"""The language of a text is reported when it is certain, and not guessed."""

# ruff: noqa: RUF001  (Cyrillic)
import pytest

from echo_synthesis.text.language import is_readable, language_of, likely_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Bonjour tout le monde, comment allez-vous aujourd'hui ?", "fr"),
        ("Guten Morgen zusammen, wie geht es euch allen heute?", "de"),
        ("Привет, как у вас сегодня дела?", "ru"),
        ("これはペンです。それは本です。", "ja"),
        ("नमस्ते दुनिया, आप सब लोग कैसे हैं? मैं ठीक हूँ।", "hi"),
        ("I would like to know what people think about this, and when they will come back.", "en"),
    ],
)
def test_certain_languages_are_detected(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hola, tengo 3 perros y 12,50 €.", "es"),
        ("Bonjour, il est 15h30 à Paris.", "fr"),
        ("Ciao, come va? Ho 3,5 kg.", "it"),
        ("Bom dia, tudo bem?", "pt"),
        ("Hello there, how are you?", "en"),
        ("Das Auto", None),
        ("Don Quijote de la Mancha", None),
        ("Kubernetes, nginx, RabbitMQ", None),
        ("One. Two. Three.", None),
    ],
)
def test_short_texts_have_a_likely_language(text: str, language: str | None) -> None:
    assert language_of(text) is None
    assert likely_language(text) == language


@pytest.mark.parametrize(
    "text", ["", "42", "...", "Bonjour", "ok", "pizza spaghetti ravioli", "Kubernetes, nginx, RabbitMQ and MongoDB"]
)
def test_uncertain_languages_are_not_guessed(text: str) -> None:
    assert language_of(text) in {None, "en"}


@pytest.mark.parametrize(
    ("text", "language", "readable"),
    [
        ("Привет", "en-US", False),
        ("Привет", "ru", True),
        ("これは", "en-US", False),
        ("नमस्ते", "hi-IN", True),
        ("Café naïve 😂 42", "en-US", True),
        ("Hello", "hi-IN", False),
        ("42", "ja", True),
    ],
)
def test_letters_decide_whether_a_voice_can_read_a_text(text: str, language: str, readable: bool) -> None:
    assert is_readable(text, language) is readable
