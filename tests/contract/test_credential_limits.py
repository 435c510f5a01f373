"""Every operation with which credentials could be guessed or obtained has the rate limit for credentials."""

from collections.abc import Iterator, Mapping
from typing import Any

from echo_common.http.proxy_options import PROXY_EXTENSION, ProxyOptions
from echo_embedded.contracts import endpoint_contracts

WITHOUT_CREDENTIALS = {
    "get_identity_provider": "tells its name",
    "list_public_keys": "public by their nature",
    "upload_reference": "has limits of its own, by address, at once and a day",
}
"""Operations that need no token, and neither take nor give a credential."""

PROOFS = {"code", "totp_code", "passkey"}
"""Fields of proofs that are not marked as secrets, because they are valid once."""


def operations() -> Iterator[tuple[Mapping[str, Any], ProxyOptions, Mapping[str, Any]]]:
    for contract in endpoint_contracts().values():
        for by_method in contract["paths"].values():
            for operation in by_method.values():
                yield operation, ProxyOptions.load(operation[PROXY_EXTENSION]), contract


def takes_a_secret(schema: Any, contract: Mapping[str, Any]) -> bool:
    """Return whether a value of the schema may contain a secret."""
    if isinstance(schema, list):
        return any(takes_a_secret(part, contract) for part in schema)
    if not isinstance(schema, dict):
        return False
    if "$ref" in schema:
        return takes_a_secret(contract["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], contract)
    properties = schema.get("properties", {})
    if schema.get("format") == "password" or PROOFS & properties.keys():
        return True
    inner = [value for name, value in schema.items() if name not in {"examples", "default", "properties"}]
    return takes_a_secret([*inner, *properties.values()], contract)


def test_every_operation_that_takes_or_gives_a_credential_has_the_limit_for_credentials() -> None:
    limited, expected = set(), set()
    for operation, options, contract in operations():
        name = operation["operationId"]
        if options.credentials:
            limited.add(name)
        if takes_a_secret(operation.get("requestBody"), contract) or not options.token:
            expected.add(name)
    assert limited == expected - WITHOUT_CREDENTIALS.keys()
    assert WITHOUT_CREDENTIALS.keys() <= expected
    assert {"log_in", "log_in_with_passkey", "reset_password", "confirm_email", "finish_oidc_login"} <= limited
