"""Tests of profiles and avatars."""

from base64 import urlsafe_b64decode

from echo_auth.usecases.erasures import confirm_erasure
from echo_auth.usecases.profiles import AVATAR_BYTES
from tests.integration.auth.conftest import Auth
from tests.support.eventually import eventually
from tests.support.visitor import AVATAR, PASSWORD, Visitor
from tests.unit.auth.test_images import exif, jpeg, png, segment


async def registered(auth: Auth, email: str = "ada@example.com") -> Visitor:
    visitor = auth.visitor()
    await visitor.register(email, first_name="Ada", preferred_language="en")
    return visitor


async def stored(auth: Auth) -> list[str]:
    return [key async for key in auth.deps.objects.keys("avatars/")]


async def test_a_profile_is_replaced(auth: Auth):
    ada = await registered(auth)
    assert (await ada.call("GET", "/users/me/profile")).data["first_name"] == "Ada"

    body = {"last_name": "Lovelace", "date_of_birth": "1915-12-10", "preferred_language": "de"}
    reply = await ada.call("PUT", "/users/me/profile", body)

    expected = {**body, "first_name": None, "avatar_url": None}
    assert reply.data == expected
    assert (await ada.call("GET", "/users/me/profile")).data == expected
    assert (await ada.me()).data["preferred_language"] == "de"


async def test_the_preferred_language_is_in_the_next_access_token(auth: Auth):
    ada = await registered(auth)
    await ada.call("PUT", "/users/me/profile", {"preferred_language": "de"})
    await ada.refresh()

    assert '"locale":"de"' in _claims(str(ada.access_token))


def _claims(token: str) -> str:
    body = token.split(".")[1]
    return urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode().replace(": ", ":")


async def test_invalid_profiles_change_nothing(auth: Auth):
    ada = await registered(auth)

    for body in ({"preferred_language": "english please"}, {"first_name": "two\nlines"}, {"date_of_birth": "9999-01-01"}):
        assert (await ada.call("PUT", "/users/me/profile", body)).code == "VALIDATION_ERROR"

    assert (await ada.call("GET", "/users/me/profile")).data["first_name"] == "Ada"


async def test_an_avatar_is_stored_served_and_replaced(auth: Auth):
    ada = await registered(auth)
    assert (await ada.upload_avatar(png(30, 20))).data["avatar_url"] == "/api/v1/users/me/profile/avatar"

    status, headers, body = await ada.download(AVATAR)
    assert (status, headers["Content-Type"], body) == (200, "image/png", png(30, 20))
    assert headers["X-Content-Type-Options"] == "nosniff"
    unchanged, _, nothing = await ada.download(AVATAR, **{"If-None-Match": headers["ETag"]})
    assert (unchanged, nothing) == (304, b"")

    assert (await ada.upload_avatar(jpeg(30, 20), "not really.png")).status == 200
    assert (await ada.download(AVATAR))[1]["Content-Type"] == "image/jpeg"
    assert len(await stored(auth)) == 1
    assert (await ada.call("PUT", "/users/me/profile", {})).data["avatar_url"] is not None


async def test_the_place_of_a_picture_is_not_stored(auth: Auth):
    ada = await registered(auth)
    assert (await ada.upload_avatar(jpeg(30, 20, segments=segment(0xE1, exif("little", 1))))).status == 200

    assert (await ada.download(AVATAR))[2] == jpeg(30, 20)


async def test_an_avatar_is_deleted_with_its_object(auth: Auth):
    ada = await registered(auth)
    await ada.upload_avatar(png(30, 20))

    assert (await ada.call("DELETE", AVATAR)).status == 200

    assert (await ada.download(AVATAR))[0] == 404
    assert (await ada.call("DELETE", AVATAR)).code == "AVATAR_NOT_FOUND"
    assert await stored(auth) == []


async def test_avatars_belong_to_one_user(auth: Auth):
    ada, eve = await registered(auth), await registered(auth, "eve@example.com")
    await ada.upload_avatar(png(30, 20))

    assert (await eve.download(AVATAR))[0] == 404
    assert (await eve.call("DELETE", AVATAR)).status == 404
    assert (await ada.download(AVATAR))[0] == 200


async def test_other_files_and_large_pictures_are_refused(auth: Auth):
    ada = await registered(auth)
    await ada.upload_avatar(png(30, 20))

    assert (await ada.upload_avatar(b"<svg/>")).code == "UNSUPPORTED_MEDIA"
    assert (await ada.upload_avatar(png(5000, 20))).code == "UNSUPPORTED_MEDIA"
    assert (await ada.upload_avatar(png(30, 20) + b"\0" * AVATAR_BYTES)).status == 413

    assert (await ada.download(AVATAR))[2] == png(30, 20)
    assert len(await stored(auth)) == 1


async def test_a_deleted_account_leaves_no_avatar_and_no_mail(auth: Auth):
    ada = await registered(auth)
    ada_id = (await ada.me()).data["id"]
    await ada.upload_avatar(png(30, 20))
    await ada.call("POST", "/auth/password/forgot", {"email": "ada@example.com"})
    await eventually(lambda: resolved(auth))
    await ada.call("DELETE", "/users/me", {"password": PASSWORD})

    for service in auth.deps.settings.erasing_services:
        await confirm_erasure(ada_id, service, auth.deps)

    async def gone() -> bool:
        return await auth.deps.users.find_one({"_id": ada_id}) is None

    await eventually(gone)
    assert await stored(auth) == []
    assert [mail async for mail in auth.deps.mails.find({})] == []


async def resolved(auth: Auth) -> bool:
    return await auth.deps.mails.count({"status": "logged"}) == 1
