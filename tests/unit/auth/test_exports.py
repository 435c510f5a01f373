"""The state of exports, and the setting that names their services."""

from datetime import timedelta

import pytest
from pydantic import SecretStr, ValidationError

from echo_auth.domain.exports import Export, ExportArchive
from echo_auth.settings import AuthSettings
from echo_common.clock import now
from echo_common.contracts.errors.exports import ExportStateConflictError
from echo_common.contracts.values import JobStatus
from echo_common.work.lease import LeaseLostError
from echo_common.work.task import Progress

ARCHIVE = ExportArchive(key="exports/usr_1/exp_1/1.zip", size=10, checksum="", files=1, missing=0)


def settings(*entries: str) -> AuthSettings:
    return AuthSettings(secret=SecretStr("x" * 32), user_data_services=entries)


def claimed() -> Export:
    export = Export.request("usr_1")
    export.claim("wrk_1", 15)
    return export


def test_an_unfinished_export_keeps_its_user_from_another() -> None:
    export = claimed()
    assert export.model_dump()["active_for"] == "usr_1"
    export.release(1)
    assert export.model_dump()["active_for"] == "usr_1"
    export.claim("wrk_1", 15)
    export.complete(2, ARCHIVE, now())
    assert export.model_dump()["active_for"] is None
    assert (export.progress, export.completed_archive()) == (100, ARCHIVE)


def test_progress_counts_bytes_and_starts_over_with_an_attempt() -> None:
    export = claimed()
    export.losses = 2
    export.renew(1, Progress(50, 100))
    assert (export.progress, export.losses) == (50, 0)
    export.release(1)
    assert export.progress == 0
    export.claim("wrk_1", 15)
    export.losses = 1
    export.renew(2, Progress(40, 100))
    assert (export.progress, export.losses) == (40, 1)


def test_an_export_waits_a_day_for_its_services_then_fails() -> None:
    export = claimed()
    export.defer(1, export.created_at + timedelta(hours=23), None, "SERVICE_UNAVAILABLE", "voice is not reachable.")
    assert export.status is JobStatus.PENDING
    export.claim("wrk_1", 15)
    export.defer(2, export.created_at + timedelta(hours=25), None, "SERVICE_UNAVAILABLE", "voice is not reachable.")
    assert (export.status, export.error_message) == (JobStatus.FAILED, "voice is not reachable.")
    assert export.expires_at is not None


def test_a_lost_attempt_completes_nothing() -> None:
    export = claimed()
    export.release(1)
    with pytest.raises(LeaseLostError):
        export.complete(1, ARCHIVE, now())
    with pytest.raises(ExportStateConflictError):
        export.completed_archive()


def test_one_setting_names_the_services_that_erase_and_those_that_export() -> None:
    chosen = settings("gateway", "synthesis=http://a:1", "synthesis=http://b:1", "voice=unix:///v.sock")
    assert chosen.erasing_services == ("gateway", "synthesis", "voice")
    assert chosen.exporting_services == {"synthesis": "http://a:1,http://b:1", "voice": "unix:///v.sock"}


def test_services_without_an_address_are_omitted() -> None:
    assert settings("gateway", "synthesis=http://a:1", "voice").omitted_services == ("voice",)
    assert settings("gateway", "voice", "voice=http://a:1").omitted_services == ()


@pytest.mark.parametrize("entry", ["=http://a:1", "voice=", "voice=ftp://a", "Voice", "voice http://a:1"])
def test_invalid_services_are_refused(entry: str) -> None:
    with pytest.raises(ValidationError):
        settings(entry)
