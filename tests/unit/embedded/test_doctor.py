"""Tests of every check of `echoctl doctor` and its remedies."""

import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from echo_common.contracts.errors.synthesis import EngineFailedError
from echo_embedded.data_folder import DataFolder, Running
from echo_embedded.doctor import data, machine, speech
from echo_embedded.doctor.report import Check, Finding, Report, examine
from echo_synthesis.engine import BackendFigures, EngineConfig, EngineSpec, EngineVoice, Speech, Utterance
from echo_synthesis.engines.kokoro import SPEC as KOKORO
from echo_synthesis.engines.tone import SPEC as TONE
from echo_synthesis.engines.tone.beeper import Beeper

GIB = 1024**3
CONFIG = EngineConfig(Path())
WORDS = speech.SENTENCE.lower().rstrip(".").split()


class TestTheReport:
    @staticmethod
    async def report(*findings: Finding | Exception) -> tuple[Report, str]:
        async def run(finding: Finding | Exception) -> Finding:
            if isinstance(finding, Exception):
                raise finding
            return finding

        def check(number: int, finding: Finding | Exception) -> Check:
            return Check(f"check {number}", lambda: run(finding))

        output = StringIO()
        checks = [check(number, finding) for number, finding in enumerate(findings)]
        return await examine(checks, Console(file=output, width=200)), output.getvalue()

    async def test_each_check_is_one_line_and_any_failure_fails_the_run(self) -> None:
        report, said = await self.report(Finding("ok", "well"), Finding("fail", "broken: mend it"), Finding("skip", "not here"))
        assert said.splitlines() == ["ok   check 0  well", "FAIL check 1  broken: mend it", "skip check 2  not here"]
        assert report.failed
        assert json.loads(json.dumps(report.as_json())) == {
            "status": "failed",
            "checks": [
                {"check": "check 0", "status": "ok", "message": "well", "facts": {}},
                {"check": "check 1", "status": "fail", "message": "broken: mend it", "facts": {}},
                {"check": "check 2", "status": "skip", "message": "not here", "facts": {}},
            ],
        }

    async def test_warnings_and_skipped_checks_fail_nothing(self) -> None:
        report, _ = await self.report(Finding("ok", ""), Finding("warn", ""), Finding("skip", ""))
        assert not report.failed
        assert report.as_json()["status"] == "ok"

    async def test_a_check_that_raises_fails_and_later_checks_run(self) -> None:
        report, said = await self.report(EngineFailedError("It is silent."), ZeroDivisionError("oh"), Finding("ok", "well"))
        assert report.failed
        assert "It is silent." in said
        assert "ZeroDivisionError: oh" in said
        assert "well" in said


