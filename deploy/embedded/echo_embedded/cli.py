"""Command line of Echo: `echoctl`."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from echo_common.contracts.values import AudioFormat
from echo_embedded.audit_commands import audit_app
from echo_embedded.backup_commands import backup, restore
from echo_embedded.command_line import (
    FAILED,
    Data,
    Email,
    Host,
    Json,
    Models,
    Password,
    Port,
    Server,
    Verbose,
    access_to,
    err,
    error_messages,
    out,
    print_json,
    settings,
)
from echo_embedded.data_folder import DataFolder
from echo_embedded.dead_letter_commands import dead_letters_app
from echo_embedded.export_commands import export
from echo_embedded.mail_commands import mail_app
from echo_embedded.model_commands import models_app
from echo_embedded.retention_commands import retention
from echo_embedded.statistics_commands import errors, stats, top
from echo_embedded.talk_commands import talk

STARTED = time.monotonic()

app = typer.Typer(
    name="echoctl",
    help="Run Echo on this machine: speech synthesis with exact word timings.",
    epilog="Start with: echoctl say 'Hello.' -o hello.wav",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def options(
    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", help="File with the certificates to trust at --server (ECHO_CA_FILE).", show_default=False),
    ] = None,
) -> None:
    """Run Echo on this machine: speech synthesis with exact word timings."""
    if ca_file is not None:
        os.environ["ECHO_CA_FILE"] = str(ca_file)


@app.command(epilog="Example: echoctl serve --port 9000 --data ./echo-data")
def serve(
    data: Data = None,
    models: Models = None,
    host: Host = None,
    port: Port = None,
    *,
    verbose: Verbose = False,
) -> None:
    """Run the platform in one process until Ctrl-C. Data persists."""
    from echo_embedded.serve import serve as run

    with error_messages():
        run(settings(data=data, models=models, host=host, port=port), out, verbose=verbose, since=STARTED)


@app.command(epilog="Example: echoctl local --workers 3")
def local(
    data: Data = None,
    models: Models = None,
    host: Host = None,
    port: Port = None,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Synthesis processes.")] = 2,
    *,
    verbose: Verbose = False,
) -> None:
    """Run every service in its own process, with RabbitMQ and S3, until Ctrl-C. Users persist; audio does not."""
    from echo_embedded.serve import serve_local

    with error_messages():
        given = settings(data=data, models=models, host=host, port=port)
        serve_local(given, out, workers=workers, verbose=verbose, since=STARTED)


@app.command(epilog="Examples: echoctl say 'Hello.' --voice af_heart -o hello.wav · cat story.txt | echoctl say - -o story.mp3")
def say(
    text: Annotated[str, typer.Argument(help="Text to synthesize; - reads standard input.")],
    voice: Annotated[str | None, typer.Option(help="Voice id from `echoctl voices`; the default voice if absent.")] = None,
    engine: Annotated[str | None, typer.Option(help="Required engine of the voice.")] = None,
    speed: Annotated[float, typer.Option(min=0.25, max=4.0, help="Speaking rate; 2 is twice as fast.")] = 1.0,
    audio_format: Annotated[
        AudioFormat | None, typer.Option("--format", help="Audio format; by default from the extension of --output.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write; - is standard output.")] = Path("speech.wav"),
    data: Data = None,
    models: Models = None,
    server: Server = None,
    email: Email = None,
    password: Password = None,
    *,
    as_json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing.")] = False,
) -> None:
    """Synthesize a text to a file. Uses the running platform, or starts one for this command."""
    from echo_embedded import say as speaking

    with error_messages():
        console = Console(stderr=True, quiet=quiet)
        wanted = sys.stdin.read() if text == "-" else text
        audio = speaking.format_of(output, audio_format)
        request = speaking.SpeechRequest(wanted, voice, engine, speed, output, audio)
        access = access_to(server, email, password)

        async def speak() -> dict[str, Any]:
            async with speaking.connected(settings(data=data, models=models), access, console) as client:
                return await speaking.say(client, request, console)

        result = asyncio.run(speak())
        report = err if output == speaking.STDOUT else out
        if as_json:
            print_json(result, report)
        elif not quiet:
            report.print(speaking.timings(result))
            report.print(speaking.summary(result, output), highlight=False, markup=False, style="bold", soft_wrap=True)


@app.command()
def voices(
    data: Data = None,
    models: Models = None,
    server: Server = None,
    email: Email = None,
    password: Password = None,
    *,
    as_json: Json = False,
) -> None:
    """List voices."""
    from echo_embedded import say as speaking
    from echo_embedded.terminal_text import printable

    async def found() -> list[dict[str, Any]]:
        async with speaking.connected(settings(data=data, models=models), access_to(server, email, password), err) as client:
            return [voice async for voice in client.pages("/api/v1/voices")]

    with error_messages():
        listed = asyncio.run(found())
        if as_json:
            print_json(listed)
            return
        table = Table(box=None, padding=(0, 2), header_style="bold")
        for column in ("Voice", "Name", "Language", "Gender", "Engine"):
            table.add_column(column)
        for voice in listed:
            table.add_row(*(escape(printable(voice[key])) for key in ("id", "name", "language", "gender", "engine")))
        out.print(table)


@app.command()
def status(
    data: Data = None, server: Annotated[str | None, typer.Option(envvar="ECHO_SERVER")] = None, *, as_json: Json = False
) -> None:
    """Show the health of the running platform. Exit code 1 if a part is unhealthy, 2 if no platform runs."""
    from echo_common.http.client import ServiceClient
    from echo_embedded.client import Client
    from echo_embedded.status import health_table, process_states, process_table
    from echo_embedded.trust import trust_in

    async def found(url: str, internal: str | None) -> dict[str, Any]:
        health: dict[str, Any]
        if internal is None:
            async with Client.open(url, trust_in(settings().ca_file)) as client:
                health = await client.call("GET", "/health")
        else:
            async with ServiceClient.open("gateway", internal) as service:
                health = await service.request("GET", "/health")
        return health

    with error_messages():
        folder = DataFolder(settings(data=data).data)
        running = None if server else folder.require_running()
        url = running.url if running else str(server)
        processes = process_states(running) if running else {}
        if processes and not as_json:
            out.print(process_table(processes))  # first, because it is known even if the gateway does not respond
        health = asyncio.run(found(url, running.internal if running else None))
        if processes:
            health["processes"] = processes
        if as_json:
            print_json(health)
        else:
            out.print(health_table(url, health))
        if health.get("status") != "ok":
            raise typer.Exit(FAILED)


@app.command(epilog="Examples: echoctl doctor · echoctl doctor --json")
def doctor(
    data: Data = None,
    models: Models = None,
    host: Host = None,
    port: Port = None,
    *,
    remote: Annotated[bool, typer.Option("--remote", help="Test remote engines too; their providers charge for it.")] = False,
    as_json: Json = False,
) -> None:
    """Check this machine: processor, memory, disk, port, database, models, and the speech of every engine. Exit code 1 if a check fails."""
    from echo_embedded.doctor import diagnose

    with error_messages():
        chosen = settings(data=data, models=models, host=host, port=port)
        report = asyncio.run(diagnose(chosen, Console(quiet=as_json), remote=remote))
        if as_json:
            print_json(report.as_json())
    if report.failed:
        raise typer.Exit(FAILED)


app.add_typer(models_app, name="models")
app.add_typer(dead_letters_app, name="dead-letters")
app.add_typer(audit_app, name="audit")
app.add_typer(mail_app, name="mail")
app.command(epilog="Examples: echoctl talk echo_… · echoctl talk echo_… --input question.wav --output reply.wav")(talk)
app.command(epilog="Example: echoctl retention --dry-run")(retention)
app.command(epilog="Examples: echoctl stats · echoctl stats --json")(stats)
app.command(epilog="Examples: echoctl errors --service synthesis · echoctl errors --request req_… --stacks")(errors)
app.command(epilog="Examples: echoctl top · echoctl top --once · echoctl top --every 10 --server https://echo.example.com")(top)
app.command(epilog="Example: echoctl backup ./backups --every 24h --keep 7")(backup)
app.command(epilog="Example: echoctl restore ./backups/echo-2026-11-22T03-00-00Z.tar --data ./restored")(restore)
app.command(epilog="Example: echoctl export me.zip --server https://echo.example.com --email ada@example.com")(export)


@app.command(hidden=True)
def contracts(root: Annotated[Path, typer.Option(help="Root folder of the repository.")] = Path()) -> None:
    """Write event schemas, AsyncAPI, OpenAPI and .env.example from the code."""
    from echo_embedded.contracts import write

    with error_messages():
        changed = write(root)
        out.print("\n".join(map(str, changed)) or "Nothing changed.", highlight=False, markup=False)
