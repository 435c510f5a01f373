"""The watermark of this installation: marking of cloned speech, and the search for it in untrusted files."""

import asyncio
from pathlib import Path
from typing import Final

from echo_common.audio_files.formats import sniff
from echo_common.contracts.system_settings import WATERMARK
from echo_common.errors import UnsupportedMediaError
from echo_common.live_settings import LiveSettings
from echo_common.sandbox import run_sandboxed
from echo_common.store.port import Store
from echo_common.store.stored_keys import open_key
from echo_synthesis.audio.watermark import Watermarker, WatermarkPattern

_READING: Final = "echo_synthesis.provenance.watermark_reader"
_MEMORY: Final = 1 << 30
_SECONDS: Final = 60
_LONGEST_SECONDS: Final = 3_600
"""Seconds of sound that are searched; README.md states the processor time for each."""


class Watermarks:
    """Marker and detector of the watermark with the key of this installation."""

    def __init__(self, key: bytes, live_settings: LiveSettings) -> None:
        self._key = key
        self._pattern = WatermarkPattern.of(key)
        self._live_settings = live_settings

    @classmethod
    async def open(cls, store: Store, live_settings: LiveSettings) -> "Watermarks":
        """Load the key of this installation."""
        return cls(await open_key(store, "watermark"), live_settings)

    def marker(self, rate: int) -> Watermarker | None:
        """Return a marker of speech at `rate` Hz; None while administrators have switched the watermark off."""
        return Watermarker(self._pattern, rate) if self._live_settings.get(WATERMARK) else None

    async def find(self, path: Path) -> bool:
        """Return whether the watermark is in an untrusted file; False if it cannot be decoded within the limits.

        Writes temporary files beside it. Speech that was marked before the watermark was switched off is found too.
        """
        try:
            demuxer = (await asyncio.to_thread(sniff, path)).demuxer
        except UnsupportedMediaError:
            return False
        key = path.with_name("watermark.key")
        await asyncio.to_thread(_write_private, key, self._key)
        limits = (_LONGEST_SECONDS, _MEMORY, _SECONDS)
        response = await run_sandboxed(_READING, path, demuxer, key, *limits, seconds=3 * _SECONDS)
        return response is not None and response.get("found") is True


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
