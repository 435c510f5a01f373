"""Tests of the delivery of mails."""

from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from echo_auth.domain.mails import OutgoingMail
from echo_auth.mail.port import Mail, MailRefusedError, MailUnavailableError
from echo_auth.mail.smtp import SmtpMailer
from echo_auth.usecases.mail_delivery import deliver_due
from echo_common.clock import now
from echo_common.contracts.http.mails import MailKind, MailStatus
from tests.integration.auth.conftest import SETTINGS, Auth, Start
from tests.support.certificates import Certificate
from tests.support.eventually import eventually
from tests.support.mail_server import MailServer, mail_server, token_in

MAIL = Mail("mail_1", "ada@example.com", "Grüße", "Öffnen Sie https://echo.example/#token=abc\n")


async def forgot(auth: Auth, email: str = "ada@example.com", **headers: str) -> None:
    reply = await auth.visitor().call("POST", "/auth/password/forgot", {"email": email}, **headers)
    assert reply.status == 202


async def test_mails_are_sent_in_the_language_of_the_user(mailing: Auth, mails: MailServer):
    await mailing.visitor().register("ada@example.com", preferred_language="de-AT")
    await mailing.visitor().register("binh@example.com")

    await forgot(mailing)
    await forgot(mailing, "binh@example.com", **{"Accept-Language": "vi"})

    german, vietnamese = await mails.received("ada@example.com"), await mails.received("binh@example.com")
    assert german["Subject"] == "Setzen Sie Ihr Echo-Passwort zurück"
    assert german["From"] == "Echo <echo@example.org>"
    assert "http://localhost:8080/reset-password#token=mail_" in german.get_content()
    assert vietnamese["Subject"] == "Đặt lại mật khẩu Echo của bạn"


async def test_a_mail_is_sent_again_until_the_server_accepts_it(mailing: Auth, mails: MailServer):
    await mailing.visitor().register("ada@example.com")
    mails.responses = ["451 Try again later"]
    await forgot(mailing)

    async def deferred() -> bool:
        return await mailing.deps.mails.count({"attempts": 1, "error": {"$exists": True}}) == 1

    await eventually(deferred)
    (waiting,) = [mail async for mail in mailing.deps.mails.find({})]
    assert (waiting.status, mails.mails) == (MailStatus.PENDING, [])

    def due(mail: OutgoingMail) -> None:
        mail.next_attempt_at = now()

    await mailing.deps.mails.update(waiting.id, due)
    await mails.received("ada@example.com")
    await eventually(lambda: has_status(mailing, waiting.id, MailStatus.SENT))


async def has_status(auth: Auth, mail_id: str, status: MailStatus) -> bool:
    return (await auth.deps.mails.get(mail_id)).status is status


async def test_mails_survive_a_crash_and_keep_their_link(start: Start, mails: MailServer):
    async with start(SETTINGS, mail=mails.settings) as auth:
        await auth.visitor().register("ada@example.com")
        await forgot(auth)
        first = await mails.received("ada@example.com")
        found = [mail async for mail in auth.deps.mails.find({})]

        def interrupted(mail: OutgoingMail) -> None:  # as after a crash between sending and saving
            mail.status, mail.next_attempt_at = MailStatus.PENDING, now() + timedelta(seconds=1)

        await eventually(lambda: has_status(auth, found[0].id, MailStatus.SENT))
        await auth.deps.mails.update(found[0].id, interrupted)
    async with start(SETTINGS, mail=mails.settings):
        again = await mails.received("ada@example.com", 2)

    assert again["Message-ID"] == first["Message-ID"]
    assert token_in(again) == token_in(first)


async def test_expired_mails_fail(mailing: Auth, mails: MailServer):
    await mailing.visitor().register("ada@example.com")
    mails.responses = ["451 Try again later"]
    mail = OutgoingMail.request(MailKind.PASSWORD_RESET, "ada@example.com", "en", now() - timedelta(minutes=59, seconds=58))
    await mailing.deps.mails.add(mail)

    await eventually(lambda: has_status(mailing, mail.id, MailStatus.FAILED))


async def test_two_replicas_send_a_mail_once(start: Start, mails: MailServer):
    async with start(SETTINGS, mail=mails.settings) as one, start(SETTINGS, mail=mails.settings) as other:
        await one.visitor().register("ada@example.com")
        await forgot(one)
        await deliver_due(other.deps)
        await mails.received("ada@example.com")
        (mail,) = [mail async for mail in one.deps.mails.find({})]
        await eventually(lambda: has_status(one, mail.id, MailStatus.SENT))

    assert len(mails.mails) == 1


async def test_without_a_mail_server_the_operator_gets_the_link(auth: Auth):
    ada, admin = auth.visitor(), auth.visitor()
    await ada.register("ada@example.com")
    await admin.log_in("admin@example.com", "admin password")

    with capture_logs() as logs:
        await forgot(auth)
        await eventually(lambda: any(line["event"] == "mail_for_operator" for line in logs))

    (logged,) = [line for line in logs if line["event"] == "mail_for_operator"]
    (mail,) = (await admin.call("GET", "/admin/mails")).data
    assert (mail["kind"], mail["to"], mail["link"]) == ("password_reset", "ada@example.com", logged["link"])
    assert "/reset-password#token=" in logged["link"]
    assert (await ada.call("GET", "/admin/mails")).status == 403


async def test_links_are_not_listed_beside_a_mail_server(mailing: Auth, mails: MailServer):
    admin = mailing.visitor()
    await admin.log_in("admin@example.com", "admin password")
    await mailing.visitor().register("ada@example.com")
    with capture_logs() as logs:
        await forgot(mailing)
        token = token_in(await mails.received("ada@example.com"))

    assert [mail["link"] for mail in (await admin.call("GET", "/admin/mails")).data] == [None]
    assert token not in str(logs)
    stored = [document async for document in mailing.store.collection("mails").find({})]
    assert token.partition(".")[2] not in str(stored)


async def test_refused_recipients_and_unavailable_servers_differ(mails: MailServer):
    mailer = SmtpMailer("127.0.0.1", mails.settings)
    refused = Mail("mail_2", "unknown@example.com", "Subject", "Body")

    await mailer.send(MAIL)
    with pytest.raises(MailRefusedError):
        await mailer.send(refused)
    with pytest.raises(MailUnavailableError):
        await SmtpMailer("127.0.0.1", mails.settings.model_copy(update={"smtp_port": 1})).send(MAIL)

    assert len(mails.mails) == 1


async def test_mails_are_not_sent_in_clear_text_where_encryption_is_required(mails: MailServer):
    for encryption in ("starttls", "tls"):
        settings = mails.settings.model_copy(update={"smtp_tls": encryption, "smtp_timeout_seconds": 2.0})
        with pytest.raises(MailUnavailableError):
            await SmtpMailer("127.0.0.1", settings).send(MAIL)

    assert mails.mails == []


async def test_mails_are_sent_after_starttls_to_a_server_with_a_trusted_certificate(tmp_path: Path):
    async with mail_server(Certificate.create(tmp_path)) as server:
        await SmtpMailer("127.0.0.1", server.settings).send(MAIL)
        assert (server.mails[0]["Subject"], server.encrypted) == ("Grüße", [True])

        for refused in ({"smtp_tls": "none"}, {"smtp_ca_file": None}):
            with pytest.raises(MailUnavailableError):
                await SmtpMailer("127.0.0.1", server.settings.model_copy(update=refused)).send(MAIL)
        assert len(server.mails) == 1
