"""Storage of the backends' measurements next to the models: correctness, deviations from the reference, speed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

CHOICE = "backends.json"
"""Name of the file; before format 2 it was `backend.json`."""

FORMAT = 3
"""Version of the file. Raise it when backends must be measured again.

Format 1 had no figures of correctness; format 2 was written before there was `openvino-int8`.
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of a measured backend: `problem` is the reason not to use it, `seconds` the time for a sentence.

    `figures` are the largest deviations from the reference over all reference sentences, by name (see `correctness.py`).
    """

    backend: str
    problem: str | None = None
    seconds: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """The results of all measured backends of a machine."""

    machine: str
    trials: Sequence[Trial]

    @property
    def ranking(self) -> Sequence[str]:
        """The correct backends, fastest first."""
        correct = [trial for trial in self.trials if trial.problem is None and trial.seconds is not None]
        return [trial.backend for trial in sorted(correct, key=lambda trial: trial.seconds or 0.0)]


def read_choice(home: Path) -> Choice | None:
    """Read the stored results; None when there are none in this format."""
    try:
        stored = json.loads((home / CHOICE).read_text())
        if stored["format"] != FORMAT:
            return None
        return Choice(stored["machine"], [Trial(**trial) for trial in stored["trials"]])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_choice(home: Path, choice: Choice) -> None:
    """Store the results for the next start."""
    path = home / CHOICE
    stored: dict[str, Any] = {"format": FORMAT, "machine": choice.machine, "ranking": choice.ranking}
    stored["trials"] = [asdict(trial) for trial in choice.trials]
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(stored, indent=2) + "\n")
    temporary.replace(path)
