"""Storage of the newest state of an object that events describe with revisions."""

from typing import Any

from echo_common.store.port import Collection, DuplicateError


async def store_newest(states: Collection, object_id: str, state: dict[str, Any]) -> None:
    """Store the state of an object unless a later one is stored, or the object is deleted; `state` has the field `revision`."""
    older = {"_id": object_id, "revision": {"$lt": state["revision"]}}
    if await states.update_one(older, {"$set": state}):
        return
    try:
        await states.insert({"_id": object_id, **state})
    except DuplicateError:  # a later state or the deletion is stored, or an earlier state was inserted meanwhile
        await states.update_one(older, {"$set": state})
