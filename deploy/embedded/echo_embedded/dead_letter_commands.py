"""Commands `echoctl dead-letters`."""

from typing import Annotated

import typer

from echo_embedded.command_line import Data, Email, Json, Password, Server, access_to, out, print_json, with_client

dead_letters_app = typer.Typer(no_args_is_help=True, help="List, show and replay dead letters.")
LetterId = Annotated[str, typer.Argument(help="Id of the dead letter.")]


@dead_letters_app.command("list")
def list_dead_letters(
    data: Data = None,
    server: Server = None,
    email: Email = None,
    password: Password = None,
    *,
    service: Annotated[str | None, typer.Option(help="Filter by service.")] = None,
    topic: Annotated[str | None, typer.Option(help="Filter by topic.")] = None,
    as_json: Json = False,
) -> None:
    """List dead letters, newest first."""
    from echo_embedded import dead_letters

    dead_letters_found = with_client(
        lambda client: dead_letters.find(client, service=service, topic=topic), data, access_to(server, email, password)
    )
    if as_json:
        print_json(dead_letters_found)
    elif dead_letters_found:
        out.print(dead_letters.table(dead_letters_found))
    else:
        out.print("There are no dead letters.")


@dead_letters_app.command("show")
def show_dead_letter(
    letter_id: LetterId, data: Data = None, server: Server = None, email: Email = None, password: Password = None
) -> None:
    """Show a dead letter with its message."""
    from echo_embedded import dead_letters

    dead_letter = with_client(lambda client: dead_letters.show(client, letter_id), data, access_to(server, email, password))
    out.out(dead_letters.as_text(dead_letter), highlight=False)


@dead_letters_app.command("replay")
def replay_dead_letters(
    letter_ids: Annotated[list[str], typer.Argument(help="Ids of dead letters.")],
    data: Data = None,
    server: Server = None,
    email: Email = None,
    password: Password = None,
) -> None:
    """Redeliver dead letters, each to its service; a delivered one is removed."""
    from echo_embedded import dead_letters

    with_client(lambda client: dead_letters.replay(client, letter_ids), data, access_to(server, email, password))
    out.print(f"Delivered: {len(letter_ids)}.")
