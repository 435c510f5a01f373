"""The guide to listening: its commands run in order, as a reader pastes them."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from echo_common.ids import new_id
from tests.support.platform import FORMS, Platform
from tests.support.selection import select_params

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/listen-together.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("platform", select_params("embedded", among=FORMS), indirect=True)
async def test_the_commands_of_the_guide_run_in_order(platform: Platform, tmp_path: Path) -> None:
    script = "\n".join(BLOCKS)
    user = new_id("guide").lower()
    local_form = {
        ".venv/bin/python": sys.executable,
        "http://localhost:8080": platform.url,
        "ada@example.com": f"ada_{user}@example.com",
        "eve@example.com": f"eve_{user}@example.com",
    }
    for command, substitute in local_form.items():
        assert command in script
        script = script.replace(command, substitute)
    done = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    assert '{"name":"C major","artists":["Ada"],"duration":12,"features_status":' in said
    assert '{"key":0,"mode":1,"tempo":1' in said
    assert '"tempo":null' in said  # of speech
    assert "WEBVTT" in said
    assert "Thank you for listening, and good night." in re.sub(r"\s+", " ", said)
    assert (tmp_path / "evening.mp3").stat().st_size > 50_000
    followed = (tmp_path / "eve.txt").read_text().splitlines()
    assert followed[0].startswith("paused Speech")
    assert any(line.startswith("playing Speech") for line in followed)
    assert "playing C major at 0.0 s" in followed
    assert "reaction \N{PARTY POPPER}" in followed
    assert '"display_name":"Eve","role":"member"' in said
    assert "You have left the group session." in said
    assert '"top_artists":["Ada"]' in said
    assert '"reason":"' in said
