"""Commands `echoctl mail …`."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from echo_embedded.client import printable
from echo_embedded.command_line import Data, Email, Json, Password, Server, access_to, out, with_client

_PATH = "/api/v1/admin/mails?limit=100"

mail_app = typer.Typer(no_args_is_help=True, help="Show mails to users.")


@mail_app.callback()
def mail() -> None:
    """Show mails to users."""


@mail_app.command("list", epilog="Without a mail server, pass each link on to its recipient; a link is a secret.")
def list_mails(
    data: Data = None,
    server: Server = None,
    email: Email = None,
    password: Password = None,
    *,
    status: Annotated[str | None, typer.Option(help="Filter by status, for example logged or pending.")] = None,
    as_json: Json = False,
) -> None:
    """List mails to users, newest first, with their links where no mail server is configured."""
    path = _PATH + (f"&status={status}" if status else "")
    mails: Sequence[Mapping[str, Any]] = with_client(
        lambda client: client.call("GET", path), data, access_to(server, email, password)
    )
    if as_json:
        out.out(json.dumps(mails, ensure_ascii=False), highlight=False)
    elif mails:
        out.print(_table(mails))
    else:
        out.print("There are no mails.")


def _table(mails: Sequence[Mapping[str, Any]]) -> Table:
    made = Table(box=None, padding=(0, 2), header_style="bold")
    for column in ("Created", "To", "Kind", "Status", "Link or error"):
        made.add_column(column, overflow="fold")
    for mail in mails:
        values = (mail["created_at"], mail["to"], mail["kind"], mail["status"], mail["link"] or mail["error"] or "")
        made.add_row(*(escape(printable(str(value))) for value in values))
    return made
