"""The guide for teams: its settings reach the containers, and its commands run in order in the distributed mode."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import pytest
import yaml
from dotenv import dotenv_values

from tests.support.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider
from tests.support.mail_server import mail_server, token_in
from tests.support.person import Person, data
from tests.support.platform import TONE, require_form, started
from tests.support.requirements import Require

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/run-for-a-team.md").read_text()
COMPOSE: Mapping[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
START = next(number for number, block in enumerate(BLOCKS) if "make up" in block)
COPY_ARCHIVES = "docker compose --profile backup cp backup:/var/lib/echo/backups/. ./backups"
PUBLIC_URL = "https://echo.example.com"
ONLY_WITH_DOCKER = re.compile(r"^(git|make|sudo|docker) .*\n", re.MULTILINE)
EMAIL, OWN_PASSWORD = "you@example.com", "a password of your own"


def run(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    command = ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


def env_file(folder: Path) -> dict[str, str]:
    """Run the commands that precede the start; return the settings that they write to `.env`."""
    for block in BLOCKS[:START]:
        done = run(ONLY_WITH_DOCKER.sub("", block), folder)
        assert done.returncode == 0, done.stderr
    return {name: value or "" for name, value in dotenv_values(folder / ".env").items()}


def test_the_settings_of_the_guide_reach_the_containers(tmp_path: Path) -> None:
    settings = env_file(tmp_path)
    compose = (ROOT / "docker-compose.yml").read_text()
    passed = {name for container in COMPOSE["services"].values() for name in container.get("environment", {})}
    passed |= set(re.findall(r"\$\{(\w+)", compose))
    named = set(re.findall(r"`(ECHO_[A-Z_]+)(?:=\w+)?`", GUIDE)) - {"ECHO_SERVER", "ECHO_EMAIL", "ECHO_PASSWORD"}
    assert settings
    assert set(settings) | named <= passed
    for path in (settings["ECHO_GATEWAY_TLS_CERTIFICATE"], settings["ECHO_GATEWAY_TLS_KEY"]):
        folders = [volume.split(":")[1] for volume in COMPOSE["services"]["gateway"]["volumes"]]
        assert str(Path(path).parent) in folders
    for service in re.findall(r"docker compose(?: --profile \w+)? (?:exec|logs|run|cp)(?: -\S+)* (\w[\w-]*)", GUIDE):
        assert service in COMPOSE["services"]


@pytest.mark.full
@pytest.mark.timeout(600)
async def test_the_commands_of_the_guide_run_in_order(tmp_path: Path, require: Require) -> None:
    require_form("distributed", require, tmp_path / "broker")
    settings = env_file(tmp_path)
    async with mail_server() as mails, IdentityProvider.running() as provider:
        local = {
            **{name: value for name, value in settings.items() if name.startswith(("ECHO_AUTH_OIDC_", "ECHO_PUBLIC_"))},
            "ECHO_AUTH_MAIL_SENDER": settings["ECHO_AUTH_MAIL_SENDER"],
            "ECHO_AUTH_SMTP_HOST": "127.0.0.1",
            "ECHO_AUTH_SMTP_PORT": str(mails.port),
            "ECHO_AUTH_SMTP_TLS": "none",
            "ECHO_AUTH_OIDC_ISSUER": provider.url,
            "ECHO_AUTH_OIDC_CLIENT_ID": CLIENT_ID,
            "ECHO_AUTH_OIDC_CLIENT_SECRET": CLIENT_SECRET,
        }
        with started("distributed", tmp_path / "platform", settings={**TONE, **local}) as platform:
            with (tmp_path / ".env").open("a") as file:
                file.write(
                    f"ECHO_AUTH_ADMIN_PASSWORD={platform.admin.admin_password}\nECHO_BACKUP_PASSPHRASE={token_hex(24)}\n"
                )
            local_form = {
                COPY_ARCHIVES: f".venv/bin/echoctl backup ./backups --data {platform.folder.path}",
                ".venv/bin/echoctl": f"{sys.executable} -m echo_embedded",
                PUBLIC_URL: platform.url,
            }
            script = "\n".join(BLOCKS[START:])
            for command, substitute in local_form.items():
                assert command in script
                script = script.replace(command, substitute)
            script = ONLY_WITH_DOCKER.sub("", script)
            done = await asyncio.to_thread(run, script, tmp_path)
            assert done.returncode == 0, done.stdout + done.stderr
            assert "intact" in done.stdout
            assert (tmp_path / "restored" / "database").is_dir()

            invitation = await mails.received("bo@example.com")
            assert f"{PUBLIC_URL}/reset-password" in invitation.get_content()
            assert token_in(invitation)
            await single_sign_on(platform.url, provider)


async def single_sign_on(url: str, provider: IdentityProvider) -> None:
    """Log in at the identity provider and check that the administrator finds the new account."""
    async with httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=60) as browser:
        begun = await browser.get("/auth/oidc/login")
        assert begun.status_code == 302, begun.text
        cookie = begun.headers["Set-Cookie"].partition(";")[0]
        callback = provider.authorize(begun.headers["Location"])
        finished = await browser.get("/auth/oidc/callback", params=callback, headers={"Cookie": cookie})
        assert (finished.status_code, finished.headers["Location"]) == (303, "/logged-in"), finished.text
    async with Person.at(url) as you:
        await you.log_in(EMAIL, OWN_PASSWORD)
        (found,) = data(await you.http.get("/admin/users", params={"search": provider.user["email"]}))
        assert found["is_active"]
