"""Provider that trains on this machine: gradient descent moves a Kokoro voice towards the speaker. See `echo_voice.cloning`."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from echo_common.contracts.http.voice import CloneKind
from echo_voice.cloning.objective import Encoders
from echo_voice.cloning.sentences import count_steps, sentences_of
from echo_voice.domain.values import TrainingOptions
from echo_voice.provider import Outcome, Progressed, TrainingRequest
from echo_voice.settings import VoiceSettings
from echo_voice.similarity import encoder_file

MODEL = Path("kokoro") / "model-float32-4.onnx"
_PACKAGES = ("onnx", "onnxruntime")
_SECONDS_A_SENTENCE = 2.5
"""Estimated seconds of training on a sentence with two cores."""

_OTHER_SECONDS = 20.0
"""Estimated seconds of loading, of the prosody and of the check of the speech together."""


class LocalProvider:
    """The local provider. It trains in a child process, so that cancelling takes effect at once and frees the memory."""

    name = "local"
    languages: Sequence[str] = ("en", "es", "fr", "hi", "it", "pt")
    stores_voices = False
    kinds: Sequence[CloneKind] = ("instant", "professional")

    def __init__(self, settings: VoiceSettings) -> None:
        self._settings = settings

    def missing(self) -> Sequence[str]:
        packages = [f"the package {name}: install echo-voice[local]" for name in _PACKAGES if find_spec(name) is None]
        models = self._settings.models
        needed = {"Kokoro's model": [models / MODEL], "the speaker encoders": Encoders.files(encoder_file(models).parent)}
        absent = [name for name, paths in needed.items() if not all(path.exists() for path in paths)]
        return [*packages, *(f"{name}; `echoctl models` fetches them" for name in absent)]

    def estimate(self, config: TrainingOptions, seconds: float) -> float:
        return _OTHER_SECONDS + config.epochs * len(sentences_of(config.kind)) * _SECONDS_A_SENTENCE

    def steps(self, config: TrainingOptions) -> int:
        return count_steps(config.kind, config.epochs, config.batch_size)

    async def train(self, request: TrainingRequest, on_progress: Progressed) -> Outcome:
        from echo_voice.providers.local.child import run

        return await run(request, on_progress, self._settings)


def provider(settings: VoiceSettings) -> LocalProvider:
    """Create the provider."""
    return LocalProvider(settings)
