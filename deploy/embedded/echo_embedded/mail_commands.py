"""Commands `echoctl mail …`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from echo_embedded.client import Client
from echo_embedded.command_line import Data, Email, Json, Password, Server, access_to, out, print_json, with_client
from echo_embedded.terminal_text import printable

_PATH = "/api/v1/admin/mails"

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
    query = {"status": status} if status else {}

    async def load(client: Client) -> list[Mapping[str, Any]]:
        return [mail async for mail in client.pages(_PATH, **query)]

    mails = with_client(load, data, access_to(server, email, password))
    if as_json:
        print_json(mails)
    for mail in () if as_json else mails:
        about = "  ".join(str(mail[key]) for key in ("created_at", "kind", "status", "to"))
        out.print(printable(about), markup=False, highlight=False, soft_wrap=True)
        if detail := mail["link"] or mail["error"]:
            out.print(f"  {printable(detail)}", markup=False, highlight=False, soft_wrap=True)
    if not (mails or as_json):
        out.print("There are no mails.")
