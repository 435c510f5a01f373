"""Command `echoctl retention`."""

from typing import Annotated, Any

import typer

from echo_embedded.command_line import Data, Email, Json, Password, Server, access_to, out, print_json, with_client
from echo_embedded.terminal_text import printable

_PATH = "/api/v1/admin/retention"


def retention(
    data: Data = None,
    server: Server = None,
    email: Email = None,
    password: Password = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the accounts; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before accounts are warned, archived and erased.")] = False,
    as_json: Json = False,
) -> None:
    """Warn, archive and erase inactive accounts, by the system settings retention.…; the platform does so once a day."""
    if not (dry_run or yes) and not typer.confirm("Inactive accounts will be archived or erased. Continue?"):
        raise typer.Exit(1)
    method = "GET" if dry_run else "POST"
    report: dict[str, Any] = with_client(lambda client: client.call(method, _PATH), data, access_to(server, email, password))
    if as_json:
        print_json(report)
        return
    for item in report["items"]:
        line = f"{item['step']:8} {item['user_id']}  last active {item['last_active_date']}"
        out.print(printable(line), highlight=False, markup=False)
    counts = ", ".join(f"{count} to {step}" for step, count in sorted(report["counts"].items())) or "no account is due"
    out.print(printable(f"{'Dry run: ' if dry_run else ''}{counts}."), highlight=False, markup=False)
