"""Time of refused logins: known and unknown users take the same."""

import statistics
import time
from collections.abc import Sequence

from bench.figure import Figure
from bench.stage import Stage
from echo_common.ids import new_id

_USERS = 4
_ATTEMPTS = 9  # one more would be throttled


async def measure(stage: Stage, rounds: int) -> Sequence[Figure]:
    """Log in with a wrong password as known and as unknown users, in turns."""
    known_medians, unknown_medians = [], []
    for _ in range(rounds):
        known, unknown = [], []
        for _ in range(_USERS):
            registered, nobody = (f"{new_id(name).lower()}@example.com" for name in ("known", "nobody"))
            body = {"email": registered, "password": "correct horse battery"}
            async with stage.session.post("/api/v1/auth/register", json=body) as answer:
                answer.raise_for_status()
            for _ in range(_ATTEMPTS):
                known.append(await _refused(stage, registered))
                unknown.append(await _refused(stage, nobody))
        known_medians.append(statistics.median(known))
        unknown_medians.append(statistics.median(unknown))
    pairs = list(zip(known_medians, unknown_medians, strict=True))
    difference = [abs(ours - theirs) / theirs * 100 for ours, theirs in pairs]
    return [
        Figure("S1", "refused login, known user", known_medians, "ms"),
        Figure("S1", "refused login, unknown user", unknown_medians, "ms"),
        Figure("S1", "difference of the medians", difference, "%", at_most=5),
    ]


async def _refused(stage: Stage, email: str) -> float:
    """Return the milliseconds of a login with a wrong password."""
    started = time.perf_counter()
    body = {"email": email, "password": "not the password"}
    async with stage.session.post("/api/v1/auth/login", json=body) as answer:
        await answer.read()
        if answer.status != 401:
            raise RuntimeError(f"a login was answered with {answer.status} instead of 401")
    return (time.perf_counter() - started) * 1000
