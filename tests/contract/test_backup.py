"""The backup knows every service, every durable consumer and the objects that it leaves out."""

from importlib import import_module

from echo_auth.domain.exports import EXPORT_PREFIX
from echo_embedded.backup.parts import CONSUMERS, LEFT_OUT, SERVICES
from echo_embedded.registry import START_ORDER


def test_the_backup_contains_every_service() -> None:
    assert sorted(name for step in START_ORDER for name in step) == sorted(SERVICES) == sorted(CONSUMERS)


def test_the_backup_leaves_out_archives_of_exports() -> None:
    assert LEFT_OUT == (EXPORT_PREFIX,)


def test_a_restore_declares_the_queue_of_every_durable_consumer() -> None:
    for service, topics in CONSUMERS.items():
        handlers = import_module(f"echo_{service}.handlers")
        assert sorted(handlers.subscriptions.durable_topics()) == sorted(topics), service
