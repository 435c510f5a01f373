"""Tests of the commands of `echoctl`."""

import contextlib
import json
import os
import pty
import subprocess
import sys
import wave
from pathlib import Path
from zipfile import ZipFile

import pytest

from echo_common.bus.delivery import encode
from echo_common.bus.rabbitmq import RabbitBus
from echo_common.clock import now
from echo_common.contracts.events.synthesis import SynthesisErrorLogged
from tests.support.eventually import eventually
from tests.support.person import Person
from tests.support.platform import QUICK, TONE, Platform

PLATFORM_AND_NOBODY = pytest.mark.parametrize("platform", ["embedded"], indirect=True)


def echoctl(*arguments: str, cwd: Path, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "echo_embedded", *arguments]
    environment = {**os.environ, **QUICK, **TONE, "COLUMNS": "120"}
    return subprocess.run(command, cwd=cwd, input=text, capture_output=True, timeout=90, check=False, env=environment)


@PLATFORM_AND_NOBODY
def test_say_uses_a_running_platform(platform: Platform, tmp_path: Path) -> None:
    told = echoctl("say", "Hello brave world.", "-o", "hello.wav", "--data", str(platform.folder.path), cwd=tmp_path)

    assert told.returncode == 0, told.stderr
    words = [line.split()[0] for line in told.stdout.decode().splitlines() if line.strip()]
    assert words[:4] == ["Word", "Hello", "brave", "world"]
    with wave.open(str(tmp_path / "hello.wav")) as sound:
        assert sound.getnframes() > 0


@PLATFORM_AND_NOBODY
def test_say_reads_and_writes_pipes(platform: Platform, tmp_path: Path) -> None:
    data = str(platform.folder.path)

    told = echoctl("say", "-", "-o", "-", "--format", "flac", "--data", data, cwd=tmp_path, text=b"From a pipe.")

    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(b"fLaC")
    assert list(tmp_path.iterdir()) == []


@PLATFORM_AND_NOBODY
def test_json_output_is_available(platform: Platform, tmp_path: Path) -> None:
    data = ("--data", str(platform.folder.path), "--json")

    result = json.loads(echoctl("say", "Three short words", "-o", "x.mp3", *data, cwd=tmp_path).stdout)
    voices = json.loads(echoctl("voices", *data, cwd=tmp_path).stdout)
    health = json.loads(echoctl("status", *data, cwd=tmp_path).stdout)

    assert [word["word"] for word in result["word_timestamps"]] == ["Three", "short", "words"]
    # other tests give the administrator voices of the kind "clone"
    assert [voice["id"] for voice in voices if voice["kind"] == "built-in"] == ["tone_low", "tone_high"]
    assert health["status"] == "ok"
    assert {"auth", "synthesis", "database"} <= set(health["parts"])


