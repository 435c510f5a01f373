"""Signer of links to audio."""

import secrets
from contextlib import suppress

from echo_common.auth.signed_links import LinkSigner
from echo_common.store.port import DuplicateError, Store


async def open_link_signer(store: Store) -> LinkSigner:
    """Open the signer. Its secret is generated at the first start and stored in the database, so that all replicas share it."""
    keys = store.collection("keys")
    await keys.ensure(())
    with suppress(DuplicateError):  # the first key stays
        await keys.insert({"_id": "links", "key": secrets.token_bytes(32)})
    held = await keys.find_one({"_id": "links"})
    assert held is not None  # noqa: S101 - nothing removes it
    return LinkSigner(bytes(held["key"]), "echo-synthesis audio")
