"""Commands `echoctl stats`, `echoctl errors` and `echoctl top`."""

from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from echo_embedded.command_line import (
    Data,
    Email,
    Json,
    Password,
    Server,
    access_to,
    err,
    error_messages,
    out,
    print_json,
    with_client,
)
from echo_embedded.data_folder import CannotStartError

_MOST = 100


def stats(
    data: Data = None, server: Server = None, email: Email = None, password: Password = None, *, as_json: Json = False
) -> None:
    """Show users, jobs, work queues, engines, storage and the last 24 hours.

    Reads a running platform: the one on the data folder, or the one at --server. Exit code 2 if none runs.
    """
    found: dict[str, Any] = with_client(
        lambda client: client.call("GET", "/api/v1/admin/stats"), data, access_to(server, email, password), start=False
    )
    if as_json:
        print_json(found)
        return
    from echo_embedded.statistics_tables import statistics_view

    out.print(statistics_view(found))


def errors(
    data: Data = None,
    server: Server = None,
    email: Email = None,
    password: Password = None,
    *,
    service: Annotated[str | None, typer.Option(help="Filter by service.")] = None,
    error_type: Annotated[str | None, typer.Option("--type", help="Filter by type.")] = None,
    trace_id: Annotated[str | None, typer.Option("--trace", help="Filter by trace.")] = None,
    request_id: Annotated[str | None, typer.Option("--request", help="Filter by request.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="Filter by time: at or after, for example 2026-01-31T10:00Z.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="Number of errors.")] = 20,
    stacks: Annotated[bool, typer.Option("--stacks", help="Print the stack traces.")] = False,
    as_json: Json = False,
) -> None:
    """List the errors of all services, newest first.

    Reads a running platform: the one on the data folder, or the one at --server. Exit code 2 if none runs.
    """
    given = {
        "service": service,
        "error_type": error_type,
        "trace_id": trace_id,
        "request_id": request_id,
        "from": since,
        "limit": limit,
    }
    query = urlencode({name: value for name, value in given.items() if value is not None})
    found: list[dict[str, Any]] = with_client(
        lambda client: client.call("GET", f"/api/v1/admin/errors?{query}"),
        data,
        access_to(server, email, password),
        start=False,
    )
    if as_json:
        print_json(found)
    elif not found:
        out.print("There are no errors.")
    else:
        from echo_embedded.statistics_tables import errors_view
        from echo_embedded.terminal_text import printable, printable_lines

        out.print(errors_view(found))
        for error in found if stacks else ():
            heading = printable(f"{error['id']} {error['error_type']}")
            out.print(f"\n{heading}\n{printable_lines(error['stack_trace'] or '')}", markup=False, highlight=False)


def top(
    data: Data = None,
    server: Server = None,
    email: Email = None,
    password: Password = None,
    *,
    every: Annotated[float, typer.Option(min=0.5, max=3600, help="Seconds between two readings.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Print the state once and exit, for scripts.")] = False,
) -> None:
    """Show the live state of the platform: services, queues, engines, jobs, requests and errors. q quits.

    Reads a running platform: the one on the data folder, or the one at --server. Exit code 2 if none runs.
    """
    from echo_embedded.top import watch

    if not once and not (out.file.isatty() and out.is_interactive):
        with error_messages():
            raise CannotStartError("`echoctl top` needs a terminal; use `echoctl top --once` to print the state once.")
    try:
        access = access_to(server, email, password)
        with_client(lambda client: watch(client, out, every=every, once=once), data, access, start=False)
    except KeyboardInterrupt:
        err.print("")
