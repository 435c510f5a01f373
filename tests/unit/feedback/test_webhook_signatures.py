"""Signatures of webhooks, against the reference implementation of Standard Webhooks and its published example."""

import base64
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from echo_feedback.domain.webhook_signatures import create_secret, sign, signed_headers

BODY = '{"type":"job.completed","data":{"name":"Ánh"}}'.encode()


def test_the_example_of_the_specification_has_its_signature() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signature = sign([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_reference_implementation_accepts_a_signature() -> None:
    secret = create_secret()
    headers = dict(signed_headers([secret], "msg_1", int(time.time()), BODY))
    assert Webhook(secret).verify(BODY, headers)["data"] == {"name": "Ánh"}


def test_both_secrets_are_accepted_during_a_rotation() -> None:
    new, former = create_secret(), create_secret()
    headers = dict(signed_headers([new, former], "msg_1", int(time.time()), BODY))
    for secret in (new, former):
        Webhook(secret).verify(BODY, headers)


@pytest.mark.parametrize(
    "change", [{"webhook-id": "msg_2"}, {"webhook-timestamp": str(int(time.time()) - 5)}, {"webhook-signature": "v1,AAAA"}]
)
def test_a_changed_header_is_refused(change: dict[str, str]) -> None:
    secret = create_secret()
    headers = dict(signed_headers([secret], "msg_1", int(time.time()), BODY))
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY, headers | change)


def test_a_changed_body_and_another_secret_are_refused() -> None:
    secret = create_secret()
    headers = dict(signed_headers([secret], "msg_1", int(time.time()), BODY))
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(create_secret()).verify(BODY, headers)


def test_secrets_have_the_form_of_the_specification() -> None:
    first, second = create_secret(), create_secret()
    assert first != second
    assert first.startswith("whsec_")
    assert 24 <= len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) <= 64
