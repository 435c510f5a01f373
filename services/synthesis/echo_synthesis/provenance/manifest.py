"""C2PA manifests (specification 2.2): signing and reading. No network access."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import c2pa

from echo_synthesis.provenance.signers import Credentials, Signer

_ORIGIN = "internal.echo.origin"
_SYNTHETIC = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_SPILL_MIB = 8  # above this size the library uses temporary files where it can
_OFFLINE = {"allowed_network_hosts": [], "backing_store_memory_threshold_in_mb": _SPILL_MIB}
_OURS = {"signingCredential.trusted", "claimSignature.validated"}


@dataclass(frozen=True, slots=True)
class Found:
    """A manifest in a file. `origin` is the id of the provenance record, if one is named and was signed."""

    verdict: Literal["genuine", "changed", "foreign"]
    origin: str | None = None


def sign(source: Path, target: Path, mime: str, credentials: Credentials, origin: str, *, cloned: bool) -> None:
    """Copy a file and add a manifest of about 3 KB. Raises `C2paError`.

    Needs memory of twice the file's size for WAV, less for other formats.
    """
    with (
        c2pa.Settings.from_dict({"core": _OFFLINE, "verify": {"verify_after_sign": False}}) as settings,
        c2pa.Context(settings=settings) as context,
        c2pa.Builder(_definition(origin, cloned=cloned), context=context) as builder,
        c2pa.Signer.from_info(c2pa.C2paSignerInfo(credentials.algorithm, credentials.chain, credentials.key, None)) as signer,
        source.open("rb") as reading,
        target.open("w+b") as writing,
    ):
        builder.sign(signer, mime, reading, writing)


def read(path: Path, mime: str, signers: Sequence[Signer]) -> Found | None:
    """Return the manifest of a file, or None without one. Raises `C2paError` for a damaged file."""
    trust = {"trust_anchors": "\n".join({signer.anchor for signer in signers})}
    verify = {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False}
    try:
        with (
            c2pa.Settings.from_dict({"core": _OFFLINE, "trust": trust, "verify": verify}) as settings,
            c2pa.Context(settings=settings) as context,
            path.open("rb") as file,
            c2pa.Reader(mime, file, context=context) as reader,
        ):
            report: dict[str, Any] = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return None
    return _judged(report, {signer.serial for signer in signers})


def _judged(report: dict[str, Any], serials: set[str]) -> Found:
    manifest = report["manifests"][report["active_manifest"]]
    results = report["validation_results"]["activeManifest"]
    passed = {result["code"] for result in results["success"]}
    if not passed >= _OURS or manifest["signature_info"]["cert_serial_number"] not in serials:
        return Found("foreign")
    intact = {
        result["url"].rpartition("/")[2] for result in results["success"] if result["code"] == "assertion.hashedURI.match"
    }
    named = [assertion["data"]["id"] for assertion in manifest["assertions"] if assertion["label"] == _ORIGIN]
    return Found(
        "genuine" if report["validation_state"] == "Trusted" else "changed",
        str(named[0]) if named and _ORIGIN in intact else None,
    )


def _definition(origin: str, *, cloned: bool) -> dict[str, Any]:
    voice = "cloned" if cloned else "synthetic"
    created = {"action": "c2pa.created", "digitalSourceType": _SYNTHETIC, "description": f"Spoken by a {voice} voice."}
    return {
        "claim_generator_info": [{"name": "Echo", "version": _version()}],
        "title": "Speech made with Echo",
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
            {"label": _ORIGIN, "data": {"id": origin, "cloned": cloned}},
        ],
    }


@lru_cache(maxsize=1)
def _version() -> str:
    return version("echo-synthesis")
