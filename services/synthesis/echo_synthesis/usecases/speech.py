"""Speaking now."""

from collections.abc import AsyncIterator

from echo_common.auth.principal import Principal
from echo_common.contracts.http.synthesis import SynthesizeRequest
from echo_common.ids import new_id
from echo_synthesis.domain import Audio
from echo_synthesis.narration import Narration
from echo_synthesis.usecases.studio import Studio, plan_speech


async def synthesize(request: SynthesizeRequest, principal: Principal, studio: Studio) -> Audio:
    """Speak now; the audio is stored when this returns."""
    narration = await plan_speech(request.text, request.voice_id, request.config, studio)
    audio = await studio.recorder.record(narration, user_id=principal.user_id, synthesis_id=new_id("syn"))
    await studio.audio.add(audio)
    return audio


async def stream_speech(request: SynthesizeRequest, studio: Studio) -> tuple[Narration, AsyncIterator[bytes]]:
    """Speak now, handing out bytes as they are made; nothing is stored."""
    narration = await plan_speech(request.text, request.voice_id, request.config, studio)
    return narration, studio.recorder.stream(narration)
