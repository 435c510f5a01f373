"""Settings of the feedback service are refused with the reason."""

import pytest
from pydantic import SecretStr, ValidationError

from echo_common.contracts.system_settings import RETENTION_DELIVERIES_DAYS
from echo_feedback.settings import FeedbackSettings

SECRET = SecretStr("a secret of thirty-two characters")
DAY = 24 * 3600


def settings(*pauses: str) -> FeedbackSettings:
    return FeedbackSettings(secret=SECRET, webhook_retry_seconds=pauses)


def test_retries_end_before_their_delivery_can_expire() -> None:
    """Also with the largest variation of the pauses, a tenth, and whatever the system setting is."""
    longest = sum(settings("0", str(DAY), str(DAY)).retry_pauses)
    assert longest * 1.1 < RETENTION_DELIVERIES_DAYS.parse(3) * DAY
    assert sum(FeedbackSettings(secret=SECRET).retry_pauses) <= longest
    with pytest.raises(ValueError, match="between"):
        RETENTION_DELIVERIES_DAYS.parse(2)


@pytest.mark.parametrize("pauses", [(str(2 * DAY + 1),), (str(DAY),) * 3, ("inf",), ("1e300", "1e300")])
def test_retries_that_could_outlast_their_delivery_are_refused(pauses: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match=r"at most 2 days together.*3 days \(retention.deliveries_days\)"):
        settings(*pauses)


@pytest.mark.parametrize("pauses", [("-1",), ("nan",), ("soon",), ("5", "")])
def test_pauses_that_are_no_seconds_are_refused(pauses: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="a list of seconds"):
        settings(*pauses)


def test_more_retries_than_are_logged_are_refused() -> None:
    assert len(settings(*("1",) * 20).retry_pauses) == 20
    with pytest.raises(ValidationError, match="at most 20 pauses"):
        settings(*("1",) * 21)
