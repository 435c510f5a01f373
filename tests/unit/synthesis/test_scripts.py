"""Long texts are planned in child processes with limited time and memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest

from echo_common.contracts.errors.synthesis import TextTooComplexError
from echo_common.errors import ValidationError
from echo_common.sandbox import ProcessLostError, ProcessUnavailableError, SandboxPool
from echo_synthesis.domain import Pronunciation
from echo_synthesis.pipeline.scripts import ScriptWriter
from echo_synthesis.settings import SynthesisSettings
from echo_synthesis.text.normalization import NormalizationOptions, compose
from echo_synthesis.text.wire import read_line, request_of
from tests.support.eventually import eventually

LONG = "One sentence, and 12 words more for $5 are read. " * 2_000
TEXTS: list[tuple[str, dict[str, Any]]] = [
    (LONG[:3_000], {}),
    ("# A title\n\nIt costs $1.50 [pause:2s] today, **Anna** says.\n\n- one\n- two 👍", {}),
    (
        "<speak>One <break time='1s'/> <prosody rate='fast'>two</prosody> <sub alias='W H O'>WHO</sub> <phoneme ph='həloʊ'>hello</phoneme></speak>",
        {"phonemes": True},
    ),
    ("Anna and Nguyen.", {"pronunciations": (Pronunciation(term="Nguyen", respelling="Win"),)}),
]
EN = NormalizationOptions("en-US")


@asynccontextmanager
async def writing(**settings: Any) -> AsyncIterator[ScriptWriter]:
    async with ScriptWriter.open(SynthesisSettings(**{"plan_inline_characters": 0, "plan_processes": 1, **settings})) as writer:
        yield writer
    assert planning() == []


def planning() -> list[int]:
    """Return the planning processes of this process."""
    children = psutil.Process().children()
    return [child.pid for child in children if "echo_synthesis.text" in " ".join(child.cmdline())]


async def test_long_and_short_texts_are_planned_alike() -> None:
    async with writing() as writer:
        for text, how in TEXTS:
            options = NormalizationOptions("en-US", **how)
            assert await writer.write(text, options, 300) == compose(text, options, 300)
        assert len(planning()) == 1


async def test_short_texts_are_planned_in_process() -> None:
    async with writing(plan_inline_characters=2_000) as writer:
        await writer.write("Hello there.", EN, 300)
        assert planning() == []
        await writer.write(LONG[:2_001], EN, 300)
        assert len(planning()) == 1


async def test_refusals_are_the_same_and_end_no_process() -> None:
    text = "<speak>" + LONG + "<p>"
    with pytest.raises(ValidationError) as here:
        compose(text, EN, 300)
    async with writing() as writer:
        with pytest.raises(ValidationError) as there:
            await writer.write(text, EN, 300)
        process = planning()
        await writer.write(LONG, EN, 300)
        assert planning() == process
    assert (there.value.message, there.value.details) == (here.value.message, here.value.details)


async def test_texts_that_exceed_the_time_limit_are_refused_and_their_process_is_killed() -> None:
    async with writing(plan_seconds=0.001) as writer:
        with pytest.raises(TextTooComplexError) as refused:
            await writer.write(LONG, EN, 300)
        assert (refused.value.code, refused.value.status) == ("TEXT_TOO_COMPLEX", 422)
        assert planning() == []


@pytest.mark.slow
async def test_cancelled_requests_end_their_process_and_release_its_place() -> None:
    async with writing() as writer:
        await writer.write("Start.", EN, 300)
        [process] = planning()
        asked = asyncio.create_task(writer.write(20 * LONG, EN, 300))
        await eventually(lambda: psutil.Process(process).cpu_times().user > 1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert planning() == []
        assert await writer.write("Once more.", EN, 300)


async def test_the_number_of_planning_processes_is_limited() -> None:
    async with writing(plan_processes=2) as writer:
        scripts = await asyncio.gather(*(writer.write(LONG[:5_000], EN, 300) for _ in range(6)))
        assert all(script == scripts[0] for script in scripts)
        assert len(planning()) == 2


async def test_dead_planning_processes_are_replaced() -> None:
    async with writing() as writer:
        await writer.write("One.", EN, 300)
        [process] = planning()
        psutil.Process(process).kill()
        assert await writer.write("Two.", EN, 300)
        assert planning() != [process]


async def test_texts_that_exceed_the_memory_limit_end_only_their_process() -> None:
    workers = SandboxPool("echo_synthesis.text", 192 << 20, 60, most=1)
    with pytest.raises(ProcessLostError):
        await workers.ask(request_of("a" * (64 << 20), EN, 300), read_line, seconds=60)
    assert planning() == []
    assert await workers.ask(request_of("One.", EN, 300), read_line, seconds=60)
    await workers.close()


async def test_texts_that_exceed_the_time_limit_end_only_their_process() -> None:
    workers = SandboxPool("echo_synthesis.text", 1 << 30, 60, most=2)
    short = request_of("One.", EN, 300)
    await asyncio.gather(*(workers.ask(short, read_line, seconds=60) for _ in range(2)))
    before = planning()
    assert len(before) == 2
    with pytest.raises(ProcessLostError):
        await workers.ask(request_of(20 * LONG, EN, 300), read_line, seconds=0.01)
    [kept] = planning()
    assert kept in before
    await workers.close()


async def test_failed_process_starts_have_their_own_error() -> None:
    workers = SandboxPool("echo_synthesis.no_such_module", most=1)
    with pytest.raises(ProcessUnavailableError):
        await workers.ask({}, bytes.decode, seconds=60)


async def test_planning_processes_receive_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHO_AUTH_SECRET", "secret")
    async with writing() as writer:
        await writer.write("One.", EN, 300)
        [process] = planning()
        assert "ECHO_AUTH_SECRET" not in psutil.Process(process).environ()
