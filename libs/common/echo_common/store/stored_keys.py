"""Secret keys of this installation, which all replicas share."""

import secrets
from contextlib import suppress

from echo_common.store.port import DuplicateError, Store


async def open_key(store: Store, name: str) -> bytes:
    """Return the key of this name, 32 bytes. It is generated at the first start and stored in the database."""
    keys = store.collection("keys")
    await keys.ensure(())
    with suppress(DuplicateError):  # the first key stays
        await keys.insert({"_id": name, "key": secrets.token_bytes(32)})
    held = await keys.find_one({"_id": name})
    assert held is not None  # noqa: S101 - nothing removes it
    return bytes(held["key"])
