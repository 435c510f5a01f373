"""Identities of users at an identity provider."""

from hashlib import sha256

from echo_common.aggregate import Aggregate


class Identity(Aggregate):
    """A subject of an issuer that belongs to a user; the id is derived from both, so that it belongs to one user."""

    user_id: str
    issuer: str
    subject: str

    @staticmethod
    def id_of(issuer: str, subject: str) -> str:
        """Return the id of a subject's identity."""
        return "idn_" + sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:40]

    @classmethod
    def link(cls, issuer: str, subject: str, user_id: str) -> "Identity":
        """Create the identity of a user."""
        return cls(id=cls.id_of(issuer, subject), user_id=user_id, issuer=issuer, subject=subject)
