"""Tests of the selection of the fastest correct backend of Kokoro."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from echo_synthesis.engine import EngineConfig
from echo_synthesis.engines.kokoro import FLOAT_MODEL, INT8_MODEL, SPEC
from echo_synthesis.engines.kokoro.backend import NoCorrectBackendError, choose, open_runtime
from echo_synthesis.engines.kokoro.choice import CHOICE, FORMAT, Choice, Trial, read_choice, write_choice
from echo_synthesis.engines.kokoro.correctness import BOUNDS, check, problem
from echo_synthesis.engines.kokoro.machine import machine
from echo_synthesis.engines.kokoro.runtimes import REFERENCE, Opener, Runtime
from echo_synthesis.engines.kokoro.trial import try_backend
from tests.support import backends

INCORRECT: Mapping[str, type[backends.Correct]] = {
    "not a number": backends.NotANumber,
    "silence": backends.Silent,
    "faint": backends.Faint,
    "one frame a token": backends.OneFrame,
    "too long": backends.Stretched,
    "cut": backends.Cut,
    "noise": backends.Noise,
    "shifted": backends.Shifted,
    "raises at load": backends.Raises,
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return backends.make_home(tmp_path / "kokoro")


class Warnings:
    def __init__(self) -> None:
        self.heard: list[tuple[str, Mapping[str, str]]] = []

    def __call__(self, event: str, fields: Mapping[str, str]) -> None:
        self.heard.append((event, fields))


def chosen(home: Path, *names: str) -> None:
    """Return a selection of this machine with these correct backends, the fastest first."""
    write_choice(home, Choice(machine(), [Trial(name, None, 0.1 * number) for number, name in enumerate(names, 1)]))


@pytest.mark.slow
def test_equivalent_backends_are_within_half_of_each_bound(home: Path) -> None:
    figures = check(backends.Correct(home, 1), home)
    assert problem(figures) is None
    assert all(figures[name] <= bound / 2 for name, bound in BOUNDS.items()), figures


@pytest.mark.slow
@pytest.mark.parametrize("wrong", INCORRECT)
def test_incorrect_backends_are_not_selected_at_any_speed(home: Path, wrong: str) -> None:
    choice = choose(home, 1, {"wrong": INCORRECT[wrong], "right": backends.Slower}, ["wrong", "right"], _in_this_process)
    assert choice.ranking == ["right"]
    (refused,) = (trial for trial in choice.trials if trial.backend == "wrong")
    assert refused.problem


def test_the_fastest_correct_backend_is_selected_and_figures_are_stored(home: Path) -> None:
    speakers: Mapping[str, Opener] = {"slow": backends.Slower, "fast": backends.Correct}
    choice = choose(home, 1, speakers, ["slow", "fast"], _in_this_process)
    assert choice.ranking == ["fast", "slow"]
    assert read_choice(home) == choice
    assert {name for trial in choice.trials for name in trial.figures} == set(BOUNDS)
    (home / INT8_MODEL).touch()
    (home / FLOAT_MODEL).touch()
    assert [(found.backend, found.selected) for found in SPEC.backends(home.parent)] == [("slow", False), ("fast", True)]
    assert "figures of its backends" not in SPEC.missing(EngineConfig(home.parent))


@pytest.mark.slow
@pytest.mark.parametrize(("wrong", "reason"), [(backends.Crashes, "exit code 132"), (backends.Hangs, "longer than")])
def test_crashing_and_hanging_backends_do_not_affect_others(home: Path, wrong: Opener, reason: str) -> None:
    choice = choose(home, 1, {"wrong": wrong}, ["wrong"], partial(try_backend, seconds=5))
    assert choice.ranking == []
    assert reason in str(choice.trials[0].problem)


@pytest.mark.slow
def test_trials_in_a_child_process_return_figures(home: Path) -> None:
    trial = try_backend("right", backends.Correct, home, 1)
    assert trial.problem is None
    assert trial.seconds is not None
    assert set(trial.figures) == set(BOUNDS)


@pytest.mark.parametrize("wrong", INCORRECT)
def test_a_backend_that_fails_at_the_start_is_replaced_by_the_next_best(home: Path, wrong: str) -> None:
    chosen(home, "wrong", "right", "other")
    warnings = Warnings()
    speakers = {"wrong": INCORRECT[wrong], "right": backends.Correct, "other": backends.Slower}
    runtime = open_runtime(home, 1, warnings, speakers)
    assert type(runtime) is backends.Correct
    ((event, fields),) = warnings.heard
    assert event == "backend_rejected"
    assert fields["backend"] == "wrong"
    assert fields["reason"]


def test_unmeasured_backends_are_tried_when_all_others_fail(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echo_synthesis.engines.kokoro.backend.available", lambda: ["one", "two", REFERENCE])
    chosen(home, "one", "two")
    speakers: Mapping[str, Opener] = {"one": backends.Silent, "two": backends.NotANumber, REFERENCE: backends.Correct}
    warnings = Warnings()
    assert type(open_runtime(home, 1, warnings, speakers)) is backends.Correct
    assert [fields["backend"] for _, fields in warnings.heard] == ["one", "two"]


def test_nan_figures_exceed_their_bound() -> None:
    for name in BOUNDS:
        assert name in str(problem({**dict.fromkeys(BOUNDS, 0.0), name: float("nan")}))


def test_without_a_correct_backend_the_engine_is_unavailable(home: Path) -> None:
    chosen(home, "wrong")
    with pytest.raises(NoCorrectBackendError, match=r"wrong: it is silent.*Use another engine"):
        open_runtime(home, 1, backends={"wrong": backends.Silent})
    (home / INT8_MODEL).touch()
    (home / FLOAT_MODEL).touch()
    write_choice(home, Choice(machine(), [Trial("wrong", "it is silent")]))
    assert SPEC.missing(EngineConfig(home.parent)) == ["a backend that speaks correctly on this machine"]
    with pytest.raises(NoCorrectBackendError):
        open_runtime(home, 1, backends={"wrong": backends.Correct})


def test_library_errors_on_damaged_models_are_only_logged(home: Path) -> None:
    chosen(home, "damaged")
    warnings = Warnings()

    def damaged(home: Path, threads: int) -> Runtime:
        raise RuntimeError(f"cannot parse\n{home / FLOAT_MODEL}\n")

    with pytest.raises(NoCorrectBackendError, match="damaged: it cannot be opened or run: RuntimeError") as refused:
        open_runtime(home, 1, warnings, {"damaged": damaged})
    assert str(home) not in str(refused.value)
    assert "\n" not in str(refused.value)
    ((_, fields),) = warnings.heard
    assert fields["error"] == f"cannot parse {home / FLOAT_MODEL}"


@pytest.mark.parametrize(
    "kept",
    [
        {"backend": "wrong", "machine": machine(), "seconds": {"wrong": 0.1}},
        {"format": FORMAT - 1, "machine": machine(), "trials": [{"backend": "wrong", "seconds": 0.1}]},
        {"format": FORMAT, "machine": machine(), "trials": [{"backend": "wrong", "unknown": 1}]},
        [],
    ],
)
def test_selections_of_another_format_are_ignored(home: Path, kept: object) -> None:
    (home / CHOICE).write_text(json.dumps(kept))
    assert read_choice(home) is None
    choice = choose(home, 1, {"right": backends.Correct}, ["right"], _in_this_process)
    assert choice.ranking == ["right"]


def test_the_reference_is_measured_only_when_needed(home: Path) -> None:
    speakers: Mapping[str, Opener] = {"one": backends.Correct, "two": backends.Correct, REFERENCE: backends.Correct}
    measured = choose(home, 1, speakers, list(speakers), _in_this_process).trials
    assert [trial.backend for trial in measured] == ["one", "two"]
    (home / CHOICE).unlink()
    speakers = {**speakers, "two": backends.Silent}
    measured = choose(home, 1, speakers, list(speakers), _in_this_process).trials
    assert [trial.backend for trial in measured] == ["one", "two", REFERENCE]


def test_selections_of_another_machine_are_measured_again(home: Path) -> None:
    write_choice(home, Choice("another", [Trial("wrong", None, 0.1)]))
    assert SPEC.backends(home.parent) == []
    assert choose(home, 1, {"right": backends.Correct}, ["right"], _in_this_process).ranking == ["right"]


def test_selections_of_this_machine_are_not_measured_again(home: Path) -> None:
    chosen(home, "right")
    assert choose(home, 1, {"right": backends.Crashes}, ["right"], _in_this_process).ranking == ["right"]
    assert backends.openings(home) == []


def test_backends_are_checked_on_machines_without_figures(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echo_synthesis.engines.kokoro.backend.available", lambda: ["wrong", "right"])
    write_choice(home, Choice("another", [Trial("wrong", None, 0.1)]))
    warnings = Warnings()
    runtime = open_runtime(home, 1, warnings, {"wrong": backends.NotANumber, "right": backends.Correct})
    assert type(runtime) is backends.Correct
    assert [event for event, _ in warnings.heard] == ["backends_not_measured", "backend_rejected"]


def test_damaged_compiled_models_are_recompiled_before_another_backend_is_used(home: Path) -> None:
    chosen(home, "cached", "other")
    compiled = home / "compiled" / "cached-0123456789abcdef"
    compiled.mkdir(parents=True)
    warnings = Warnings()
    runtime = open_runtime(home, 1, warnings, {"cached": _speaks_rightly_without(compiled), "other": backends.Slower})
    assert type(runtime) is backends.Correct
    assert not compiled.exists()
    assert warnings.heard == []


def _speaks_rightly_without(compiled: Path) -> Opener:
    return lambda home, threads: (backends.NotANumber if compiled.exists() else backends.Correct)(home, threads)


def _in_this_process(name: str, opener: Opener, home: Path, threads: int) -> Trial:
    """Like `try_backend`, but in process."""
    found: list[Trial] = []

    class Sending:
        def send(self, trial: Trial) -> None:
            found.append(trial)

        def close(self) -> None:
            pass

    from echo_synthesis.engines.kokoro import trial

    trial._try(Sending(), name, opener, home, threads)  # type: ignore[arg-type]
    return found[0]
