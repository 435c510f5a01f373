"""The first two commands of the README in a fresh clone with an empty home folder and no cache.

Nothing that an earlier run left behind can make this pass. `ECHO_TEST_COLD_HOME` names the empty folder to use as home, so
that the suites that follow can use the models fetched into it; by default it is temporary.
"""

import io
import os
import signal
import subprocess
import time
import wave
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest

from echo_synthesis.engine import Speech
from tests.support.models import Recogniser, plain
from tests.support.person import Person

INSTALL_AND_START_SECONDS = 900.0
START_SECONDS = 120.0
STOP_SECONDS = 30.0
GREETING = "hello this is echo speaking from your own machine"
QUIET_DBFS = -45.0
INDEX_VARIABLES = ("PIP_", "UV_", "NPM_CONFIG_", "SSL_CERT_")
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty home folder."""
    given = os.environ.get("ECHO_TEST_COLD_HOME")
    folder = Path(given) if given else tmp_path_factory.mktemp("home")
    assert list(folder.iterdir()) == [], f"{folder} is not empty"
    return folder


@pytest.fixture(scope="module")
def environment(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """A new user's environment: empty folders everywhere, and only the package index configuration of this machine."""
    kept = {
        name: value for name, value in os.environ.items() if name.startswith(INDEX_VARIABLES) or name.lower().endswith("_proxy")
    }
    user = Path.home()
    for variable, file in (("PIP_CONFIG_FILE", user / ".config/pip/pip.conf"), ("NPM_CONFIG_USERCONFIG", user / ".npmrc")):
        if file.exists():
            kept.setdefault(variable, str(file))
    xdg = {f"XDG_{name}_HOME": str(home / folder) for name, folder in XDG_FOLDERS.items()}
    temporary = tmp_path_factory.mktemp("tmp")
    return {**kept, **xdg, "PATH": system_path(), "HOME": str(home), "TMPDIR": str(temporary), "LANG": "C.UTF-8"}


XDG_FOLDERS = {"CACHE": ".cache", "CONFIG": ".config", "DATA": ".local/share", "STATE": ".local/state"}


def system_path() -> str:
    """`PATH` without the virtual environment that runs the tests."""
    ours = os.environ.get("VIRTUAL_ENV", str(REPOSITORY / ".venv"))
    return os.pathsep.join(folder for folder in os.environ["PATH"].split(os.pathsep) if not folder.startswith(ours))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone of the committed files."""
    folder = tmp_path_factory.mktemp("clone") / "echo"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(REPOSITORY), str(folder)], check=True, timeout=120)
    return folder


class Terminal:
    """`make run` in a terminal: its output, and Ctrl-C."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self._process = process
        self._output = output

    @property
    def said(self) -> str:
        return self._output.read_text(errors="replace")

    def curl_line(self, within: float) -> str:
        """Return the printed curl command, once it is there."""
        deadline = time.monotonic() + within
        while True:
            if lines := [line for line in self.said.splitlines() if line.startswith("curl ")]:
                return lines[0]
            assert self._process.poll() is None, f"`make run` ended with {self._process.returncode}: {self.said}"
            assert time.monotonic() < deadline, f"not ready after {within:.0f} s: {self.said}"
            time.sleep(0.2)

    def press_ctrl_c(self) -> None:
        """Send SIGINT to every process of the group, as a terminal does, and wait until all have ended."""
        family = [process for process in psutil.Process(self._process.pid).children(recursive=True) if process.is_running()]
        os.killpg(self._process.pid, signal.SIGINT)
        self._process.wait(STOP_SECONDS)
        _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
        assert alive == []


@contextmanager
def make_run(clone: Path, environment: Mapping[str, str], output: Path) -> Iterator[Terminal]:
    """`make run` in the clone, stopped after the test."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            ["make", "run"],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
        try:
            yield Terminal(process, output)
        finally:
            if process.poll() is None:
                for member in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
                    member.kill()
                process.wait()


def paste(line: str, folder: Path, environment: Mapping[str, str]) -> Speech:
    """The speech that the printed line writes to hello.wav."""
    folder.mkdir()
    subprocess.run(["bash", "-c", line], cwd=folder, env=environment, timeout=120, check=True)
    return read_wav((folder / "hello.wav").read_bytes())


def read_wav(data: bytes) -> Speech:
    with wave.open(io.BytesIO(data)) as sound:
        samples = np.frombuffer(sound.readframes(-1), dtype="<i2").astype(np.float32) / np.float32(32_768)
        return Speech(samples, sound.getframerate(), (), "model")


def level_dbfs(speech: Speech) -> float:
    return 10 * float(np.log10(np.mean(np.square(speech.samples, dtype=np.float64)) + 1e-12))


async def speak_and_fetch(user: Person, text: str, voice: str) -> Speech:
    return read_wav((await user.audio(await user.speak(text, voice=voice))).content)


@pytest.mark.cold_start
@pytest.mark.timeout(1500)
async def test_a_new_machine_synthesises_speech_and_keeps_its_data(
    clone: Path, home: Path, environment: Mapping[str, str], recogniser: Recogniser, tmp_path: Path
) -> None:
    def parse_ssml(speech: Speech) -> str:
        assert level_dbfs(speech) > QUIET_DBFS
        return " ".join(filter(None, map(plain, recogniser.transcribe(speech).split())))

    with make_run(clone, environment, tmp_path / "first.txt") as first:
        line = first.curl_line(INSTALL_AND_START_SECONDS)
        assert parse_ssml(paste(line, tmp_path / "first", environment)) == GREETING
        async with Person.at(url_of(line)) as ada:
            email = await ada.register()
            kokoro = await speak_and_fetch(ada, "The river runs down to the sea.", "af_heart")
            assert parse_ssml(kokoro) == "the river runs down to the sea"
            piper = await speak_and_fetch(ada, "The mountains are white with snow.", "piper_joe")
            assert parse_ssml(piper) == "the mountains are white with snow"
            kept = await ada.speak("Keep this sentence for me.", voice="af_heart")
            audio = (await ada.audio(kept)).content
        first.press_ctrl_c()
        assert "Traceback" not in first.said

    # The second start opens what the first one has compiled and measured.
    with make_run(clone, environment, tmp_path / "second.txt") as second:
        assert second.curl_line(START_SECONDS) == line
        assert parse_ssml(paste(line, tmp_path / "second", environment)) == GREETING
        async with Person.at(url_of(line)) as ada:
            await ada.log_in(email)
            assert (await ada.audio(kept)).content == audio
            again = await speak_and_fetch(ada, "Every morning begins with a song.", "af_heart")
            assert parse_ssml(again) == "every morning begins with a song"
        second.press_ctrl_c()
        assert "Traceback" not in second.said

    assert left_in(Path(environment["TMPDIR"])) == []


def left_in(folder: Path) -> list[str]:
    """All remaining files except the installer's locks."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("uv-"))


def url_of(curl_line: str) -> str:
    return curl_line.split()[2].partition("/api/")[0]