@PLATFORM_AND_NOBODY
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("say", ""), "text_content"),
        (("say", "Hi", "--voice", "nobody"), "List the voices with `echoctl voices`"),
        (("say", "Hi", "-o", "hello.xyz"), "The extension of hello.xyz is not one of wav, mp3"),
        (("say", "Hi", "-o", "no/such/folder/hello.wav"), "hello.wav cannot be written: No such file or directory. Choose"),
        (("say", "Hi", "--server", "http://127.0.0.1:9", "--email", "a@b.example", "--password", "x"), "No platform responds"),
        (("say", "Hi", "--server", "http://127.0.0.1:9"), "--server needs --email and --password"),
    ],
)
def test_errors_are_one_sentence(platform: Platform, arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    told = echoctl(*arguments, "--data", str(platform.folder.path), cwd=tmp_path)

    assert told.returncode == 2, told
    assert sentence in told.stderr.decode()
    assert len(told.stderr.decode().strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@PLATFORM_AND_NOBODY
def test_failed_syntheses_leave_no_file(platform: Platform, tmp_path: Path) -> None:
    told = echoctl("say", "This must tone-fail.", "-o", "x.wav", "--data", str(platform.folder.path), cwd=tmp_path)

    assert told.returncode == 1, told
    assert list(tmp_path.iterdir()) == []


def test_say_starts_a_platform_when_none_is_running(tmp_path: Path) -> None:
    told = echoctl("say", "Hello from nowhere.", "-o", "hello.ogg", "--data", "data", cwd=tmp_path)

    assert told.returncode == 0, told.stderr
    assert (tmp_path / "hello.ogg").read_bytes().startswith(b"OggS")
    assert echoctl("status", "--data", "data", cwd=tmp_path).returncode == 2


@PLATFORM_AND_NOBODY
def test_the_printed_curl_command_works(platform: Platform, tmp_path: Path) -> None:
    [line] = [line for line in platform.said.splitlines() if line.startswith("curl ")]

    pasted = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, timeout=60, check=False)

    assert pasted.returncode == 0, pasted.stderr
    with wave.open(str(tmp_path / "hello.wav")) as sound:
        assert sound.getframerate() == 24_000


def test_dead_letters_are_listed_in_every_form(platform: Platform, tmp_path: Path) -> None:
    data = ("--data", str(platform.folder.path))
    assert echoctl("dead-letters", "list", *data, cwd=tmp_path).stdout.decode().strip() == "There are no dead letters."
    assert json.loads(echoctl("dead-letters", "list", "--json", *data, cwd=tmp_path).stdout) == []
    unknown = echoctl("dead-letters", "replay", "evt_nobody", *data, cwd=tmp_path)
    assert (unknown.returncode, b"There is no dead letter evt_nobody" in unknown.stderr) == (2, True)


def test_the_api_without_a_token_is_refused_on_a_public_address(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "echo_embedded", "serve", "--host", "0.0.0.0", "--port", "0", "--data", "data"]
    environment = {**os.environ, **QUICK, **TONE, "ECHO_API_WITHOUT_TOKEN": "true", "COLUMNS": "400"}

    told = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=90, check=False, env=environment)

    assert told.returncode == 2
    assert "The setting ECHO_API_WITHOUT_TOKEN is not valid: it is accepted only on a loopback address" in told.stderr.decode()


@PLATFORM_AND_NOBODY
async def test_mails_for_the_operator_are_listed(platform: Platform, tmp_path: Path) -> None:
    data = ("--data", str(platform.folder.path))
    async with Person.at(platform.url) as person:
        email = await person.register()
        assert (await person.http.post("/auth/password/forgot", json={"email": email})).status_code == 202

    def links() -> list[str]:
        mails = json.loads(echoctl("mail", "list", *data, "--status", "logged", "--json", cwd=tmp_path).stdout)
        return [mail["link"] for mail in mails if mail["to"] == email]

    await eventually(lambda: bool(links()), within=30)
    assert "/reset-password#token=mail_" in links()[0]
    listed = echoctl("mail", "list", *data, cwd=tmp_path).stdout.decode()
    assert email in listed
    assert links()[0] in listed


@PLATFORM_AND_NOBODY
def test_the_audit_log_of_the_running_platform_is_verified(platform: Platform, tmp_path: Path) -> None:
    data = ("--data", str(platform.folder.path))
    verified = json.loads(echoctl("audit", "verify", *data, "--json", cwd=tmp_path).stdout)
    assert verified["intact"]
    assert verified["entries"] > 0

    noted = ("--sequence", str(verified["sequence"]), "--hash")
    assert echoctl("audit", "verify", *data, *noted, verified["hash"], cwd=tmp_path).returncode == 0
    wrong = echoctl("audit", "verify", *data, *noted, "0" * 64, cwd=tmp_path)
    assert (wrong.returncode, b"foreign" in wrong.stdout) == (1, True)


@PLATFORM_AND_NOBODY
def test_retention_has_a_dry_run(platform: Platform, tmp_path: Path) -> None:
    told = echoctl("retention", "--dry-run", "--data", str(platform.folder.path), cwd=tmp_path)
    assert (told.returncode, told.stdout.decode().strip()) == (0, "Dry run: no account is due.")


@PLATFORM_AND_NOBODY
def test_retention_asks_before_it_changes_accounts(platform: Platform, tmp_path: Path) -> None:
    data = ("--data", str(platform.folder.path))

    declined = echoctl("retention", *data, cwd=tmp_path, text=b"n\n")
    confirmed = echoctl("retention", *data, cwd=tmp_path, text=b"y\n")
    unasked = echoctl("retention", "--yes", *data, cwd=tmp_path)

    assert [told.returncode for told in (declined, confirmed, unasked)] == [1, 0, 0]
    assert [b"Continue?" in told.stdout for told in (declined, confirmed, unasked)] == [True, True, False]
    assert [b"no account is due" in told.stdout for told in (declined, confirmed, unasked)] == [False, True, True]


