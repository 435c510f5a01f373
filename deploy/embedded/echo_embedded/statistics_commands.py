"""Commands `echoctl stats`, `echoctl errors` and `echoctl top`."""

import json
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from echo_embedded.command_line import Data, Email, Json, Password, Server, access_to, err, out, with_client

_MOST = 100


def stats(
    data: Data = None, server: Server = None, email: Email = None, password: Password = None, *, as_json: Json = False
) -> None:
    """Show users, jobs, work queues, engines, storage and the last 24 hours."""
    found: dict[str, Any] = with_client(
        lambda client: client.call("GET", "/api/v1/admin/stats"), data, access_to(server, email, password)
    )
    if as_json:
        out.out(json.dumps(found, ensure_ascii=False), highlight=False)
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
    """List the errors of all services, newest first."""
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
        lambda client: client.call("GET", f"/api/v1/admin/errors?{query}"), data, access_to(server, email, password)
    )
    if as_json:
        out.out(json.dumps(found, ensure_ascii=False), highlight=False)
    elif not found:
        out.print("There are no errors.")
    else:
        from echo_embedded.client import printable
        from echo_embedded.statistics_tables import errors_table

        out.print(errors_table(found))
        for error in found if stacks else ():
            lines = [printable(line) for line in (error["stack_trace"] or "").splitlines()]
            out.print("\n".join([f"\n{error['id']} {printable(error['error_type'])}", *lines]), markup=False, highlight=False)


def top(
    data: Data = None,
    server: Server = None,
    email: Email = None,
    password: Password = None,
    *,
    every: Annotated[float, typer.Option(min=0.5, max=3600, help="Seconds between two readings.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Print the state once and exit, for scripts.")] = False,
) -> None:
    """Show the live state of the platform: services, queues, engines, jobs, requests and errors. q quits."""
    from echo_embedded.top import watch

    try:
        with_client(lambda client: watch(client, out, every=every, once=once), data, access_to(server, email, password))
    except KeyboardInterrupt:
        err.print("")
