"""Checks of the machine: processor, memory, disk space, port, audio libraries."""

import platform
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import psutil

from echo_common.audio.formats import FORMATS
from echo_common.http.server import AddressTakenError
from echo_common.processors import usable_processors
from echo_embedded.data_folder import Running
from echo_embedded.doctor.report import Finding
from echo_embedded.preflight import require_free
from echo_synthesis.audio.encode import Encoder

_GIB = 1024**3
_ARCHITECTURES = frozenset({"x86_64", "AMD64", "aarch64", "arm64"})
_RELEVANT_FLAGS = (
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
    "asimddp",
    "bf16",
    "i8mm",
)
"""Processor flags that determine the available backends and their speed."""

_MEMORY_BYTES = 2 * _GIB
_USUAL_FREE_BYTES = 3 * _GIB


@dataclass(frozen=True, slots=True)
class Processor:
    """The processor; `cores` counts the cores that this process may use."""

    architecture: str
    model: str
    flags: Collection[str]
    cores: int


def read_processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Processor:
    """Read the processor's properties from the operating system."""
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    facts: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return Processor(platform.machine(), facts.get("model name") or platform.processor(), flags, usable_processors())


def check_processor(processor: Processor) -> Finding:
    """Judge architecture, vector units and cores."""
    relevant = [flag for flag in _RELEVANT_FLAGS if flag in processor.flags]
    facts = {"architecture": processor.architecture, "flags": relevant, "cores": processor.cores}
    described = [processor.architecture, processor.model, _cores(processor.cores), " ".join(relevant)]
    text = ", ".join(filter(None, described))
    if processor.architecture not in _ARCHITECTURES:
        return Finding("warn", f"{text}. Echo is tested on x86_64 and aarch64 only; see the checks below.", facts)
    if processor.architecture in {"x86_64", "AMD64"} and processor.flags and "avx2" not in processor.flags:
        return Finding("warn", f"{text}. Without AVX2 speech is slow: use ECHO_SYNTHESIS_ENGINES=piper.", facts)
    if processor.cores < 2:
        return Finding("warn", f"{text}. With one core, requests wait for each other; allow two cores.", facts)
    return Finding("ok", text, facts)


def check_memory(total: int, available: int) -> Finding:
    """Judge the available memory for engines, in bytes."""
    facts = {"total_bytes": total, "available_bytes": available}
    text = f"{available / _GIB:.1f} of {total / _GIB:.1f} GiB available"
    if available < _MEMORY_BYTES:
        return Finding("warn", f"{text}. Echo needs about 2 GiB; close other programs, or set ECHO_SYNTHESIS_WORKERS=1.", facts)
    return Finding("ok", text, facts)


def memory() -> tuple[int, int]:
    """Return the total and the available memory in bytes."""
    found = psutil.virtual_memory()
    return found.total, found.available


def check_disk(free: Mapping[str, tuple[Path, int]], minimum: int) -> Finding:
    """Judge the free space of folders in bytes, by purpose; below `minimum` the disk counts as full."""
    least = min(space for _, space in free.values())
    text = ", ".join(f"{space / _GIB:.1f} GiB free for {what} ({folder})" for what, (folder, space) in free.items())
    facts = {what: space for what, (_, space) in free.items()}
    if least < minimum:
        return Finding("fail", f"{text}. Less than ECHO_MINIMUM_FREE_BYTES: free some space, or move the folder.", facts)
    if least < _USUAL_FREE_BYTES:
        return Finding("warn", f"{text}. Models take 0.6 GiB and the speech cache up to ECHO_SYNTHESIS_CACHE_BYTES.", facts)
    return Finding("ok", text, facts)


def free_space(folder: Path) -> int:
    """Return the free bytes on the disk of `folder`, which need not exist."""
    folder = folder.expanduser().absolute()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return shutil.disk_usage(existing).free


def check_port(listen: str, running: Running | None) -> Finding:
    """Judge whether the platform can listen on the address, or already does."""
    if running is not None and running.url == listen:
        return Finding("ok", f"{listen} is used by the running platform (process {running.pid})")
    try:
        require_free(listen)
    except AddressTakenError as error:
        return Finding("fail", f"{error} Choose another with --port or ECHO_PORT, or stop the program that listens there.")
    return Finding("ok", f"{listen} is free")


def check_libraries() -> Finding:
    """Judge FFmpeg's codecs by writing every format, and the installation of espeak-ng."""
    broken: dict[str, str] = {}
    samples = (0.1 * np.sin(np.arange(4_800) / 9)).astype(np.float32)
    for name, audio in FORMATS.items():
        try:
            encoder = Encoder(audio, 24_000)
            if not encoder.feed(samples) + encoder.close():
                broken[name] = "no output"
        except Exception as error:
            broken[name] = str(error)
    if broken:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in broken.items())
        return Finding(
            "fail", f"FFmpeg cannot write {reasons}. Install the packages of constraints.txt again: make install.", broken
        )
    text = f"FFmpeg writes {', '.join(FORMATS)}"
    if find_spec("espeakng_loader") is None:
        return Finding("warn", f"{text}; espeak-ng is not installed: Kokoro needs it. pip install 'echo-synthesis[kokoro]'")
    return Finding("ok", f"{text}; espeak-ng is installed")


def _cores(count: int) -> str:
    return f"{count} core{'' if count == 1 else 's'}"