@PLATFORM_AND_NOBODY
def test_a_user_exports_everything_to_a_file(platform: Platform, tmp_path: Path) -> None:
    told = echoctl("export", "me.zip", "--data", str(platform.folder.path), cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    with ZipFile(tmp_path / "me.zip") as archive:
        assert {"manifest.json", "profile.json"} <= set(archive.namelist())
    assert [path.name for path in tmp_path.iterdir()] == ["me.zip"]
    assert (tmp_path / "me.zip").stat().st_mode & 0o777 == 0o600

    refused = echoctl("export", "missing/me.zip", "--data", str(platform.folder.path), cwd=tmp_path)
    assert (refused.returncode, b"cannot be written" in refused.stderr) == (2, True)


def test_statistics_and_errors_are_shown(platform: Platform, tmp_path: Path) -> None:
    data = ("--data", str(platform.folder.path))
    shown = echoctl("stats", *data, cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert {"Users", "Jobs", "Engines", "tone", "synthesis/jobs"} <= set(shown.stdout.decode().split())
    assert json.loads(echoctl("stats", "--json", *data, cwd=tmp_path).stdout)["unavailable"] == []
    none = echoctl("errors", "--service", "none", *data, cwd=tmp_path)
    assert (none.returncode, none.stdout) == (0, b"There are no errors.\n")
    assert json.loads(echoctl("errors", "--service", "none", "--json", *data, cwd=tmp_path).stdout) == []
    wrong = echoctl("errors", "--from", "yesterday", *data, cwd=tmp_path)
    assert wrong.returncode == 2
    once = echoctl("top", "--once", *data, cwd=tmp_path)
    assert once.returncode == 0, once.stderr
    assert {"Health:", "Requests", "Engines"} <= set(once.stdout.decode().split())


@pytest.mark.parametrize("platform", ["distributed"], indirect=True)
async def test_logged_errors_cannot_control_the_terminal(platform: Platform, tmp_path: Path) -> None:
    running = platform.folder.running()
    assert running is not None
    hostile = "\x1b[2J\x9b31m\x07[red]"
    event = SynthesisErrorLogged(
        error_type=f"Logged{hostile}",
        error_message=f"Message{hostile}",
        stack_trace=f"Stack{hostile}",
        source="task",
        subject=hostile,
        last_at=now(),
    )
    publisher = await RabbitBus.open(running.places["bus"], service="publisher")
    try:
        await publisher.publish([encode(event)])
    finally:
        await publisher.close()
    data = ("--data", str(platform.folder.path))

    def shown(*arguments: str) -> str:
        told = echoctl(*arguments, *data, cwd=tmp_path)
        assert told.returncode == 0, told.stderr
        return told.stdout.decode()

    await eventually(lambda: "Stack[2J31m[red]" in shown("errors", "--stacks"), within=30)
    for output in (shown("errors", "--stacks"), shown("errors", "--json"), shown("top", "--once")):
        assert "Logged" in output
        assert all(char.isprintable() or char == "\n" for char in output), repr(output)


@pytest.mark.parametrize("command", [("stats",), ("errors",), ("top", "--once")], ids=lambda command: command[0])
def test_the_state_of_a_stopped_platform_is_refused(command: tuple[str, ...], tmp_path: Path) -> None:
    told = echoctl(*command, "--data", "data", cwd=tmp_path)

    assert told.returncode == 2
    assert told.stderr.decode().startswith("No platform is running on the data folder ")
    assert list(tmp_path.iterdir()) == []


@PLATFORM_AND_NOBODY
def test_top_shows_the_platform_until_q(platform: Platform, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "echo_embedded", "top", "--every", "0.5", "--data", str(platform.folder.path)]
    environment = {**os.environ, **QUICK, **TONE, "COLUMNS": "120", "LINES": "60", "TERM": "xterm"}
    process = subprocess.Popen(command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    try:
        os.close(theirs)
        shown = b""
        while b"q quits" not in shown:
            shown += os.read(ours, 65_536)
        os.write(ours, b"q")
        with contextlib.suppress(OSError):  # the other side closes the terminal
            while block := os.read(ours, 65_536):
                shown += block
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert b"synthesis" in shown
