"""Recipients of shares, whom the auth service knows."""

from echo_common.contracts.http.auth import RECIPIENT_PATH, RecipientRequest
from echo_common.http.client import ServiceClient


class Recipients:
    """The users with whom resources can be shared. Auth is asked at every share, so addresses are not stored here."""

    def __init__(self, auth: ServiceClient) -> None:
        self._auth = auth

    async def find(self, *, user_id: str | None, email: str | None, shared_by: str) -> str:
        """Return the id of an existing user, or of a user who can be found by the email address.

        Raises the errors of auth, `USER_NOT_FOUND` and `TOO_MANY_ATTEMPTS`, and `ServiceUnavailableError`.
        """
        request = RecipientRequest(user_id=user_id, email=email, shared_by=shared_by)
        found = await self._auth.request("POST", RECIPIENT_PATH, json=request.model_dump(mode="json"))
        return str(found["user_id"])
