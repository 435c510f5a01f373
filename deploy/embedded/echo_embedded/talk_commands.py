"""Command `echoctl talk`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echo_embedded.command_line import Data, Email, Password, Server, access_to, error_messages, out, settings
from echo_embedded.data_folder import CannotStartError
from echo_embedded.settings import HostSettings

if TYPE_CHECKING:
    from echo_embedded.say import Access
    from echo_embedded.talk import Loudspeaker, Microphone


def talk(
    echo_id: Annotated[str, typer.Argument(help="Id of the echo; `GET /api/v1/echos` lists yours.")],
    inputs: Annotated[
        list[Path] | None,
        typer.Option(
            "--input", "-i", help="Recording in place of the microphone; repeatable: each waits for the reply before."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="WAV file for the replies, in place of the loudspeaker.")
    ] = None,
    data: Data = None,
    server: Server = None,
    email: Email = None,
    password: Password = None,
    *,
    greeting: Annotated[bool, typer.Option(help="Let the echo greet first.")] = True,
) -> None:
    """Talk with an echo, in turns: speak, and interrupt it as you would a person. Ctrl-C ends the conversation.

    Needs a running platform with a language model (`echoctl models --help`). The microphone needs the extra `devices`; headphones
    are not required, but a microphone close to you helps.
    """
    from echo_embedded.say import require_writable
    from echo_embedded.talk_files import FileLoudspeaker, FileMicrophone

    host, access = settings(data=data), access_to(server, email, password)
    with error_messages():
        if not inputs:
            if output is not None:
                raise CannotStartError("--output needs recordings: name them with --input.")
            asyncio.run(_talk_with_devices(echo_id, host, access, greeting=greeting))
            return
        if output is not None:
            require_writable(output)
        microphone, loudspeaker = FileMicrophone(inputs), FileLoudspeaker(output)
        asyncio.run(_talk(echo_id, host, access, microphone, loudspeaker, greeting=greeting))
        loudspeaker.write()


async def _talk_with_devices(echo_id: str, host: HostSettings, access: "Access | None", *, greeting: bool) -> None:
    from echo_embedded.talk_devices import open_devices

    with open_devices(asyncio.get_running_loop()) as (microphone, loudspeaker):
        await _talk(echo_id, host, access, microphone, loudspeaker, greeting=greeting)


async def _talk(
    echo_id: str,
    host: HostSettings,
    access: "Access | None",
    microphone: "Microphone",
    loudspeaker: "Loudspeaker",
    *,
    greeting: bool,
) -> None:
    from echo_embedded.say import connected_to_running
    from echo_embedded.talk import talk as hold

    async with connected_to_running(host, access) as client:
        await hold(client, echo_id, microphone, loudspeaker, out, greeting=greeting)
