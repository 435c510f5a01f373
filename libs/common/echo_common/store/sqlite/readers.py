"""Threads for reading, each with its own connection."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from echo_common.store.sqlite.connection import open_reader
from echo_common.store.sqlite.failures import translated
from echo_common.store.sqlite.schema import Schema
from echo_common.store.sqlite.threads import Queue

READERS = 3
_AT_ONCE = 16

Read = Callable[[sqlite3.Connection, Schema], Any]


class Readers:
    """A pool of reading threads."""

    def __init__(self, file: Path, *, threads: int = READERS) -> None:
        self._file = file
        self.queue: Queue[Any] = Queue()
        self._threads = [
            threading.Thread(target=self._run, name=f"sqlite-reader-{file.stem}-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait, after the queue's `close`, until queued reads are done."""
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        schema: Schema | None = None
        while (tasks := self.queue.take(_AT_ONCE)) is not None:
            for task in tasks:
                if not task.wanted:
                    continue
                try:
                    if connection is None or schema is None:
                        connection = open_reader(self._file)
                        schema = Schema(connection)
                    with translated(self._file):
                        task.finish(task.work(connection, schema))
                except Exception as error:
                    task.finish(None, error)
        if connection is not None:
            connection.close()
