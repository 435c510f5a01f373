"""Creation of scripts: for short texts in this process, for longer ones in sandboxed processes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from echo_common.contracts.errors.synthesis import TextTooComplexError
from echo_common.errors import ServiceUnavailableError
from echo_common.sandbox import ProcessLostError, ProcessUnavailableError, SandboxPool
from echo_synthesis.settings import SynthesisSettings
from echo_synthesis.text.normalization import NormalizationOptions, compose
from echo_synthesis.text.script import Part
from echo_synthesis.text.wire import read_line, request_of

_MEMORY = 1 << 30


class ScriptWriter:
    """Creator of scripts. Texts of any length block the event loop, or the interpreter, no longer than a short one."""

    def __init__(self, settings: SynthesisSettings) -> None:
        self.small = settings.plan_inline_characters
        """Maximum length in characters of a text that is processed on the event loop."""
        self._seconds = settings.plan_seconds
        self._workers = SandboxPool("echo_synthesis.text", _MEMORY, self._seconds, most=settings.plan_processes)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: SynthesisSettings) -> AsyncIterator["ScriptWriter"]:
        """Open a writer and close it with the context."""
        writer = cls(settings)
        try:
            yield writer
        finally:
            await writer.close()

    async def write(self, text: str, options: NormalizationOptions, max_characters: int) -> list[Part]:
        """Return the script of a text; see `normalization.compose`.

        Raises `ValidationError`, `TextTooComplexError`, `ServiceUnavailableError`.
        """
        if len(text) <= self.small:
            return compose(text, options, max_characters)
        try:
            response = await self._workers.ask(request_of(text, options, max_characters), read_line, seconds=self._seconds)
        except ProcessLostError:
            raise TextTooComplexError from None
        except ProcessUnavailableError:
            raise ServiceUnavailableError("Long texts cannot be planned right now; try again shortly.") from None
        parts: list[Part] = []
        for each in response:
            if isinstance(each, Exception):
                raise each
            parts.append(each)
        return parts

    async def close(self) -> None:
        """End the processes."""
        await self._workers.close()
