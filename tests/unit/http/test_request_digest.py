"""Tests of request digests, which compare requests by value."""

import random
from typing import Any

import pytest

from echo_common.http.request_digest import MultipartDigest, body_digest_of, request_digest

BODY = (
    b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nMe\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
    + bytes(range(256)) * 40
    + b"\r\n--x--\r\n"
)


def scope(query: bytes = b"", content_type: bytes = b"", **params: str) -> dict[str, Any]:
    headers = [(b"content-type", content_type)] if content_type else []
    return {"query_string": query, "path_params": params, "headers": headers}


def digested(body: bytes, *cuts: int, boundary: bytes = b"x") -> str | None:
    digest = MultipartDigest(boundary)
    for start, end in zip((0, *cuts), (*cuts, len(body)), strict=True):
        digest.feed(body[start:end])
    return digest.digest()


def test_the_digest_is_independent_of_block_sizes() -> None:
    whole = digested(BODY)
    assert whole is not None
    dice = random.Random(7)
    for _ in range(50):
        assert digested(BODY, *sorted(dice.sample(range(1, len(BODY)), 9))) == whole


def test_the_digest_ignores_boundaries_and_part_headers() -> None:
    other = BODY.replace(b"--x", b"--yy").replace(b"Content-Type: audio/wav\r\n", b"")
    assert digested(other, boundary=b"yy") == digested(BODY)


@pytest.mark.parametrize("length", [256, 257, 60_000])
def test_overlong_boundaries_give_no_digest(length: int) -> None:
    boundary = b"b" * length
    body = BODY.replace(b"--x", b"--" + boundary)
    assert (digested(body, boundary=boundary) is not None) == (length <= 256)


@pytest.mark.parametrize("change", [(b"a.wav", b"b.wav"), (b"Me", b"You"), (b'"file"', b'"audio"'), (bytes([7, 8]), b"..")])
def test_the_digest_depends_on_names_and_contents(change: tuple[bytes, bytes]) -> None:
    assert digested(BODY.replace(*change)) != digested(BODY)


@pytest.mark.parametrize(
    "body",
    [
        BODY[:-10],
        b"no multipart at all",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n.\r\n' * 100 + b"--x--\r\n",
        b"--x\r\n" + b"A: " + b"a" * 20_000 + b"\r\n\r\n.\r\n--x--\r\n",
    ],
)
def test_incomplete_or_oversized_bodies_have_no_digest(body: bytes) -> None:
    assert digested(body) is None


def test_the_digest_is_independent_of_parameter_order() -> None:
    same = {request_digest(scope(b"a=1&b=2&b=3"), ""), request_digest(scope(b"b=2&a=1&b=3"), "")}
    others = {request_digest(scope(query), "") for query in (b"a=1&b=3&b=2", b"a=1&b=2", b"a=1&b=2&b=3&c=", b"")}
    assert (len(same), len(same | others)) == (1, 5)
    assert request_digest(scope(job_id="job_1"), "") != request_digest(scope(job_id="job_2"), "")


def test_the_content_type_selects_the_comparison() -> None:
    kinds = [b"application/json; charset=utf-8", b"application/merge-patch+json", b""]
    digests = []
    for kind in kinds:
        digest = body_digest_of(scope(content_type=kind))
        digest.feed(b'{"a": 1.0, "b": "\\u00e9"}')
        digests.append(digest.digest())
    plain = body_digest_of(scope(content_type=b"text/plain"))
    plain.feed(b'{"a": 1.0, "b": "\\u00e9"}')
    assert len(set(digests)) == 1
    assert plain.digest() not in digests
    assert isinstance(body_digest_of(scope(content_type=b'multipart/form-data; boundary="x"')), MultipartDigest)
