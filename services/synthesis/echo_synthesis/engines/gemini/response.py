"""Evaluation of Gemini's responses."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from google.genai import errors, types

from echo_synthesis.engines.remote import RetryableError, parse_retry_after

_UNITS = {"prompt_token_count": "input_tokens", "candidates_token_count": "output_tokens"}
_FINAL = frozenset({"SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"})
"""Finish reasons that a retry of the same text cannot change."""


class RefusedError(Exception):
    """Refusal of the text by Gemini."""


class BrokenOffError(RetryableError):
    """A response that ended without confirming that it is complete."""


def collect(chunks: Iterable[types.GenerateContentResponse], cost: Counter[str]) -> tuple[bytes, str]:
    """Return the audio of a response's chunks and its MIME type; add the usage to `cost`, even on failure.

    Raises:
        BrokenOffError: The response is incomplete, has no audio, or changes its format.
        RefusedError: Gemini refuses the text.
    """
    audio: list[bytes] = []
    mimes: set[str] = set()
    finish: str | None = None
    usage: types.GenerateContentResponseUsageMetadata | None = None
    try:
        for chunk in chunks:
            usage = chunk.usage_metadata or usage
            if chunk.prompt_feedback and chunk.prompt_feedback.block_reason:
                raise RefusedError(f"Gemini does not speak this text ({chunk.prompt_feedback.block_reason.value}).")
            candidate = chunk.candidates[0] if chunk.candidates else None
            if candidate is None:
                continue
            for part in (candidate.content and candidate.content.parts) or ():
                if part.inline_data and part.inline_data.data:
                    audio.append(part.inline_data.data)
                    mimes.add(part.inline_data.mime_type or "")
            finish = candidate.finish_reason.value if candidate.finish_reason else finish
    finally:
        cost.update({unit: getattr(usage, field, None) or 0 for field, unit in _UNITS.items()} if usage else {})
    if finish in _FINAL:
        raise RefusedError(f"Gemini does not speak this text ({finish}).")
    if finish != "STOP":
        raise BrokenOffError(f"Gemini's response broke off ({finish or 'no finish reason'}).")
    if not audio:
        raise BrokenOffError("Gemini's response contains no audio.")
    if len(mimes) > 1:
        raise BrokenOffError(f"Gemini's response changes its format: {', '.join(sorted(mimes))}.")
    return b"".join(audio), mimes.pop()


def retry_delay(error: errors.APIError) -> float | None:
    """Return the delay in seconds that Gemini requests, in the error's `RetryInfo` or in `Retry-After`; None if absent."""
    for detail in _details(error):
        if detail.get("@type", "").endswith("RetryInfo") and (
            delay := re.fullmatch(r"([\d.]+)s", detail.get("retryDelay", ""))
        ):
            return float(delay[1])
    headers = getattr(error.response, "headers", None) or {}
    return parse_retry_after(headers.get("retry-after"))


def refuses_key(error: errors.APIError) -> bool:
    """Return whether Gemini rejects the API key; it reports an unknown key with status 400."""
    reasons = {detail.get("reason") for detail in _details(error)}
    return error.code in {401, 403} or "API_KEY_INVALID" in reasons or "api key not valid" in str(error.message).lower()


def _details(error: errors.APIError) -> list[dict[str, Any]]:
    body = error.details if isinstance(error.details, dict) else {}
    details = body.get("error", body).get("details") or []
    return [detail for detail in details if isinstance(detail, dict)]
