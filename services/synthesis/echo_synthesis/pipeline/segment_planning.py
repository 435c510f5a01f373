"""Planning of the text that a job speaks in place of a segment of stored audio."""

from echo_synthesis.domain import SpeechSettings
from echo_synthesis.engine import EngineSpec
from echo_synthesis.pipeline.narration import Narration, plan
from echo_synthesis.pipeline.packed_script import PackedScript
from echo_synthesis.pipeline.scripts import ScriptWriter
from echo_synthesis.pipeline.segment_table import move
from echo_synthesis.text.ssml_fragments import LEAD, wrap


async def plan_segment(
    text: str,
    settings: SpeechSettings,
    engine: EngineSpec,
    scripts: ScriptWriter,
    user_id: str,
    *,
    packed: bytes | None = None,
) -> Narration:
    """Plan a text like `plan`; with `settings.ssml` the text is a part of a document. Raises the errors of `plan`."""
    if packed is not None and (script := PackedScript.read(packed, engine)) is not None:
        return Narration(text, script, settings, engine, user_id)
    if not settings.ssml:
        return await plan(text, settings, engine, scripts, user_id)
    planned = await plan(wrap(text), settings, engine, scripts, user_id)
    script = PackedScript.pack([move(spaced, -LEAD) for spaced in planned.script], engine)
    return Narration(text, script, settings, engine, user_id)
