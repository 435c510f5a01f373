"""P6: overhead of the gateway for a small request."""

import tempfile
from collections.abc import Sequence

from bench.child import reference
from bench.figure import Figure
from bench.load import GENERATOR, load
from bench.stage import Stage

_REQUESTS, _CONNECTIONS = 6_000, 16
_ALONE = 500


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Measure a gateway and a bare proxy, each in its own process, before the same upstream on a Unix socket, alternating."""
    ratios, added, rates = [], [], []
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as folder:
        socket = f"unix://{folder}/upstream.sock"
        async with (
            reference("upstream", socket),
            reference("passthrough", socket) as bare,
            reference("gateway", socket) as echo,
        ):
            ways = {"bare": (f"{bare['url']}/job/job_1", ""), "echo": (f"{echo['url']}/api/v1/job/job_1", echo["token"])}
            for way in ways.values():
                await load(*way, requests=_ALONE, connections=_CONNECTIONS)
            for _ in range(rounds):
                many = {name: await load(*way, requests=_REQUESTS, connections=_CONNECTIONS) for name, way in ways.items()}
                one = {name: await load(*way, requests=_ALONE, connections=1) for name, way in ways.items()}
                rates.append(many["echo"].rate)
                ratios.append(many["echo"].rate / many["bare"].rate)
                added.append(one["echo"].p50 - one["bare"].p50)
    note = f"{_CONNECTIONS} connections, {GENERATOR}"
    return [
        Figure("P6", "Gateway ÷ bare pass-through, small JSON, requests a second", ratios, at_least=0.5, note=note),
        Figure("P6", "Median latency added by the gateway, sequential requests", added, "ms", at_most=0.6),
        Figure("rate", "Small requests through the gateway", rates, "/s", note=note),
    ]
