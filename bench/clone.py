"""Similarity of locally trained voice models to their speakers: `python -m bench.clone FOLDER [--models FOLDER]`.

FOLDER holds samples with LibriSpeech names: the part before the first `-` is the speaker. Half of each speaker's samples train
the voice model, processed as in the voice service; it is judged on unseen text, against the other half. For comparison: the
stock voice with the nearest embedding, and the real samples among themselves. The prosody is also compared with that of the
stock voice that training starts from.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import numpy as np
from kokoro_onnx.tokenizer import Tokenizer
from numpy.typing import NDArray
from rich.console import Console
from rich.status import Status
from rich.table import Table

from bench import clone_judges as judges
from bench.clone_languages import HEADINGS as LANGUAGES
from bench.clone_languages import LanguageBench, Speaker
from bench.clone_prosody import HEADINGS as PROSODY
from bench.clone_prosody import prosody_rows
from bench.clone_samples import process, read
from bench.figure import Figure
from bench.report import PROMISES, machine, markdown_table
from echo_common.audio.style_file import VoiceStyle
from echo_common.contracts.http.voice import CloneKind
from echo_common.contracts.http.voice import TrainingConfig as RequestedTraining
from echo_synthesis.engines.kokoro import FLOAT_MODEL
from echo_synthesis.engines.kokoro.backend import open_runtime
from echo_synthesis.engines.kokoro.runtimes import Adaptation
from echo_voice.analysis.judge import PackagedJudge
from echo_voice.cloning.decoder import KokoroDecoder
from echo_voice.cloning.encoders.campplus import CAMPPLUS
from echo_voice.cloning.encoders.dvector import DVECTOR
from echo_voice.cloning.encoders.port import Encoder
from echo_voice.cloning.encoders.resemblyzer import RESEMBLYZER
from echo_voice.cloning.fetch import fetch_campplus, fetch_dvector, fetch_encoder
from echo_voice.cloning.levels import normalise
from echo_voice.cloning.objective import Encoders, mean_embedding, similarity_to
from echo_voice.cloning.pitch import median_pitch
from echo_voice.cloning.resampling import down
from echo_voice.cloning.speech_quality import check
from echo_voice.cloning.stock import stock_embeddings
from echo_voice.cloning.training import Progress, TrainingConfig, train

Floats = NDArray[np.float32]
Speak = Callable[[str, VoiceStyle], Floats]
_ENCODERS = {"Resemblyzer": RESEMBLYZER, "CAM++": CAMPPLUS, "d-vector": DVECTOR}
_EARLIER = "## Earlier measurements\n"
UNSEEN = (
    "The old clock in the hall struck four, and nobody in the house seemed to notice it.",
    "You can change the settings at any time by opening the menu in the corner of the screen.",
    "Good evening, and thank you for joining us. Tonight we talk about rivers, bridges and the people who build them.",
    "I never said that he took the money; I only said that it was gone when we arrived.",
)


@dataclass(frozen=True, slots=True)
class Judged:
    """Means over texts and samples: similarity by each encoder, the held-out one last, word error rate, opinion score."""

    similarity: tuple[float, ...]
    errors: float
    opinion: float


Row = tuple[str, Judged, float]
"""Name of the voice, its judgement, and the seconds of its training."""


@dataclass(frozen=True, slots=True)
class Panel:
    """All judges; a judge that is not installed returns NaN."""

    encoders: Sequence[Encoder]
    errors: Callable[[Floats, str], float]
    quality: Callable[[Floats], float] | None

    def judge(self, spoken: Mapping[str, Floats], others: Sequence[Floats]) -> Judged:
        """Judge a voice's speech by text against samples of the speaker that were not used for training."""
        return Judged(
            self._similarity(list(spoken.values()), others),
            float(np.mean([self.errors(samples, text) for text, samples in spoken.items()])),
            float(np.mean([self.quality(samples) for samples in spoken.values()])) if self.quality else np.nan,
        )

    def real(self, known: Sequence[Floats], others: Sequence[Floats]) -> Judged:
        """Judge the samples that train the voice against the others."""
        opinions = [self.quality(samples) for samples in (*known, *others)] if self.quality else [np.nan]
        return Judged(self._similarity(known, others), np.nan, float(np.mean(opinions)))

    def _similarity(self, ours: Sequence[Floats], theirs: Sequence[Floats]) -> tuple[float, ...]:
        found = []
        for encoder in self.encoders:
            one, other = ([encoder.embed(normalise(samples)) for samples in part] for part in (ours, theirs))
            found.append(float(np.mean([a @ b for a in one for b in other])))
        return tuple(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables and return 0: a benchmark only reports."""
    parser = argparse.ArgumentParser(prog="bench.clone", description=__doc__)
    parser.add_argument("voices", type=Path, help="folder of samples")
    parser.add_argument(
        "--models", type=Path, default=Path.home() / ".cache" / "echo" / "models", help="folder of the speech models"
    )
    parser.add_argument("--held-out", choices=_ENCODERS, default="d-vector", help="encoder that is not trained on")
    parser.add_argument("--kind", choices=get_args(CloneKind), default="instant", help="kind of the voice models")
    parser.add_argument("--epochs", type=int, help="passes over the sentences; by default that of the kind")
    parser.add_argument("--batch-size", type=int, default=TrainingConfig().batch_size)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--recogniser", type=Path, help="folder of a multilingual model of faster-whisper, for other languages")
    parser.add_argument("--keep", type=Path, help="folder for the trained voices")
    parser.add_argument("--write", type=Path, metavar="FILE", help="also write the tables as Markdown")
    chosen = parser.parse_args(arguments)
    people = {name: clips for name, clips in read(chosen.voices).items() if len(clips) > 1}
    if not people:
        parser.error(f"{chosen.voices} holds no two recordings of one person")
    home = chosen.models / "kokoro"
    tables = {path.stem: np.fromfile(path, np.float32).reshape(-1, 256) for path in sorted((home / "voices").glob("[ab]*.bin"))}
    for fetch in (fetch_encoder, fetch_campplus, fetch_dvector):
        fetch(chosen.models / "encoder")
    encoders = Encoders.open(chosen.models / "encoder", _ENCODERS[chosen.held_out])
    names = [*(name for name in _ENCODERS if name != chosen.held_out), f"{chosen.held_out}, held out"]
    hear = judges.recogniser()
    judged = [*(encoder for encoder, _ in encoders.trained), encoders.held_out]
    panel = Panel(judged, judges.word_errors(hear), judges.quality())
    speak = _speaker(home, chosen.threads)
    languages = LanguageBench.open(chosen.models, encoders.held_out, chosen.recogniser, chosen.threads)
    rows: list[Row] = []
    foreign: list[tuple[str, ...]] = []
    prosody: list[tuple[str, ...]] = []
    console = Console(stderr=True)
    for number, (name, clips) in enumerate(people.items(), 1):
        half = (len(clips) + 1) // 2
        known, others = clips[:half], clips[half:]
        processed = [process(clip) for clip in known]
        trimmed, rhythms = [sample.samples for sample in processed], [sample.rhythm for sample in processed]
        target = mean_embedding(trimmed, encoders.resemblyzer)
        nearest = max((voice for voice in stock_embeddings() if voice in tables), key=lambda v: stock_embeddings()[v] @ target)
        with console.status(f"{name} ({number} of {len(people)}): training") as status:
            epochs = chosen.epochs or RequestedTraining.model_validate({"kind": chosen.kind}).epochs
            config = TrainingConfig(kind=chosen.kind, epochs=epochs, batch_size=chosen.batch_size)
            decoder = KokoroDecoder(home / FLOAT_MODEL, chosen.threads)

            def told(at: Progress, status: Status = status, name: str = name, steps: int = config.steps) -> None:
                status.update(f"{name}: step {at.step} of {steps}, similarity {at.similarity:.2f}")

            transcripts = [hear(clip) for clip in known]  # the service has them before the training
            started = time.perf_counter()
            trained = train(trimmed, tables, decoder, encoders, config, progress=told, transcripts=transcripts, rhythms=rhythms)
            decoder.discard_gradient()
            status.update(f"{name}: checking the speech")
            own = mean_embedding(trimmed, encoders.held_out)
            stock, similarity = float(encoders.stock[trained.stock] @ own), similarity_to(own, encoders.held_out)
            pitch = median_pitch(trimmed)
            checked = check(trained, pitch, stock, decoder.synthesize, PackagedJudge(), similarity)
            del decoder
            voice, seconds = checked.voice, time.perf_counter() - started
        if chosen.keep:
            chosen.keep.mkdir(parents=True, exist_ok=True)
            voice.save(chosen.keep / f"{name}.npz")
        with console.status(f"{name}: judging"):
            rows.append((f"{name} real", panel.real(known, others), np.nan))
            of_stock, of_clone = (_say_unseen(speak, style) for style in (VoiceStyle(tables[nearest]), voice))
            rows.append((f"{name} nearest stock, {nearest}", panel.judge(of_stock, others), np.nan))
            rows.append((f"{name} clone", panel.judge(of_clone, others), seconds))
            spoken = [(f"nearest stock, {nearest}", list(of_stock.values())), ("clone", list(of_clone.values()))]
            if trained.stock != nearest:
                of_start = _say_unseen(speak, VoiceStyle(tables[trained.stock]))
                spoken.insert(1, (f"start, {trained.stock}", list(of_start.values())))
            prosody += prosody_rows(name, known, spoken, UNSEEN, hear)
            foreign += languages.rows(name, voice, Speaker.measure(known, others, encoders.held_out))
        for row in rows[-3:]:
            console.print("  ".join(_cells(row)), highlight=False, soft_wrap=True)
    every = [*rows, *_means(rows)]
    figures, closed = promised(rows), _shares(rows)
    headings, shares = ("Voice", *names, "Word errors", "DNSMOS", "Training"), ("Share of the distance closed", *names)
    Console().print(_table(headings, map(_cells, every)))
    Console().print(_table(shares, closed))
    Console().print(_table(PROSODY, prosody))
    Console().print(_table(LANGUAGES, foreign))
    Console().print(_table(PROMISES, (figure.row() for figure in figures)))
    if chosen.write:
        when, command = (
            datetime.now(UTC).date().isoformat(),
            " ".join([f"make bench-clone VOICES={chosen.voices.name}", *_options(parser, chosen)]),
        )
        tables_written = [
            markdown_table(PROMISES, [figure.row() for figure in figures]),
            markdown_table(headings, list(map(_cells, every))),
            markdown_table(shares, closed),
            markdown_table(PROSODY, prosody),
            markdown_table(LANGUAGES, foreign),
        ]
        introduction = f"# Cloning benchmarks\n\nWritten by `{command}` on {when}; {machine()}.\n\n"
        chosen.write.write_text(introduction + "\n\n".join(tables_written) + "\n" + _earlier(chosen.write))
    return 0


def _options(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> Iterator[str]:
    """Yield the option ARGS with the arguments that change the figures, unless all have their defaults."""
    changed = [
        f"--{name.replace('_', '-')} {getattr(chosen, name)}"
        for name in ("held_out", "kind", "epochs", "batch_size", "threads")
        if getattr(chosen, name) != parser.get_default(name)
    ]
    if changed:
        yield f'ARGS="{" ".join(changed)}"'


def _earlier(path: Path) -> str:
    """Return the last part of a file, which describes earlier measurements and experiments."""
    _, heading, text = (path.read_text() if path.exists() else "").partition(_EARLIER)
    return f"\n{heading}{text}" if heading else ""


def promised(rows: Sequence[Row]) -> Sequence[Figure]:
    """Compute the promised figures: share of the distance closed by the held-out encoder, word errors, longest training."""
    stock, clones = _of(rows, "nearest stock"), _of(rows, "clone")
    pairs = list(zip(clones, stock, strict=True))
    shares = [share[-1] for _, share in _closed(rows)]
    words = [100 * (clone.errors - near.errors) for (_, clone, _), (_, near, _) in pairs]
    opinions = [clone.opinion - near.opinion for (_, clone, _), (_, near, _) in pairs]
    return (
        Figure("C1", "share of the distance closed, held-out encoder, mean", [float(np.mean(shares))], at_least=0.6),
        Figure("", "the same for the least similar clone", [min(shares)], at_least=0),
        Figure("C2", "word error rate above the nearest stock voice's, mean", [float(np.mean(words))], "points", at_most=1),
        Figure("", "DNSMOS above the nearest stock voice's, mean", [float(np.mean(opinions))], at_least=-0.1),
        Figure("C3", "longest training", [max(seconds for _, _, seconds in clones)], "s", at_most=90),
    )


def _closed(rows: Sequence[Row]) -> Sequence[tuple[str, Sequence[float]]]:
    """Return for each clone, and each encoder, the share of the distance from the nearest stock voice to the real samples."""
    triples = zip(_of(rows, "real"), _of(rows, "nearest stock"), _of(rows, "clone"), strict=True)
    found = []
    for (_, real, _), (_, near, _), (name, clone, _) in triples:
        columns = zip(real.similarity, near.similarity, clone.similarity, strict=True)
        found.append((name, [(own - stock) / (best - stock) for best, stock, own in columns]))
    return found


def _shares(rows: Sequence[Row]) -> Sequence[tuple[str, ...]]:
    closed = _closed(rows)
    means = np.mean([share for _, share in closed], axis=0)
    return [(name, *(f"{value:.0%}" for value in share)) for name, share in [*closed, ("mean", list(means))]]


def _speaker(home: Path, threads: int) -> Speak:
    runtime, tokenizer = open_runtime(home, threads), Tokenizer()

    def speak(text: str, voice: VoiceStyle) -> Floats:
        tokens = tokenizer.tokenize(tokenizer.phonemize(text))
        style = np.ascontiguousarray(voice.table[len(tokens) - 1][None])
        samples, _ = runtime.run(np.array([[0, *tokens, 0]], np.int64), style, voice.rate, Adaptation.of(voice))
        return samples

    return speak


def _say_unseen(speak: Speak, voice: VoiceStyle) -> Mapping[str, Floats]:
    return {text: down(speak(text, voice)) for text in UNSEEN}


def _of(rows: Sequence[Row], kind: str) -> Sequence[Row]:
    return [row for row in rows if kind in row[0]]


def _means(rows: Sequence[Row]) -> Iterator[Row]:
    for kind in ("real", "nearest stock", "clone"):
        chosen = _of(rows, kind)
        similarity = tuple(np.mean([judged.similarity for _, judged, _ in chosen], axis=0).tolist())
        errors, opinion = (float(np.mean([getattr(judged, key) for _, judged, _ in chosen])) for key in ("errors", "opinion"))
        mean = Judged(similarity, errors, opinion)
        yield f"mean {kind}", mean, float(np.mean([seconds for _, _, seconds in chosen]))


def _cells(row: Row) -> tuple[str, ...]:
    name, judged, seconds = row
    errors = "" if np.isnan(judged.errors) else f"{judged.errors:.1%}"
    time_taken = "" if np.isnan(seconds) else f"{seconds:.0f} s"
    return (name, *(f"{value:.3f}" for value in judged.similarity), errors, f"{judged.opinion:.2f}", time_taken)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(*headings)
    for row in rows:
        table.add_row(*row)
    return table


if __name__ == "__main__":
    sys.exit(main())
