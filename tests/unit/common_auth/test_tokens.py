"""Tests of token verification."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import ECKey, OctKey

from echo_common.auth.principal import Principal, Scope
from echo_common.auth.tokens import InvalidTokenError, TokenExpiredError, TokenVerifier
from echo_common.contracts.http.auth import EXPORT_AUDIENCE
from echo_common.contracts.values import Plan, Role
from echo_common.errors import ServiceUnavailableError
from echo_common.http.client import ServiceClient
from echo_common.http.token_trust import TokenTrust
from tests.support.eventually import eventually
from tests.support.issuer import Issuer

QUICKLY = 0.02
DEEPLY_NESTED = base64.urlsafe_b64encode(b"[" * 3_000).decode() + ".e30.e30"


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def client(issuer: Issuer, tmp_path: Path) -> AsyncIterator[ServiceClient]:
    async with issuer.serving(tmp_path) as url, ServiceClient.open("auth", url) as opened:
        yield opened


@pytest.fixture
async def verifier(client: ServiceClient) -> AsyncIterator[TokenVerifier]:
    async with TokenTrust.following(client, every=QUICKLY) as trust:
        yield TokenVerifier(trust)


async def refused(verifier: TokenVerifier, token: str) -> bool:
    try:
        await verifier.verify(token)
    except InvalidTokenError:
        return True
    return False


async def test_valid_tokens_identify_the_principal(issuer: Issuer, verifier: TokenVerifier):
    token = issuer.token(sub="usr_7", sid="ses_8", plan="premium", scope="speech:read account something:new")

    assert await verifier.verify(token) == Principal(
        "usr_7", "ses_8", Plan.PREMIUM, Role.USER, frozenset({Scope.SPEECH_READ, Scope.ACCOUNT})
    )


@pytest.mark.parametrize(
    "flaw",
    [
        {"iss": "somebody-else"},
        {"aud": "another-house"},
        {"aud": ["echo", "another-house"]},
        {"sub": ""},
        {"sid": None},
        {"jti": None},
        {"exp": None},
        {"iat": 4_000_000_000, "exp": 4_000_000_600},
        {"exp": "4000000000"},
        {"role": "emperor"},
        {"ver": None},
        {"header": {"typ": "JWT"}},
        {"header": {"typ": None}},
        {"header": {"kid": None}},
        {"header": {"kid": "unheard-of"}},
    ],
    ids=str,
)
async def test_signed_tokens_of_another_type_are_refused(issuer: Issuer, verifier: TokenVerifier, flaw: dict[str, Any]):
    with pytest.raises(InvalidTokenError):
        await verifier.verify(issuer.token(**flaw))


def unsigned(issuer: Issuer) -> str:
    _, claims, _ = issuer.token().split(".")
    header = json.dumps({"typ": "at+jwt", "alg": "none", "kid": issuer.key.kid}).encode()
    return f"{base64.urlsafe_b64encode(header).decode().rstrip('=')}.{claims}."


def signature_removed(issuer: Issuer) -> str:
    return issuer.token().rpartition(".")[0] + "."


def claims_exchanged(issuer: Issuer) -> str:
    header, _, signature = issuer.token().split(".")
    return f"{header}.{issuer.token(role='admin').split('.')[1]}.{signature}"


def signed_with_another_key(issuer: Issuer) -> str:
    return issuer.token(key=Issuer.new_key(), header={"kid": issuer.key.kid})


def signed_with_another_kind_of_key(issuer: Issuer) -> str:
    return issuer.token(key=ECKey.generate_key("P-256"), header={"kid": issuer.key.kid, "alg": "ES256"})


def signed_with_the_public_key_as_a_password(issuer: Issuer) -> str:
    public = json.dumps(issuer.key.as_dict(private=False)).encode()
    return issuer.token(key=OctKey.import_key(public), header={"kid": issuer.key.kid, "alg": "HS256"})


def brings_its_own_key(issuer: Issuer) -> str:
    key = Issuer.new_key()
    return issuer.token(key=key, header={"jwk": key.as_dict(private=False)})


def repeats(issuer: Issuer, part: int, first: str) -> str:
    """Return a correctly signed token whose header (0) or payload (1) begins with a further value of a name."""
    parts = [decoded(part) for part in issuer.token().split(".")[:2]]
    parts[part] = parts[part].replace("{", "{" + first + ",", 1)
    signed = ".".join(encoded(part.encode()) for part in parts)
    key = issuer.key.get_op_key("sign")
    assert isinstance(key, Ed25519PrivateKey)
    signature = key.sign(signed.encode())
    return f"{signed}.{encoded(signature)}"


def repeats_a_claim(issuer: Issuer) -> str:
    return repeats(issuer, 1, '"role":"admin"')


def repeats_the_algorithm(issuer: Issuer) -> str:
    return repeats(issuer, 0, '"alg":"none"')


def decoded(part: str) -> str:
    return base64.urlsafe_b64decode(part + "==").decode()


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def is_longer_than_a_megabyte(issuer: Issuer) -> str:
    return issuer.token(padding="x" * 2**20)


@pytest.mark.parametrize(
    "forge",
    [
        unsigned,
        signature_removed,
        claims_exchanged,
        signed_with_another_key,
        signed_with_another_kind_of_key,
        signed_with_the_public_key_as_a_password,
        brings_its_own_key,
        repeats_a_claim,
        repeats_the_algorithm,
        is_longer_than_a_megabyte,
    ],
)
async def test_forged_tokens_are_refused(issuer: Issuer, verifier: TokenVerifier, forge: Callable[[Issuer], str]):
    await verifier.verify(issuer.token())

    with pytest.raises(InvalidTokenError):
        await verifier.verify(forge(issuer))


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "....", "é.é.é", "e30.e30.e30", "x" * 5000, "\x00", DEEPLY_NESTED])
async def test_malformed_tokens_are_refused(verifier: TokenVerifier, text: str):
    with pytest.raises(InvalidTokenError):
        await verifier.verify(text)


async def test_expired_tokens_have_their_own_error_and_a_few_seconds_of_leeway(issuer: Issuer, verifier: TokenVerifier):
    with pytest.raises(TokenExpiredError):
        await verifier.verify(issuer.token(lasts=-60))
    await verifier.verify(issuer.token(lasts=-1))


async def test_cached_tokens_expire(issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch):
    token = issuer.token(lasts=600)
    await verifier.verify(token)

    monkeypatch.setattr("echo_common.auth.tokens.time.time", lambda: 4_000_000_000.0)

    with pytest.raises(TokenExpiredError):
        await verifier.verify(token)


async def test_ended_sessions_are_detected(issuer: Issuer, verifier: TokenVerifier):
    gone, stays = issuer.token(sid="ses_gone"), issuer.token(sid="ses_stays")
    await verifier.verify(gone)

    issuer.revoked_sessions.append("ses_gone")

    await eventually(lambda: refused(verifier, gone))
    await verifier.verify(stays)


async def test_a_raised_token_version_revokes_older_tokens(issuer: Issuer, verifier: TokenVerifier):
    old = issuer.token(ver=1)
    await verifier.verify(old)

    issuer.token_versions["usr_1"] = 2

    await eventually(lambda: refused(verifier, old))
    await verifier.verify(issuer.token(ver=2))
    await verifier.verify(issuer.token(sub="usr_2", ver=0))


async def test_removing_a_key_revokes_its_tokens(issuer: Issuer, verifier: TokenVerifier):
    token = issuer.token()
    await verifier.verify(token)

    issuer.published = [Issuer.new_key()]

    await eventually(lambda: refused(verifier, token))


async def test_unknown_keys_are_fetched_on_demand(issuer: Issuer, client: ServiceClient):
    async with TokenTrust.following(client, every=3600) as trust:
        verifier = TokenVerifier(trust)
        await eventually(lambda: trust.known)
        fresh = Issuer.new_key()
        issuer.published.append(fresh)

        await verifier.verify(issuer.token(key=fresh))


async def test_invented_key_ids_cause_few_requests_to_auth(issuer: Issuer, client: ServiceClient):
    async with TokenTrust.following(client, every=3600) as trust:
        verifier = TokenVerifier(trust)
        await eventually(lambda: trust.known)

        for number in range(50):
            assert await refused(verifier, issuer.token(header={"kid": f"made-up-{number}"}))

        assert issuer.asked <= 3


async def test_without_trust_data_verification_is_unavailable(issuer: Issuer, tmp_path: Path):
    url = f"unix://{tmp_path}/issuer.sock"
    async with ServiceClient.open("auth", url) as client, TokenTrust.following(client, every=QUICKLY) as trust:
        verifier = TokenVerifier(trust)
        with pytest.raises(ServiceUnavailableError):
            await verifier.verify(issuer.token())

        async with issuer.serving(tmp_path):
            await eventually(lambda: trust.known)
            await verifier.verify(issuer.token())


async def test_cached_trust_data_is_used_while_auth_is_down(issuer: Issuer, verifier: TokenVerifier):
    issuer.revoked_sessions.append("ses_gone")
    await eventually(lambda: refused(verifier, issuer.token(sid="ses_gone")))

    issuer.reachable = False
    asked = issuer.asked
    await eventually(lambda: issuer.asked > asked + 2)

    await verifier.verify(issuer.token())
    assert await refused(verifier, issuer.token(sid="ses_gone"))


async def test_the_token_cache_is_bounded(issuer: Issuer, client: ServiceClient):
    async with TokenTrust.following(client, every=QUICKLY) as trust:
        verifier = TokenVerifier(trust, cached=3)

        for number in range(10):
            await verifier.verify(issuer.token(jti=str(number)))

        assert len(verifier._cache) == 3


async def test_a_verifier_accepts_tokens_for_its_audience_alone(issuer: Issuer, client: ServiceClient) -> None:
    async with TokenTrust.following(client, every=QUICKLY) as trust:
        public, exports = TokenVerifier(trust), TokenVerifier(trust, audience=EXPORT_AUDIENCE)
        for_export = issuer.token(sub="usr_7", sid="exp_1", scope="", aud=EXPORT_AUDIENCE)
        assert (await exports.verify(for_export)).user_id == "usr_7"
        assert await refused(public, for_export)
        assert await refused(exports, issuer.token())
