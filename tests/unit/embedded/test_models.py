"""Tests of the backend table of `echoctl models`."""

from pathlib import Path

from rich.console import Console

from echo_embedded.models import backends_table
from echo_synthesis.engines.kokoro import folder
from echo_synthesis.engines.kokoro.choice import Choice, Trial, write_choice
from echo_synthesis.engines.kokoro.machine import machine


def test_backends_are_shown_with_figures_and_rejection_reasons(tmp_path: Path) -> None:
    folder(tmp_path).mkdir()
    figures = {"level": 0.9, "length": 0.004, "tokens": 0.07, "spectrum": 3.51}
    trials = [Trial("openvino-bf16", "it is silent"), Trial("onnxruntime-int8", None, 0.81, figures)]
    write_choice(folder(tmp_path), Choice(machine(), trials))
    table = backends_table(tmp_path)
    assert table is not None
    console = Console(width=160, record=False)
    with console.capture() as said:
        console.print(table)
    lines = said.get().splitlines()
    assert any("openvino-bf16" in line and "not used: it is silent" in line for line in lines)
    assert any(all(part in line for part in ("onnxruntime-int8", "selected", "0.81", "3.51", "0.004")) for line in lines)


def test_nothing_is_shown_without_measurements(tmp_path: Path) -> None:
    assert backends_table(tmp_path) is None
