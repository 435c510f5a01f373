"""Cloned voices in other languages: `python -m bench.clone_languages VOICES STYLES --recogniser FOLDER`.

STYLES holds trained voices, as `bench.clone --keep` writes them; VOICES their speakers' recordings. The recogniser is a
multilingual Whisper of faster-whisper; without one, words are not measured.
"""

import argparse
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jiwer
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.clone_samples import read
from echo_common.audio.style_file import VoiceStyle, read_style
from echo_synthesis.engine import Engine, EngineConfig, Utterance
from echo_synthesis.engines.kokoro import ESPEAK_LANGUAGES, SPEC, folder
from echo_synthesis.engines.kokoro.native_timbre import nearest_native
from echo_synthesis.text.words import find_words
from echo_voice.cloning.encoders.dvector import DVECTOR, DVector
from echo_voice.cloning.encoders.port import Encoder
from echo_voice.cloning.levels import normalise
from echo_voice.cloning.prosody import measure
from echo_voice.cloning.resampling import down

Floats = NDArray[np.float32]
Hear = Callable[[Floats, str], str]
"""Recogniser of speech at 16 kHz in a language (`fr`)."""
HEADINGS = ("Voice", "Language", "Word errors", "Letter errors", "Similarity, held out", "Median pitch", "Error")
_NOT_MEASURED = "not measured"
_UNKNOWN_LANGUAGE = 0.5
"""Share of wrong words of a native voice from which on the recogniser does not know the language."""
TEXTS: Mapping[str, Sequence[str]] = {
    "es-ES": (
        "El tren sale a las ocho y llega a la capital antes del mediodía.",
        "Mi abuelo plantó este árbol cuando era un niño de diez años.",
        "No olvides cerrar la ventana antes de salir, porque hace mucho frío.",
        "La biblioteca está abierta todos los días, excepto los domingos por la tarde.",
        "Nunca dije que él tomó el dinero; solo dije que ya no estaba.",
        "Buenas noches, y gracias por acompañarnos en este programa.",
    ),
    "fr-FR": (
        "Le train part à huit heures et arrive dans la capitale avant midi.",
        "Mon grand-père a planté cet arbre quand il était un enfant de dix ans.",
        "N'oubliez pas de fermer la fenêtre avant de sortir, car il fait très froid.",
        "La bibliothèque est ouverte tous les jours, sauf le dimanche après-midi.",
        "Je n'ai jamais dit qu'il avait pris l'argent ; j'ai seulement dit qu'il avait disparu.",
        "Bonsoir, et merci de nous accompagner dans cette émission.",
    ),
    "hi-IN": (
        "रेलगाड़ी सुबह आठ बजे चलती है और दोपहर से पहले शहर पहुँच जाती है।",
        "मेरे दादा ने यह पेड़ तब लगाया था जब वे छोटे थे।",
        "बाहर जाने से पहले खिड़की बंद कर देना, क्योंकि बहुत ठंड है।",
        "पुस्तकालय हर दिन खुला रहता है, लेकिन रविवार को बंद होता है।",
        "मैंने कभी नहीं कहा कि उसने पैसे लिए थे।",
        "नमस्ते, इस कार्यक्रम में आपका स्वागत है।",
    ),
    "it-IT": (
        "Il treno parte alle otto e arriva nella capitale prima di mezzogiorno.",
        "Mio nonno ha piantato questo albero quando era un bambino di dieci anni.",
        "Non dimenticare di chiudere la finestra prima di uscire, perché fa molto freddo.",
        "La biblioteca è aperta tutti i giorni, tranne la domenica pomeriggio.",
        "Non ho mai detto che lui ha preso i soldi; ho detto soltanto che erano spariti.",
        "Buonasera, e grazie di essere con noi in questa trasmissione.",
    ),
    "pt-BR": (
        "O trem sai às oito horas e chega à capital antes do meio-dia.",
        "Meu avô plantou esta árvore quando era um menino de dez anos.",
        "Não se esqueça de fechar a janela antes de sair, porque faz muito frio.",
        "A biblioteca fica aberta todos os dias, menos no domingo à tarde.",
        "Eu nunca disse que ele pegou o dinheiro; só disse que tinha sumido.",
        "Boa noite, e obrigado por estar conosco neste programa.",
    ),
}


@dataclass(frozen=True, slots=True)
class Speaker:
    """A speaker: the embeddings of recordings that did not train the voice, and the median pitch of those that did."""

    embeddings: Sequence[Floats]
    pitch: float | None

    @classmethod
    def measure(cls, known: Sequence[Floats], others: Sequence[Floats], encoder: Encoder) -> "Speaker":
        """Measure recordings at 16 kHz."""
        prosody = measure(known)
        return cls([encoder.embed(normalise(samples)) for samples in others], prosody.pitch if prosody else None)


