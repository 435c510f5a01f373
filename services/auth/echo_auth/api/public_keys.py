"""Endpoint for the public keys."""

from fastapi import Response

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps
from echo_common.contracts.http.auth import JWKS_PATH, Jwks
from echo_common.http.endpoints import PublicRouter

router = PublicRouter("authentication", root="")


@router.endpoint("GET", JWKS_PATH, example=examples.KEYS)
async def list_public_keys(deps: Deps, response: Response) -> Jwks:
    """List the public keys that verify access tokens (RFC 7517)."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return deps.signer.jwks
