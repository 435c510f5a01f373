"""Implementation of `echoctl models`: download of the speech models with progress bars."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from echo_common.metrics import Metrics
from echo_embedded.data_folder import CannotStartError
from echo_synthesis.engine import ModelsError
from echo_synthesis.engines import discover
from echo_synthesis.models import backends, fetch, missing, unmeasured
from echo_voice.chat_models import local, open_chat_model
from echo_voice.chat_models.local.files import ChatModelFileError, fetch_model
from echo_voice.chat_models.settings import ChatSettings
from echo_voice.cloning.fetch import EncoderMissingError
from echo_voice.models import fetch as fetch_encoders

_BAR = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))


def fetch_models(folder: Path, engines: Sequence[str], hub: str, console: Console) -> None:
    """Fetch the engines' missing models, with a progress bar each, and the speaker encoders that voice cloning needs.

    Raises `CannotStartError` that names an unknown engine or a required model that cannot be fetched.
    """
    _fetch_encoders(folder, console)
    lacking = missing(folder)
    known = discover()
    outdated = unmeasured(folder)
    wanted = [name for name in engines if (name in lacking or name in outdated) and not known[name].remote]
    if unknown := set(engines) - set(known):
        raise CannotStartError(f"There is no speech engine {', '.join(sorted(unknown))}.")
    if not wanted:
        console.print(f"The speech models are in {folder}.", highlight=False, soft_wrap=True)
        _show_backends(folder, console)
        return
    with Progress(*_BAR, console=console) as progress:
        bars: dict[str, TaskID] = {}

        def show(what: str, done: float) -> None:
            engine = what.partition(":")[0]
            if engine not in bars:
                bars[engine] = progress.add_task(what, total=1.0)
            progress.update(bars[engine], description=what, completed=done)

        try:
            fetch(folder, show, engines=wanted, hub=hub)
        except ModelsError as error:
            raise CannotStartError(str(error)) from error
    _show_backends(folder, console)


def fetch_chat_model(folder: Path, console: Console, *, required: bool) -> None:
    """Fetch the local language model that the settings select, with a progress bar.

    With `required`, raises `CannotStartError`; else reports a failure and continues, because only replies of echos need it.
    """
    with Progress(*_BAR, console=console) as progress:
        bar = progress.add_task("Language model", total=1.0)

        def show(what: str, done: float) -> None:
            progress.update(bar, description=f"Language model: {what}", completed=done)

        try:
            fetch_model(folder, ChatSettings(), show)
        except ChatModelFileError as error:
            if required:
                raise CannotStartError(str(error)) from error
            console.print(f"Echos have no language model on this machine: {error}", highlight=False, soft_wrap=True)


def chat_model_line(folder: Path) -> str:
    """Return a line on the language model of the settings and its state."""
    health = open_chat_model(ChatSettings(), folder, Metrics().chat).health()
    return f"Language model of echos: {health['model']} ({health['state']})"


def wants_chat_model() -> bool:
    """Return whether `echoctl models` fetches the local language model by itself: if its library is installed and selected."""
    return local.installed() and ChatSettings().chat in {"", "local"}


def backends_table(folder: Path) -> Table | None:
    """Return a table of the measured backends and their deviation from the reference; None without measurements."""
    measured = backends(folder)
    if not measured:
        return None
    names = list(dict.fromkeys(name for found in measured.values() for backend in found for name in backend.figures))
    # fits 80 columns
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", title="Backends", title_justify="left")
    for column in ("Engine", "Backend", "Status", "Seconds", *names):
        words = column in {"Engine", "Backend", "Status"}
        table.add_column(column, justify="left" if words else "right", no_wrap=column != "Status")
    for engine, found in measured.items():
        for backend in found:
            status = f"[red]not used: {escape(backend.problem)}[/]" if backend.problem else "correct"
            seconds = "" if backend.seconds is None else f"{backend.seconds:.2f}"
            figures = (f"{backend.figures[name]:.3g}" if name in backend.figures else "" for name in names)
            table.add_row(engine, backend.backend, "[green]selected[/]" if backend.selected else status, seconds, *figures)
    return table


def _show_backends(folder: Path, console: Console) -> None:
    if (table := backends_table(folder)) is not None:
        console.print(table)


def _fetch_encoders(folder: Path, console: Console) -> None:
    """Fetch the speaker encoders; report a failure and continue, because only voice cloning needs it."""
    try:
        with console.status("Speaker encoders"):
            fetch_encoders(folder)
    except EncoderMissingError as error:
        console.print(f"No voice can be cloned on this machine: {error}", highlight=False, soft_wrap=True)


def models_table(folder: Path, engines: Sequence[str]) -> Table:
    """Return a table of the ready engines, and of the missing requirements of the others."""
    lacking = missing(folder)
    table = Table(box=None, padding=(0, 2), header_style="bold", title=str(folder), title_justify="left")
    for column in ("Engine", "Offered", "Status", "What it is"):
        table.add_column(column)
    for name, spec in discover().items():
        status = f"[red]lacks {', '.join(lacking[name])}[/]" if name in lacking else "[green]ready[/]"
        table.add_row(name, "yes" if name in engines else "no", status, spec.description)
    return table
