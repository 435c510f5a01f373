"""Endpoints for the user's profile and avatar."""

import asyncio

from fastapi import Request, Response

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps
from echo_auth.domain.profiles import Profile
from echo_auth.usecases import profiles
from echo_auth.usecases.profiles import AVATAR_BYTES
from echo_common.auth.dependencies import AccountHolder
from echo_common.contracts.errors.auth import AvatarNotFoundError, UserNotFoundError
from echo_common.contracts.http.profiles import ProfileRequest, ProfileView
from echo_common.errors import FileTooLargeError, UnsupportedMediaError
from echo_common.http.endpoints import Form, Media, PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.object_response import (
    PARTIAL_RESPONSES,
    ByteRange,
    IfNoneMatch,
    RangeNotSatisfiableError,
    object_response,
)
from echo_common.http.proxy_options import PUBLIC_ROOT
from echo_common.http.upload import received

_AVATAR = "/users/me/profile/avatar"
_FORM = Form("file")

router = PublicRouter("users")


@router.endpoint("GET", "/users/me/profile", errors=(UserNotFoundError,), example=enveloped(examples.PROFILE))
async def get_profile(principal: AccountHolder, deps: Deps) -> Success[ProfileView]:
    """Get the profile of the current user."""
    return ok(_view(await profiles.get_profile(principal.user_id, deps)))


@router.endpoint("PUT", "/users/me/profile", idempotent=True, errors=(UserNotFoundError,), example=enveloped(examples.PROFILE))
async def replace_profile(body: ProfileRequest, principal: AccountHolder, deps: Deps) -> Success[ProfileView]:
    """Replace the profile of the current user.

    The preferred language takes effect with the next access token. The avatar stays.
    """
    return ok(_view(await profiles.replace_profile(body, principal.user_id, deps)))


@router.endpoint(
    "PUT",
    _AVATAR,
    form=_FORM,
    idempotent=True,
    errors=(FileTooLargeError, UnsupportedMediaError, UserNotFoundError),
    example=enveloped(examples.PROFILE),
)
async def upload_avatar(request: Request, principal: AccountHolder, deps: Deps) -> Success[ProfileView]:
    """Upload the avatar of the current user: a PNG, JPEG or WebP picture of at most 1 MB.

    Metadata such as the place and the camera are removed.
    """
    async with received(request, field=_FORM.file, limit=AVATAR_BYTES) as upload:
        data = await asyncio.to_thread(upload.path.read_bytes)
    return ok(_view(await profiles.set_avatar(data, principal.user_id, deps)))


@router.endpoint(
    "GET",
    _AVATAR,
    media=Media("The picture.", ("image/png", "image/jpeg", "image/webp")),
    other_responses=PARTIAL_RESPONSES,
    errors=(AvatarNotFoundError, RangeNotSatisfiableError, UserNotFoundError),
)
async def get_avatar(
    request: Request,
    principal: AccountHolder,
    deps: Deps,
    byte_range: ByteRange = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Get the avatar of the current user."""
    avatar = await profiles.get_avatar(principal.user_id, deps)
    response = object_response(
        request, deps.objects, avatar.key, size=avatar.size, mime=avatar.mime, etag=avatar.checksum, download_as=None
    )
    response.headers["Cache-Control"] = "private, no-cache"  # another upload replaces it
    return response


@router.endpoint(
    "DELETE",
    _AVATAR,
    idempotent=True,
    errors=(AvatarNotFoundError, UserNotFoundError),
    example=enveloped(None, message="The avatar is deleted."),
)
async def delete_avatar(principal: AccountHolder, deps: Deps) -> Success[None]:
    """Delete the avatar of the current user."""
    await profiles.delete_avatar(principal.user_id, deps)
    return ok(None, message="The avatar is deleted.")


def _view(profile: Profile) -> ProfileView:
    return ProfileView(
        first_name=profile.first_name,
        last_name=profile.last_name,
        date_of_birth=profile.birthday,
        preferred_language=profile.preferred_language,
        avatar_url=PUBLIC_ROOT + _AVATAR if profile.avatar else None,
    )