class TestTheMachine:
    USUAL = machine.Processor("x86_64", "Some processor", ("sse2", "avx2", "amx_bf16"), 4)

    def test_common_processors_are_described(self) -> None:
        found = machine.check_processor(self.USUAL)
        assert (found.status, found.message) == ("ok", "x86_64, Some processor, 4 cores, avx2 amx_bf16")

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"flags": ("sse2",)}, "AVX2"),
            ({"cores": 1}, "one core"),
            ({"architecture": "riscv64"}, "x86_64 and aarch64 only"),
        ],
    )
    def test_uncommon_processors_cause_a_warning(self, change: Mapping[str, Any], told: str) -> None:
        found = machine.check_processor(replace(self.USUAL, **change))
        assert found.status == "warn"
        assert told in found.message

    def test_the_processor_of_this_machine_is_detected(self, tmp_path: Path) -> None:
        cpuinfo = tmp_path / "cpuinfo"
        cpuinfo.write_text("processor\t: 0\nmodel name\t: A\nflags\t\t: fpu avx2\nprocessor\t: 1\nmodel name\t: A\n")
        found = machine.read_processor(cpuinfo)
        assert (found.model, list(found.flags)) == ("A", ["fpu", "avx2"])
        assert machine.read_processor(tmp_path / "none").cores >= 1

    def test_little_memory_causes_a_warning(self) -> None:
        assert machine.check_memory(8 * GIB, 5 * GIB).status == "ok"
        assert machine.check_memory(8 * GIB, GIB).status == "warn"
        total, available = machine.memory()
        assert 0 < available <= total

    @pytest.mark.parametrize(("free", "status"), [(20 * GIB, "ok"), (GIB, "warn"), (GIB // 10, "fail")])
    def test_the_folder_with_least_space_decides(self, free: int, status: str) -> None:
        places = {"data": (Path("/data"), free), "models": (Path("/models"), 50 * GIB)}
        found = machine.check_disk(places, GIB // 4)
        assert found.status == status
        assert "/data" in found.message

    def test_a_missing_folder_has_the_free_space_of_its_parent(self, tmp_path: Path) -> None:
        assert machine.free_space(tmp_path / "not" / "there") > 0

    def test_ports_are_free_taken_or_used_by_echo(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            found = machine.check_port(url, None)
            assert found.status == "fail"
            assert "ECHO_PORT" in found.message
            assert machine.check_port(url, Running(url, 7, {}, "")).status == "ok"
        assert machine.check_port(url, None).status == "ok"

    def test_every_audio_format_can_be_written(self) -> None:
        assert machine.check_libraries().status == "ok"


class TestTheDatabase:
    async def test_missing_folders_are_not_created(self, tmp_path: Path) -> None:
        found = await data.check_database(DataFolder(tmp_path / "data"))
        assert found.status == "skip"
        assert not (tmp_path / "data").exists()

    async def test_a_stopped_database_is_probed_without_changes(self, tmp_path: Path) -> None:
        folder = DataFolder(tmp_path)
        with folder.lock():
            pass
        found = await data.check_database(folder)
        assert found.status == "ok", found.message
        assert list(folder.database.iterdir()) == []

    async def test_damaged_files_are_named(self, tmp_path: Path) -> None:
        folder = DataFolder(tmp_path)
        with folder.lock():
            (folder.database / "auth.sqlite3").write_bytes(b"not a database" * 1_000)
        report = await examine([Check("database", lambda: data.check_database(folder))], Console(file=StringIO()))
        assert report.failed
        assert "auth.sqlite3" in report.findings[0][1].message

    async def test_a_locked_data_folder_is_a_failure(self, tmp_path: Path) -> None:
        folder = DataFolder(tmp_path)
        with folder.lock():
            found = await data.check_database(DataFolder(tmp_path))
        assert found.status == "fail"
        assert "running on the data folder" in found.message

    def test_an_unhealthy_platform_names_the_failing_part(self) -> None:
        part = {"status": "down", "milliseconds": 1.0, "reason": "The disk is full."}
        health = {"status": "degraded", "services": {"auth": {"status": "degraded", "parts": {"store": part}}}}
        found = data.judge_health(health)
        assert found.status == "fail"
        assert "auth store: The disk is full." in found.message
        well = {"status": "ok", "services": {"auth": {"status": "ok", "parts": {"store": {"status": "ok"}}}}}
        assert data.judge_health(well).status == "ok"


class FakePool:
    def __init__(self, spoil: float = 1.0) -> None:
        self.spoil = spoil
        self.asked: list[str] = []

    async def speak(self, engine: str, utterance: Utterance) -> Speech:
        self.asked.append(utterance.voice)
        spoken = Beeper().speak(replace(utterance, voice="tone_low"))
        return replace(spoken, samples=(spoken.samples * np.float32(self.spoil)).astype(np.float32))


class FakeListener:
    def __init__(self, words: Sequence[str] | None) -> None:
        self._words = words

    def words(self, speech: Speech) -> Sequence[str] | None:
        return self._words


SPOKEN = replace(
    TONE, tags=(), voices=lambda _: [EngineVoice("a", "A", "fr-FR", "neutral"), EngineVoice("b", "B", "en-US", "male")]
)


class TestSpeech:
    async def found(
        self, heard: Sequence[str] | None, *, spoil: float = 1.0, spec: EngineSpec = SPOKEN, default: str = "none"
    ) -> Finding:
        return await speech.check_engine(spec, CONFIG, FakePool(spoil), FakeListener(heard), default)

    async def test_an_understood_engine_passes(self) -> None:
        found = await self.found(WORDS)
        assert found.status == "ok"
        assert "8 of 8 words recognised" in found.message
        assert found.facts["words_heard"] == 8

    async def test_a_single_misheard_word_passes(self) -> None:
        assert (await self.found(["the", "feather", *WORDS[2:]])).status == "ok"

    async def test_an_unintelligible_engine_fails_with_the_transcript(self) -> None:
        found = await self.found(["one", "two", "is"])
        assert found.status == "fail"
        assert "'one two is'" in found.message
        assert (await self.found([])).status == "fail"

    async def test_silence_fails_even_without_a_recogniser(self) -> None:
        assert (await self.found(None, spoil=0.0)).status == "fail"
        assert (await self.found(None)).status == "ok"

    async def test_unusual_levels_cause_a_warning(self) -> None:
        assert (await self.found(WORDS, spoil=0.01)).status == "warn"
        assert (await self.found(WORDS, spoil=6.0)).status == "warn"

    async def test_english_voices_are_checked(self) -> None:
        for default, asked in (("none", "b"), ("b", "b"), ("a", "b")):
            pool = FakePool()
            await speech.check_engine(SPOKEN, CONFIG, pool, FakeListener(None), default)
            assert pool.asked == [asked]
        french = replace(SPOKEN, voices=lambda _: [EngineVoice("a", "A", "fr-FR", "neutral")])
        assert (await self.found(WORDS, spec=french)).status == "skip"


class TestModels:
    def test_missing_requirements_have_a_remedy(self) -> None:
        lacking = replace(TONE, missing=lambda _: ("its model files",))
        found = speech.check_models(lacking, CONFIG)
        assert found.status == "fail"
        assert "`echoctl models` fetches it" in found.message
        assert speech.check_models(replace(lacking, remote=True), CONFIG).status == "skip"

    def test_model_files_with_other_content_are_named(self) -> None:
        found = speech.check_models(replace(TONE, damaged=lambda _: ("/models/af_heart.bin",)), CONFIG)
        assert found.status == "fail"
        assert "/models/af_heart.bin" in found.message
        assert speech.check_models(TONE, CONFIG).status == "ok"

    def test_kokoro_voices_with_other_content_are_detected(self, tmp_path: Path) -> None:
        voices = tmp_path / "kokoro" / "voices"
        voices.mkdir(parents=True)
        (voices / "af_heart.bin").write_bytes(b"something else")
        assert KOKORO.damaged(tmp_path) == [str(voices / "af_heart.bin")]

    def test_incorrect_backends_fail(self) -> None:
        well = BackendFigures("int8", selected=True, seconds=0.25, figures={"log_mel": 0.1})
        wrong = BackendFigures("bf16", selected=False, problem="it is silent")
        found = speech.check_backends([well, wrong])
        assert found.status == "ok"
        assert "int8 (0.25 s a sentence), log_mel 0.1; bf16 is not used: it is silent" in found.message
        assert speech.check_backends([wrong]).status == "fail"
        assert speech.check_backends([]).status == "warn"

    def test_a_missing_recogniser_is_skipped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found, model = speech.check_recogniser("off")
        assert (found.status, model) == ("skip", None)
        monkeypatch.setattr(speech, "find_recogniser", lambda _: None)
        found, model = speech.check_recogniser("auto")
        assert (found.status, model) == ("skip", None)
        assert "not installed" in found.message
