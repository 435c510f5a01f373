"""Load generator in a separate process: sequential requests on each of several connections.

It uses `h2load` (Debian's nghttp2-client) if installed, because a compiled client takes the least processor time from the
server, otherwise `python -m bench.load`. Both write a line per request: start in microseconds, status, duration in
microseconds.
"""

import argparse
import asyncio
import shutil
import statistics
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import uvloop

_COMPILED = shutil.which("h2load")
GENERATOR = "h2load" if _COMPILED else "a client in Python"


@dataclass(frozen=True, slots=True)
class Load:
    """The result of a load: requests per second, and the median response time in milliseconds."""

    rate: float
    p50: float

    @classmethod
    def read(cls, lines: Sequence[str]) -> "Load":
        """Parse the lines of a log. Raises `RuntimeError` if a request failed."""
        rows = [[int(cell) for cell in line.split()] for line in lines]
        if not rows or (failed := sum(status != 200 for _, status, _ in rows)):
            raise RuntimeError(f"{failed if rows else 'All'} of {len(rows)} requests failed.")
        began, ended = min(start for start, _, _ in rows), max(start + took for start, _, took in rows)
        return cls(len(rows) / (ended - began) * 1e6, statistics.median(took for _, _, took in rows) / 1000)


async def load(url: str, token: str, *, requests: int, connections: int) -> Load:
    """Run the load and return its result. Raises `RuntimeError` if a request failed."""
    with TemporaryDirectory(prefix="echo-bench-") as folder:
        log = Path(folder) / "log"
        common = ["-n", str(requests), "-c", str(connections), "-H", f"authorization: Bearer {token}", f"--log-file={log}", url]
        command = [_COMPILED, "--h1", "-t", "1", *common] if _COMPILED else [sys.executable, "-m", "bench.load", *common]
        process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=PIPE)
        _, said = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"The load failed: {said.decode()[-500:]}")
        return Load.read(log.read_text().splitlines())


async def _ask(url: str, header: str, turns: list[None], rows: list[str]) -> None:
    parts = urlsplit(url)
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{header}\r\n\r\n".encode()
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**20)
    while turns:
        turns.pop()
        began = time.perf_counter_ns()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if (at := head.find(b"content-length: ")) >= 0:
            await reader.readexactly(int(head[at + 16 : head.index(b"\r", at)]))
        else:
            while size := int(await reader.readline(), 16):
                await reader.readexactly(size + 2)
            await reader.readline()
        rows.append(f"{began // 1000} {int(head.split(b' ', 2)[1])} {(time.perf_counter_ns() - began) // 1000}")
    writer.close()


async def _client(url: str, header: str, requests: int, connections: int) -> list[str]:
    rows: list[str] = []
    turns = [None] * requests
    await asyncio.gather(*(_ask(url, header, turns, rows) for _ in range(connections)))
    return rows


def main() -> None:
    """Run the Python client."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int)
    parser.add_argument("-c", type=int)
    parser.add_argument("-H", dest="header")
    parser.add_argument("--log-file", type=Path)
    parser.add_argument("url")
    asked = parser.parse_args()
    asked.log_file.write_text("\n".join(uvloop.run(_client(asked.url, asked.header, asked.n, asked.c))))


if __name__ == "__main__":
    main()
