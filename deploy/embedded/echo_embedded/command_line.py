"""Parts of every command of `echoctl`: options, consoles, error messages and the connection to a platform."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console

from echo_common.errors import EchoError
from echo_common.settings import invalid_settings
from echo_embedded.data_folder import BrokenError, CannotStartError
from echo_embedded.settings import HostSettings
from echo_embedded.terminal_text import printable_json, printable_lines

T = TypeVar("T")

REFUSED = 2
FAILED = 1

out = Console()
err = Console(stderr=True)

Data = Annotated[Path | None, typer.Option("--data", help="Folder of the platform's data (ECHO_DATA).", show_default=False)]
Models = Annotated[Path | None, typer.Option("--models", help="Folder of the speech models (ECHO_MODELS).", show_default=False)]
Host = Annotated[str | None, typer.Option(help="Address to listen on (ECHO_HOST; 127.0.0.1).", show_default=False)]
Port = Annotated[int | None, typer.Option(help="Port; 0 picks a free one (ECHO_PORT; 8080).", show_default=False)]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show all log lines on the terminal.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Server = Annotated[str | None, typer.Option("--server", help="URL of a remote platform.", envvar="ECHO_SERVER")]
Email = Annotated[str | None, typer.Option("--email", help="Email of the user at --server.", envvar="ECHO_EMAIL")]
Password = Annotated[str | None, typer.Option("--password", help="Password of the user at --server.", envvar="ECHO_PASSWORD")]


@contextmanager
def error_messages() -> Iterator[None]:
    """Report expected errors as one sentence on stderr and exit: code 2 for a refusal, 1 for a failure."""
    from echo_embedded.say import SpeechFailedError, reason

    try:
        yield
    except ValidationError as error:
        for sentence in invalid_settings(error):
            err.print(sentence, highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(REFUSED) from None
    except (BrokenError, SpeechFailedError) as error:
        err.print(printable_lines(reason(error)), highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(FAILED) from None
    except (CannotStartError, EchoError, OSError) as error:
        err.print(printable_lines(reason(error)), highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(REFUSED) from None


def print_json(value: Any, console: Console = out) -> None:
    """Print a value as JSON on one line."""
    console.out(printable_json(value), highlight=False)


def settings(**given: Any) -> HostSettings:
    """Build the host's settings; given options take precedence over the environment."""
    return HostSettings(**{name: value for name, value in given.items() if value is not None})


def with_client(work: Callable[[Any], Coroutine[Any, Any, T]], data: Path | None, access: Any, *, start: bool = True) -> T:
    """Run `work` as the first administrator, or at `access`; start a stopped platform for the duration, or refuse without `start`."""
    from echo_embedded import say as speaking

    async def done() -> T:
        host = settings(data=data)
        connection = speaking.connected(host, access, err) if start else speaking.connected_to_running(host, access)
        async with connection as client:
            return await work(client)

    with error_messages():
        return asyncio.run(done())
    raise AssertionError("unreachable")


def access_to(server: str | None, email: str | None, password: str | None) -> Any:
    """Return the access to a remote platform; None for the local one. Without a user, report it and exit."""
    from echo_embedded.say import Access

    if server is None:
        return None
    with error_messages():
        if email is None or password is None:
            raise CannotStartError("--server needs --email and --password (or ECHO_EMAIL and ECHO_PASSWORD).")
        return Access(server, email, password)
    raise AssertionError("unreachable")
