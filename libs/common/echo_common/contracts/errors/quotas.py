"""Errors of quotas."""

from echo_common.errors import RateLimitedError


class QuotaExceededError(RateLimitedError):
    """The quota of the plan is used up; GET /api/v1/users/me/usage shows quotas and when they start again."""

    code = "QUOTA_EXCEEDED"
