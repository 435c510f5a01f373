"""Users who were erased after a backup are erased again when it is restored."""

from echo_auth.domain.mails import OutgoingMail
from echo_auth.usecases.erasures import confirm_erasure
from echo_auth.usecases.mails import queue_mail
from echo_common.clock import now
from echo_common.contracts.http.mails import MailKind
from tests.integration.auth.conftest import SETTINGS, Start
from tests.integration.auth.test_account_deletion import SERVICES, erased
from tests.integration.auth.test_sessions import registered
from tests.integration.auth.test_system_settings import administrator
from tests.integration.auth.test_user_administration import user_id


async def test_erased_users_of_a_restored_database_are_erased_again(start: Start) -> None:
    async with start(SETTINGS) as auth:
        ada, eve = await registered(auth), await registered(auth, "eve@example.com")
        ada_id, eve_id = await user_id(ada), await user_id(eve)
        for pseudonym in (auth.deps.audit.pseudonym(ada_id), "0" * 32):
            await auth.store.collection("restored_erasures").insert({"_id": pseudonym})
    async with start(SETTINGS) as auth:
        admin = await administrator(auth)
        assert "auth.user_deleted" in auth.facts()
        assert (await auth.visitor().log_in("ada@example.com")).code == "INVALID_CREDENTIALS"
        for service in SERVICES:
            await confirm_erasure(ada_id, service, auth.deps)
        await erased(auth, ada_id)

        assert await auth.deps.users.find_one({"_id": eve_id}) is not None
        assert await auth.store.collection("restored_erasures").count({}) == 0
        assert (await admin.call("GET", "/admin/audit/verification")).data["intact"]


async def test_the_administrator_may_be_among_them(start: Start) -> None:
    async with start(SETTINGS) as auth:
        admin = await auth.deps.users.named("admin@example.com")
        assert admin is not None
        await auth.store.collection("restored_erasures").insert({"_id": auth.deps.audit.pseudonym(admin.id)})
        await queue_mail(OutgoingMail.request(MailKind.PASSWORD_RESET, "admin@example.com", "en", now()), auth.deps)
    async with start(SETTINGS) as auth:
        assert (await auth.visitor().log_in("admin@example.com", "admin password")).status == 200
        new = await auth.deps.users.named("admin@example.com")
        assert new is not None
        assert new.id != admin.id
        assert await auth.deps.mails.count({}) == 0
        for service in SERVICES:
            await confirm_erasure(admin.id, service, auth.deps)
        await erased(auth, admin.id)
        assert (await auth.visitor().log_in("admin@example.com", "admin password")).status == 200
