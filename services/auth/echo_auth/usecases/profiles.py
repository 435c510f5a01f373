"""Use cases of profiles and avatars."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Final

from echo_auth.dependencies import Dependencies
from echo_auth.domain.image_metadata import remove_metadata
from echo_auth.domain.images import read_picture
from echo_auth.domain.profiles import AVATAR_PREFIX, Avatar, Profile, to_datetime
from echo_auth.domain.users import User
from echo_common.contracts.errors.auth import AvatarNotFoundError
from echo_common.contracts.http.profiles import ProfileRequest
from echo_common.ids import new_id
from echo_common.store.port import DuplicateError

AVATAR_BYTES: Final = 1024 * 1024


async def get_profile(user_id: str, deps: Dependencies) -> Profile:
    """Return the user's profile. Raises `UserNotFoundError`."""
    return await load_profile(await deps.users.get(user_id), deps)


async def load_profile(user: User, deps: Dependencies) -> Profile:
    """Return the profile of a user; an empty one if none is stored."""
    return await deps.profiles.find_one({"_id": user.id}) or Profile(id=user.id, user_id=user.id)


async def replace_profile(request: ProfileRequest, user_id: str, deps: Dependencies) -> Profile:
    """Replace the personal data; the avatar stays. Raises `UserNotFoundError`."""

    def replace(profile: Profile) -> None:
        profile.first_name, profile.last_name = request.first_name, request.last_name
        profile.date_of_birth = to_datetime(request.date_of_birth)
        profile.preferred_language = request.preferred_language

    return await deps.profiles.update((await _stored_profile(user_id, deps)).id, replace)


async def set_avatar(data: bytes, user_id: str, deps: Dependencies) -> Profile:
    """Store a picture without its metadata as the avatar, and delete the former one. Raises `UnsupportedMediaError`, `UserNotFoundError`."""
    picture = read_picture(data)
    data = remove_metadata(data, picture.mime)
    profile = await _stored_profile(user_id, deps)
    stored = await deps.objects.put(f"{AVATAR_PREFIX}{user_id}/{new_id('pic')}", data, picture.mime)
    avatar = Avatar(key=stored.key, mime=picture.mime, size=stored.size, checksum=stored.checksum)
    return await _replace_avatar(profile, avatar, deps)


async def delete_avatar(user_id: str, deps: Dependencies) -> None:
    """Delete the avatar. Raises `AvatarNotFoundError`, `UserNotFoundError`."""
    profile = await get_profile(user_id, deps)
    if profile.avatar is None:
        raise AvatarNotFoundError
    await _replace_avatar(profile, None, deps)


async def get_avatar(user_id: str, deps: Dependencies) -> Avatar:
    """Return the avatar. Raises `AvatarNotFoundError`, `UserNotFoundError`."""
    profile = await get_profile(user_id, deps)
    if profile.avatar is None:
        raise AvatarNotFoundError
    return profile.avatar


async def find_owned_avatars(keys: Sequence[str], deps: Dependencies) -> Collection[str]:
    """Return those keys that a profile refers to."""
    found = deps.profiles.find({"avatar.key": {"$in": list(keys)}})
    return [profile.avatar.key async for profile in found if profile.avatar is not None]


async def _replace_avatar(profile: Profile, avatar: Avatar | None, deps: Dependencies) -> Profile:
    former: Avatar | None = None

    def replace(found: Profile) -> None:
        nonlocal former
        former, found.avatar = found.avatar, avatar

    saved = await deps.profiles.amend(profile, replace)
    if former is not None:
        await deps.objects.delete(former.key)
    return saved


async def _stored_profile(user_id: str, deps: Dependencies) -> Profile:
    """Return the profile as stored; store an empty one if there is none."""
    profile = await get_profile(user_id, deps)
    if profile.version == 0:
        with suppress(DuplicateError):  # another request was faster
            await deps.profiles.add(profile)
        return await deps.profiles.get(profile.id)
    return profile
