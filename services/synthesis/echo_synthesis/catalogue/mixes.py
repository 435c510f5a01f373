"""Mixes of voices that are not saved: their names, and the style files that engines read."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from echo_common.audio.style_file import StyleFileError, VoiceStyle, read_builtin_style, read_style
from echo_common.audio.style_mix import mix_styles
from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_common.contracts.errors.voice import VoiceMixConflictError, VoiceMixForbiddenError
from echo_common.contracts.voice_reference import MIX_PREFIX, VoiceReference
from echo_synthesis.catalogue.clones import Clones
from echo_synthesis.catalogue.style_folder import StyleFolder
from echo_synthesis.catalogue.voices import CataloguedVoice, VoiceNames, Voices
from echo_synthesis.engine import EngineVoice

_Reader = Callable[[], VoiceStyle]


class Mixes:
    """Mixes of built-in voices and a user's own clones, named `mix:af_heart*0.75+vm_…*0.25`.

    A mix is made of its voices whenever it speaks, so it cannot speak any more when one of them is withdrawn.
    """

    def __init__(self, voices: Voices, clones: Clones, styles: StyleFolder, models: Path) -> None:
        self._voices = voices
        self._clones = clones
        self._styles = styles
        self._models = models

    async def find(self, shares: Mapping[str, float], user_id: str) -> CataloguedVoice:
        """Return the mix of these voices as a voice; its own language is that of the largest share.

        Raises `VoiceNotFoundError`, `VoiceNotReadyError`, `EngineUnavailableError`, `VoiceMixForbiddenError` for another user's
        voice, `VoiceMixConflictError` for voices that cannot be mixed.
        """
        found = {voice_id: await self._find(voice_id, user_id) for voice_id in shares}
        first = next(iter(found.values())).engine
        for voice in found.values():
            if voice.engine.style_file is None:
                raise VoiceMixConflictError(f"{voice.voice.id} is spoken by {voice.engine.name}, whose voices cannot be mixed.")
            if voice.engine.name != first.name:
                raise VoiceMixConflictError(f"{voice.voice.id} is spoken by {voice.engine.name}, not {first.name}.")
        largest = found[max(shares, key=lambda voice_id: shares[voice_id])].voice
        name = MIX_PREFIX + "+".join(f"{found[voice_id].voice.id}*{share:.6g}" for voice_id, share in shares.items())
        mix = EngineVoice(name, "Mix", largest.language, "neutral", others=first.clone_languages)
        return CataloguedVoice(mix, first, clone=True, private=True)

    async def voice_names(self, voice_id: str) -> VoiceNames:
        """Return the names of a voice or a mix. Raises `VoiceNotFoundError` if a voice was withdrawn or deleted."""
        if not voice_id.startswith(MIX_PREFIX):
            return await self._clones.voice_names(voice_id)
        parts = [part.rpartition("*") for part in voice_id.removeprefix(MIX_PREFIX).split("+")]
        names = {part: await self._clones.voice_names(part) for part, _, _ in parts}
        label = MIX_PREFIX + "+".join(f"{names[part].label}*{share}" for part, _, share in parts)
        path = self._styles.mix(label)
        readers = [(self._reader(names[part].name, part), float(share)) for part, _, share in parts]
        try:
            await asyncio.to_thread(self._styles.write, path, partial(_save, readers=readers))
        except (OSError, StyleFileError) as error:
            raise VoiceNotFoundError("The style of a voice in the mix cannot be read. Use another voice.") from error
        return VoiceNames(label, str(VoiceReference("file", str(path))))

    async def _find(self, voice_id: str, user_id: str) -> CataloguedVoice:
        clone = await self._clones.find(voice_id, user_id)
        if clone is not None and not await self._clones.owns(clone.voice.id, user_id):
            raise VoiceMixForbiddenError
        return clone or self._voices.find(voice_id)

    def _reader(self, name: str, voice_id: str) -> _Reader:
        """Return the reader of a voice's style, by its name in the engine."""
        reference = VoiceReference.parse(name)
        if reference.kind == "file":
            return partial(read_style, Path(reference.value))
        if (style_file := self._voices.find(voice_id).engine.style_file) is None:
            raise VoiceNotFoundError
        return partial(read_builtin_style, style_file(self._models, voice_id))


def _save(path: Path, readers: Sequence[tuple[_Reader, float]]) -> None:
    """Save the mix of styles."""
    total = sum(share for _, share in readers)  # the shares in a name are rounded
    mix_styles([read() for read, _ in readers], [share / total for _, share in readers]).save(path)
