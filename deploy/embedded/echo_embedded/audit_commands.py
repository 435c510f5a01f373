"""Commands `echoctl audit …`."""

from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from echo_embedded.command_line import FAILED, Data, Email, Json, Password, Server, access_to, out, print_json, with_client
from echo_embedded.terminal_text import printable

audit_app = typer.Typer(no_args_is_help=True, help="Verify the audit log.")


@audit_app.callback()
def audit() -> None:
    """Verify the audit log."""


@audit_app.command("verify", epilog="Note the printed hash; pass it later to detect that newer entries were removed.")
def verify_audit_log(
    data: Data = None,
    server: Server = None,
    email: Email = None,
    password: Password = None,
    *,
    sequence: Annotated[int | None, typer.Option(min=1, help="Sequence number noted earlier.")] = None,
    noted_hash: Annotated[str | None, typer.Option("--hash", help="Hash noted earlier.")] = None,
    as_json: Json = False,
) -> None:
    """Verify every entry of the audit log. Exit code 1 if an entry was edited, removed or moved."""
    noted = {name: value for name, value in (("sequence", sequence), ("hash", noted_hash)) if value is not None}
    path = "/api/v1/admin/audit/verification" + (f"?{urlencode(noted)}" if noted else "")
    verified: dict[str, Any] = with_client(lambda client: client.call("GET", path), data, access_to(server, email, password))
    if as_json:
        print_json(verified)
    else:
        for problem in verified["problems"]:
            out.print(printable(f"Entry {problem['sequence']}: {problem['problem']}"), highlight=False, markup=False)
        state = "intact" if verified["intact"] else "damaged"
        newest = f"{verified['sequence']} {verified['hash']}"
        summary = printable(f"{verified['entries']} entries, {state}. Newest: {newest}")
        out.print(summary, highlight=False, markup=False, soft_wrap=True)
    if not verified["intact"]:
        raise typer.Exit(FAILED)
