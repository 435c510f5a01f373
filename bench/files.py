"""P5: repeated requests for finished audio."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.child import reference
from bench.figure import Figure
from bench.load import GENERATOR, load
from bench.stage import Stage

_TEXT = "In the morning, the teacher carried a wooden boat and seven letters to the old captain."
_REQUESTS, _CONNECTIONS = 1_500, 8


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Measure authenticated requests to the gateway and a bare `FileResponse` of the same bytes, alternating."""
    result = await stage.synthesize(_TEXT, "af_heart")
    async with stage.session.get(result["audio_url"]) as answer:
        answer.raise_for_status()
        sound = await answer.read()
    token = stage.session.headers["Authorization"].removeprefix("Bearer ")
    ratios, rates = [], []
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as folder:
        path = Path(folder) / "audio.wav"
        path.write_bytes(sound)
        async with reference("file", str(path)) as bare:
            ways = ((stage.url + result["audio_url"], token), (f"{bare['url']}/audio.wav", ""))
            for way in ways:
                await load(*way, requests=_CONNECTIONS, connections=_CONNECTIONS)
            for _ in range(rounds):
                echo, reference_load = [await load(*way, requests=_REQUESTS, connections=_CONNECTIONS) for way in ways]
                ratios.append(echo.rate / reference_load.rate)
                rates.append(echo.rate)
    note = f"{len(sound) / 1000:.0f} kB, {_CONNECTIONS} connections, {GENERATOR}"
    return [
        Figure("P5", "Cached audio through the gateway ÷ bare FileResponse, requests a second", ratios, at_least=2, note=note),
        Figure("rate", "Cached audio through the gateway", rates, "/s"),
    ]
