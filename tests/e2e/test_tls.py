"""HTTPS on one machine, with a private certificate."""

from pathlib import Path

import pytest

from tests.e2e.test_echoctl import echoctl
from tests.support.certificates import Certificate
from tests.support.platform import TONE, started


@pytest.mark.full
def test_echoctl_trusts_the_certificate_of_the_platform_and_given_ones(tmp_path: Path) -> None:
    certificate = Certificate.create(tmp_path)
    settings = {"ECHO_GATEWAY_TLS_CERTIFICATE": str(certificate.certificate), "ECHO_GATEWAY_TLS_KEY": str(certificate.key)}
    with started("embedded", tmp_path / "platform", settings=TONE | settings) as platform:
        here = echoctl("voices", "--data", str(platform.folder.path), cwd=tmp_path)
        assert here.returncode == 0, here.stderr
        assert platform.url.startswith("https://")

        user = ("--server", platform.url, "--email", platform.admin.admin_email, "--password", platform.admin.admin_password)
        refused = echoctl("voices", *user, cwd=tmp_path)
        assert (refused.returncode, "--ca-file" in refused.stderr.decode()) == (2, True)
        trusted = echoctl("--ca-file", str(certificate.certificate), "voices", *user, cwd=tmp_path)
        assert trusted.returncode == 0, trusted.stderr
