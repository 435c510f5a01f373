"""The signing key, the trust document, and the first administrator."""

import asyncio

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey
from pydantic import SecretStr

from echo_auth.keys import Signer
from echo_common.clock import now
from echo_common.encryption import DecryptionError
from tests.integration.auth.conftest import SETTINGS, Auth, Start
from tests.support.visitor import PASSWORD


async def test_the_published_key_verifies_tokens_and_is_public_only(auth: Auth):
    visitor = auth.visitor()
    await visitor.register("ada@example.com")

    (key,) = (await visitor.call("GET", "/.well-known/jwks.json")).body["keys"]

    assert "d" not in key
    token = jwt.decode(str(visitor.access_token), OKPKey.import_key(key), algorithms=["Ed25519"])
    assert token.header == {"typ": "at+jwt", "alg": "Ed25519", "kid": key["kid"]}
    assert set(token.claims) == {"iss", "aud", "sub", "sid", "iat", "exp", "jti", "plan", "role", "scope", "ver"}
    assert token.claims["exp"] - token.claims["iat"] == 900


async def test_replicas_that_start_together_share_a_key(auth: Auth):
    keys = auth.deps.signer
    collection = auth.store.collection("signing_keys_of_this_test")
    secret = SETTINGS.secret.get_secret_value()

    signers = await asyncio.gather(*(Signer.open(collection, secret, keys.lasts) for _ in range(8)))

    assert len({str(signer.jwks) for signer in signers}) == 1


async def test_the_private_key_is_encrypted_in_the_database(auth: Auth):
    (document,) = [document async for document in auth.store.collection("signing_keys").find({})]

    assert b'"d"' not in document["sealed"]
    assert set(document) == {"_id", "sealed", "created_at"}


async def test_a_different_secret_is_reported_when_the_key_cannot_be_decrypted(auth: Auth, start: Start):
    other = SETTINGS.model_copy(update={"secret": SecretStr("another secret of many characters")})

    with pytest.raises(DecryptionError, match="ECHO_AUTH_SECRET"):
        async with start(other):
            pass


async def test_the_trust_document_is_cached_until_it_changes(auth: Auth):
    visitor = auth.visitor()
    await visitor.register("ada@example.com")
    first = await visitor.call("GET", "/internal/trust")
    etag = first.headers["ETag"]

    same = await visitor.call("GET", "/internal/trust", **{"If-None-Match": etag})
    await visitor.log_out()
    changed = await visitor.call("GET", "/internal/trust", **{"If-None-Match": etag})

    assert (first.body["revoked_sessions"], same.status, same.body) == ([], 304, None)
    assert changed.body["revoked_sessions"] == [str(visitor.refresh_token).split(".")[0]]


async def test_the_trust_document_omits_expired_revocations(auth: Auth, monkeypatch: pytest.MonkeyPatch):
    visitor = auth.visitor()
    await visitor.register("ada@example.com")
    await visitor.log_out()
    later = now() + auth.deps.signer.lasts * 2

    monkeypatch.setattr("echo_auth.usecases.trust.now", lambda: later)

    assert (await visitor.call("GET", "/internal/trust")).body["revoked_sessions"] == []


async def test_a_raised_token_version_is_published(auth: Auth):
    reply = await auth.visitor().register("ada@example.com")
    user_id = reply.data["user"]["id"]

    def ban(user) -> None:
        user.token_version += 1
        user.token_version_raised_at = now()

    await auth.deps.users.update(user_id, ban)

    assert (await auth.visitor().call("GET", "/internal/trust")).body["token_versions"] == {user_id: 1}


async def test_the_first_administrator_can_log_in_and_administer(auth: Auth):
    admin = auth.visitor()

    reply = await admin.log_in("admin@example.com", "admin password")

    assert (reply.data["user"]["role"], reply.data["user"]["plan"]) == ("admin", "premium")


async def test_the_administrators_password_is_not_reset_at_a_start(auth: Auth, start: Start):
    changed = SETTINGS.model_copy(update={"admin_password": SecretStr(PASSWORD)})

    async with start(changed) as again:
        assert (await again.visitor().log_in("admin@example.com", "admin password")).status == 200
        assert (await again.visitor().log_in("admin@example.com", PASSWORD)).status == 401


async def test_replicas_that_start_together_create_a_single_administrator(start: Start):
    async with start(SETTINGS) as one, start(SETTINGS) as other:
        assert await one.deps.users.count({"role": "admin"}) == 1
        assert (await other.visitor().log_in("admin@example.com", "admin password")).status == 200
