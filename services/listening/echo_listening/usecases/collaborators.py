"""Use cases of the collaborators of playlists: share a playlist with a user, and stop sharing it."""

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.auth import UserNotFoundError
from echo_common.contracts.values import PlaylistRole
from echo_listening.dependencies import Dependencies
from echo_listening.domain.playlists import Playlist
from echo_listening.usecases.playlists import find_playlist


async def set_collaborator(
    playlist_id: str, user_id: str, role: PlaylistRole, principal: Principal, deps: Dependencies
) -> Playlist:
    """Share a playlist of the user with another user, or change the role of the latter.

    Raises `PlaylistNotFoundError`, `PlaylistRoleRequiredError`, `PlaylistFullError`, and `UserNotFoundError`, also for the owner.
    """
    (await find_playlist(playlist_id, principal, deps)).require_owner(principal.user_id)
    if user_id == principal.user_id:
        raise UserNotFoundError("You own this playlist. Name another user.")
    recipient = await deps.recipients.find(user_id=user_id, email=None, shared_by=principal.user_id)

    def share(playlist: Playlist) -> None:
        playlist.require_owner(principal.user_id)
        playlist.set_collaborator(recipient, role)

    return await deps.playlists.change(playlist_id, share, user_ids=principal.user_id)


async def remove_collaborator(playlist_id: str, user_id: str, principal: Principal, deps: Dependencies) -> None:
    """Stop sharing a playlist with a user, and remove the tracks that the user added, in an update.

    Raises `PlaylistNotFoundError`, `UserNotFoundError`, and `PlaylistRoleRequiredError` unless the owner or that user asks.
    """

    def remove(playlist: Playlist) -> None:
        if user_id != principal.user_id:
            playlist.require_owner(principal.user_id)
        if playlist.role_of(user_id) in {None, PlaylistRole.OWNER}:
            raise UserNotFoundError("The playlist is not shared with this user.")
        playlist.remove_collaborator(user_id, principal.user_id)

    await deps.playlists.change(playlist_id, remove, user_ids=principal.user_id)