class LanguageBench:
    """Judges of a voice in all languages: the engine that speaks, the held-out encoder, and a recogniser if there is one."""

    def __init__(self, engine: Engine, voices: Path, encoder: Encoder, hear: Hear | None) -> None:
        self._engine, self._voices, self._encoder, self._hear = engine, voices, encoder, hear

    @classmethod
    def open(cls, models: Path, encoder: Encoder, recogniser: Path | None, threads: int) -> "LanguageBench":
        """Load the engine, and the recogniser from its folder."""
        engine = SPEC.load(EngineConfig(models, threads))
        return cls(engine, folder(models) / "voices", encoder, None if recogniser is None else _whisper(recogniser))

    def rows(self, name: str, style: VoiceStyle, speaker: Speaker) -> Iterator[tuple[str, ...]]:
        """Yield a row for the built-in voice whose timbre the clone has in part, and one for the clone, in each language."""
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "style.npz"
            style.save(path)
            for tag in TEXTS:
                stock = nearest_native(style, ESPEAK_LANGUAGES[tag], self._voices)
                voices = ([(f"stock, {stock}", stock)] if stock else []) + [("clone", f"file:{path}")]
                spoken = {label: self._speak(voice, tag) for label, voice in voices}
                errors = self._errors(list(spoken.values()), tag)
                for (label, speech), words in zip(spoken.items(), errors, strict=True):
                    yield (f"{name} {label}", tag, *words, *self._likeness(speech, speaker))

    def _likeness(self, speech: Sequence[Floats], speaker: Speaker) -> tuple[str, ...]:
        vectors = [self._encoder.embed(normalise(samples)) for samples in speech]
        similarity = float(np.mean([ours @ theirs for ours in vectors for theirs in speaker.embeddings]))
        prosody = measure(speech)
        if prosody is None or speaker.pitch is None:
            return f"{similarity:.3f}", "", ""
        return f"{similarity:.3f}", f"{prosody.pitch:.0f} Hz", f"{12 * np.log2(prosody.pitch / speaker.pitch):+.2f} semitones"

    def _speak(self, voice: str, tag: str) -> Sequence[Floats]:
        utterances = (Utterance(text, tuple(find_words(text, SPEC.max_characters)), voice, tag) for text in TEXTS[tag])
        return [down(self._engine.speak(utterance).samples) for utterance in utterances]

    def _errors(self, voices: Sequence[Sequence[Floats]], tag: str) -> Sequence[tuple[str, str]]:
        """Return the errors of words and letters of voices, of which the first is native."""
        if self._hear is None:
            return [(_NOT_MEASURED, _NOT_MEASURED)] * len(voices)
        texts, language = [plain(text) for text in TEXTS[tag]], tag.partition("-")[0]
        heard = [[plain(self._hear(samples, language)) for samples in speech] for speech in voices]
        errors = [(float(jiwer.wer(texts, words)), float(jiwer.cer(texts, words))) for words in heard]
        if errors[0][0] > _UNKNOWN_LANGUAGE:
            return [(_NOT_MEASURED, _NOT_MEASURED)] * len(voices)
        return [(f"{words:.0%}", f"{letters:.0%}") for words, letters in errors]


def plain(text: str) -> str:
    """Return the words of a text in lower case without punctuation, for comparison."""
    letters = unicodedata.normalize("NFC", text.lower())
    kept = (letter if unicodedata.category(letter)[0] in "LMN" else " " for letter in letters)
    return " ".join("".join(kept).split())


def _whisper(recogniser: Path) -> Hear:
    from faster_whisper import WhisperModel

    model = WhisperModel(str(recogniser), device="cpu", compute_type="int8", cpu_threads=1)
    if not model.model.is_multilingual:
        raise SystemExit(f"{recogniser} recognises only English. Name a multilingual model.")

    def hear(samples: Floats, language: str) -> str:
        segments, _ = model.transcribe(samples, language=language, beam_size=5, condition_on_previous_text=False)
        return " ".join(segment.text for segment in segments)

    return hear


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and return 0: a benchmark only reports."""
    parser = argparse.ArgumentParser(prog="bench.clone_languages", description=__doc__)
    parser.add_argument("voices", type=Path, help="folder of samples")
    parser.add_argument("styles", type=Path, help="folder of trained voices, named after their speakers")
    parser.add_argument("--models", type=Path, default=Path.home() / ".cache" / "echo" / "models", help="speech models")
    parser.add_argument("--recogniser", type=Path, help="folder of a multilingual model of faster-whisper")
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args(arguments)
    encoder = DVector.open(chosen.models / "encoder" / DVECTOR)
    bench = LanguageBench.open(chosen.models, encoder, chosen.recogniser, chosen.threads)
    table, console = Table(*HEADINGS), Console(stderr=True)
    for name, clips in read(chosen.voices).items():
        path, half = chosen.styles / f"{name}.npz", (len(clips) + 1) // 2
        if not path.exists():
            continue
        for row in bench.rows(name, read_style(path), Speaker.measure(clips[:half], clips[half:], encoder)):
            console.print("  ".join(row), highlight=False, soft_wrap=True)
            table.add_row(*row)
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
