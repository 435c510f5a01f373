"""Access tokens signed with the key of a running platform."""

import shutil
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psutil
from joserfc import jws

from echo_auth.domain.users import User
from echo_auth.keys import Signer
from echo_common.clock import now
from echo_common.contracts.http.auth import AccessClaims
from echo_common.store.connect import open_store
from tests.support.platform import Platform


async def expired_token(platform: Platform, token: str) -> str:
    """Return a token of the same user and session as a valid one, which has expired half an hour ago."""
    claims = AccessClaims.model_validate_json(jws.extract_compact(token.encode()).payload)
    user = User(id=claims.sub, plan=claims.plan, role=claims.role)
    return (await _signer(platform)).access_token(user, claims.sid, now() - timedelta(minutes=45))


async def _signer(platform: Platform) -> Signer:
    """Read the signing key from the platform's database; SQLite's from a copy, because one process alone opens it."""
    with tempfile.TemporaryDirectory() as folder:
        url = _database_url(platform)
        if url is None:
            shutil.copytree(platform.folder.database, Path(folder) / "database")
            url = f"sqlite://{folder}/database"
        store = await open_store(url, "auth")
        try:
            return await Signer.open(store.collection("signing_keys"), platform.admin.auth_secret, timedelta(minutes=15))
        finally:
            await store.close()


def _database_url(platform: Platform) -> str | None:
    """Return the URL that the processes of the distributed form have in their environment."""
    for process in platform.remains():
        with suppress(psutil.Error):
            if (url := process.environ().get("ECHO_DATABASE_URL")) is not None:
                return url
    return None
