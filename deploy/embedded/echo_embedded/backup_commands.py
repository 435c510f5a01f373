"""Commands `echoctl backup` and `echoctl restore`."""

from pathlib import Path
from typing import Annotated

import typer

from echo_embedded.command_line import Data, Json, error_messages, settings


def backup(
    target: Annotated[Path, typer.Argument(help="Folder of archives, or a file that ends in .tar.")] = Path("echo-backups"),
    data: Data = None,
    *,
    keep: Annotated[int | None, typer.Option(min=1, help="Number of archives to keep in the folder.")] = None,
    every: Annotated[str | None, typer.Option(help="Repeat until Ctrl-C, for example every 24h; m, h or d.")] = None,
    without_secrets: Annotated[
        bool, typer.Option("--without-secrets", help="Leave out the secrets; keep them elsewhere, a restore needs them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Back up databases, objects, vectors and secrets of the platform, while it runs. ECHO_BACKUP_PASSPHRASE encrypts the secrets."""
    from echo_embedded.backup.run import make_archives

    with error_messages():
        chosen = settings(data=data).data
        make_archives(target, chosen, keep=keep, every=every, without_secrets=without_secrets, as_json=as_json)


def restore(
    archive: Annotated[Path, typer.Argument(help="Archive of `echoctl backup`.")],
    data: Data = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="Verify the archive; restore nothing.")] = False,
    erasures: Annotated[
        Path | None, typer.Option(help="List of users to erase again; by default erasures.jsonl beside the archive.")
    ] = None,
    without_erasures: Annotated[
        bool, typer.Option("--without-erasures", help="Accept a missing list: users erased after the backup return.")
    ] = False,
    without_secrets: Annotated[
        bool,
        typer.Option("--without-secrets", help="Accept an archive without secrets, which no passphrase protects from forgery."),
    ] = False,
    write_secrets: Annotated[
        Path | None, typer.Option(help="Write the archive's secrets to this new file as settings; restore nothing.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Restore an archive into an empty platform that is not running. Everything is verified before anything is written."""
    from echo_embedded.backup.run import restore_archive

    with error_messages():
        chosen = settings(data=data).data
        restore_archive(
            archive,
            chosen,
            check=check,
            erasures=erasures,
            without_erasures=without_erasures,
            without_secrets=without_secrets,
            write_secrets=write_secrets,
            as_json=as_json,
        )
