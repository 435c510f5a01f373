"""The measured backends, kept beside the models: which speak correctly here, how far from the reference, how fast."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

CHOICE = "backends.json"
"""Formats before 2 were called `backend.json`."""

FORMAT = 2
"""Raise it when backends must be measured again. Format 1 had no figures of correctness."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A measured backend: `problem` says why it must not be used, `seconds` is what a sentence takes.

    `figures` are the largest deviations from the reference over all reference sentences, by name (see `correctness.py`).
    """

    backend: str
    problem: str | None = None
    seconds: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """All measured backends of one machine."""

    machine: str
    trials: Sequence[Trial]

    @property
    def ranking(self) -> Sequence[str]:
        """The correct backends, the fastest first."""
        correct = [trial for trial in self.trials if trial.problem is None and trial.seconds is not None]
        return [trial.backend for trial in sorted(correct, key=lambda trial: trial.seconds or 0.0)]


def read_choice(home: Path) -> Choice | None:
    """Read what was measured; None when there is nothing, or nothing of this format."""
    try:
        kept = json.loads((home / CHOICE).read_text())
        if kept["format"] != FORMAT:
            return None
        return Choice(kept["machine"], [Trial(**trial) for trial in kept["trials"]])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_choice(home: Path, choice: Choice) -> None:
    """Keep what was measured, for the next start."""
    path = home / CHOICE
    kept: dict[str, Any] = {"format": FORMAT, "machine": choice.machine, "ranking": choice.ranking}
    kept["trials"] = [asdict(trial) for trial in choice.trials]
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(kept, indent=2) + "\n")
    temporary.replace(path)
