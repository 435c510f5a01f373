"""Signer of links to audio."""

from echo_common.auth.signed_links import LinkSigner
from echo_common.store.port import Store
from echo_common.store.stored_keys import open_key


async def open_link_signer(store: Store) -> LinkSigner:
    """Open the signer with the key of this installation."""
    return LinkSigner(await open_key(store, "links"), "echo-synthesis audio")
