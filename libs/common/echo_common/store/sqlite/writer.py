"""Writer thread, which commits queued changes together."""

import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from echo_common.store.sqlite.connection import open_writer
from echo_common.store.sqlite.failures import translate, translated
from echo_common.store.sqlite.schema import Schema
from echo_common.store.sqlite.sweeping import sweep
from echo_common.store.sqlite.threads import Queue, Task
from echo_common.store.sqlite.writing import Change

GROUP = 128
"""Maximum number of changes in one commit."""

log = structlog.get_logger(__name__)


class Writer:
    """Thread that runs changes in the order given; a change is acknowledged once its transaction is on disk.

    Each has a savepoint, so that a failed change does not affect others. When a commit fails, each change is retried in a
    transaction of its own. Documents past their time to live are removed every `sweep_seconds`.
    """

    def __init__(self, file: Path, *, sweep_seconds: float) -> None:
        self._file = file
        self._sweep_seconds = sweep_seconds
        self._connection = open_writer(file)
        self._schema = Schema(self._connection)
        self._next_sweep = time.monotonic() + sweep_seconds
        self._thread = threading.Thread(target=self._run, name=f"sqlite-writer-{file.stem}", daemon=True)
        self.queue: Queue[int] = Queue()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self) -> None:
        """Wait, after the queue's `close`, until queued changes are written and the file is closed."""
        self._thread.join()

    def _run(self) -> None:
        while (tasks := self.queue.take(GROUP, max(0.0, self._next_sweep - time.monotonic()))) is not None:
            if wanted := [task for task in tasks if task.wanted]:
                self._commit(wanted)
            if time.monotonic() >= self._next_sweep:
                self._sweep()
        self._connection.close()

    def _commit(self, tasks: Sequence[Task[int]]) -> None:
        """Run tasks in one transaction and report their results; run them one by one when the transaction fails."""
        done: list[tuple[Task[int], int | None, BaseException | None]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._schema.refresh()
            if len(tasks) == 1:  # needs no savepoint: the transaction is rolled back
                done.append((tasks[0], self._change(tasks[0].work), None))
            else:
                done.extend((task, *self._attempt(task.work)) for task in tasks)
            self._connection.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            if len(tasks) > 1:
                for task in tasks:
                    if task.wanted:
                        self._commit([task])
                return
            done = [(tasks[0], None, self._translated(error))]
        for task, result, failure in done:
            task.finish(result, failure)

    def _attempt(self, change: Change) -> tuple[int | None, BaseException | None]:
        """Run a change in a savepoint; return its result or its error. Raises an error that ended the transaction."""
        execute = self._connection.execute
        execute("SAVEPOINT change")
        try:
            result = self._change(change)
        except Exception as error:
            if not self._connection.in_transaction:
                raise
            self._schema.forget()
            execute("ROLLBACK TO change")
            execute("RELEASE change")
            return None, error
        execute("RELEASE change")
        return result, None

    def _change(self, change: Change) -> int:
        with translated(self._file):
            return change(self._connection, self._schema)

    def _roll_back(self) -> None:
        self._schema.forget()
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            log.warning("rollback_failed", file=str(self._file), error=str(error))

    def _translated(self, error: Exception) -> BaseException:
        return translate(error, self._file) if isinstance(error, sqlite3.Error) else error

    def _sweep(self) -> None:
        self._next_sweep = time.monotonic() + self._sweep_seconds
        try:
            if sweep(self._connection, self._schema):
                self._next_sweep = 0.0  # there is more; queued changes come first
        except Exception as error:  # no error may end the only thread that writes
            self._roll_back()
            log.warning("expired_documents_removal_failed", file=str(self._file), error=str(error))
