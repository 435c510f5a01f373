"""Lines of stored objects."""

from collections.abc import AsyncGenerator, Callable

from echo_common.storage.port import ObjectStore


async def read_lines(
    objects: ObjectStore, key: str, is_before: Callable[[int, bytes], bool] | None = None
) -> AsyncGenerator[tuple[int, bytes], None]:
    """Yield the lines of an object with their numbers, in order.

    `is_before` tells of a line and its number whether all lines that are wanted follow it. It is called once for a block, whose
    lines are left out then: a place at the end of a long object is found without reading each line.

    Raises `ObjectNotFoundError`, `StorageUnavailableError`.
    """
    number, rest = 0, b""
    async for block in objects.read(key):
        *lines, rest = (rest + block).split(b"\n")
        if is_before is not None and lines:
            if is_before(number + len(lines) - 1, lines[-1]):
                number += len(lines)
                continue
            is_before = None
        for line in lines:
            yield number, line
            number += 1
