"""Tests of the compose file: services, variables, health checks, dependencies and volumes."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from echo_embedded.registry import SETTINGS, START_ORDER
from echo_gateway.settings import REPLACED as REPLACED_IN_GATEWAY
from echo_voice.settings import REPLACED as REPLACED_IN_VOICE

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVICES = [name for step in START_ORDER for name in step]
SURROUNDINGS = ["mongodb", "rabbitmq", "minio", "qdrant"]
FETCHING = {"models": "synthesis", "voice-models": "voice"}
"""Containers that fetch what a service needs, and end."""
PREPARING = {"mongodb-users": "mongodb", "minio-folder": "minio", "minio-users": "minio"}
"""Containers that prepare what services need, and end."""
JOBS = {*FETCHING, *PREPARING}
BACKUP = "backup"
FIXED = {
    *("ECHO_LISTEN", "ECHO_SCRATCH", "ECHO_DATABASE_PREFIX", "ECHO_MINIMUM_FREE_BYTES"),
    *("ECHO_API_WITHOUT_TOKEN", "ECHO_FAULT_POINT"),
}
"""Settings that follow from the image, or that are for one machine and for tests."""
ON_DISK = {"auth": {"ECHO_SCRATCH"}}
"""Services whose temporary files are too large for memory, with the setting of their folder."""
REPLACED = {"gateway": set(REPLACED_IN_GATEWAY), "voice": set(REPLACED_IN_VOICE)}
"""Former settings, which are passed on so that services report them."""
DOCKERFILE = (ROOT / "deploy/docker/service.Dockerfile").read_text()
KNOWN = {
    f"{settings.model_config['env_prefix']}{field}".upper(): title
    for title, settings in SETTINGS.items()
    for field in settings.model_fields
}


def variables(name: str) -> dict[str, str]:
    """Return the variables that the compose file sets; it passes on the others from .env."""
    found: dict[str, str | None] = CONTAINERS[name].get("environment", {})
    return {variable: value for variable, value in found.items() if value is not None}


def test_the_compose_file_has_every_service_and_dependency() -> None:
    assert {*SERVICES, *SURROUNDINGS, *JOBS, BACKUP} == set(CONTAINERS)


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_of_a_service_can_be_set_in_the_env_file(name: str) -> None:
    own = {setting for setting in KNOWN if setting.startswith(f"ECHO_{name.upper()}_")}
    shared = {setting for setting, title in KNOWN.items() if title == "Every service"}

    assert set(CONTAINERS[name]["environment"]) == (own | shared) - FIXED | ON_DISK.get(name, set()) | REPLACED.get(name, set())


@pytest.mark.parametrize("name", SERVICES)
def test_all_services_use_the_same_dependency_addresses(name: str) -> None:
    for variable, value in variables("auth").items():
        if KNOWN[variable] == "Every service" and variable not in FIXED and not variable.endswith("_KEY"):
            assert variables(name)[variable].replace(name, "auth").replace(name.upper(), "AUTH") == value


@pytest.mark.parametrize("name", SERVICES)
def test_addresses_name_containers(name: str) -> None:
    for variable, value in variables(name).items():
        for host in re.findall(r"(?:http|mongodb|amqp)://(?:[^@/]*@)?([a-z0-9]+):\d+", value):
            assert host in CONTAINERS, (variable, value)


def test_only_the_gateway_publishes_a_port() -> None:
    assert [name for name, container in CONTAINERS.items() if "ports" in container] == ["gateway"]


def test_every_container_restarts_and_has_a_health_check() -> None:
    for name, container in CONTAINERS.items():
        assert container["restart"] == ("on-failure" if name in JOBS else "unless-stopped"), name
        assert "healthcheck" in container or "build" in container, name


def test_services_wait_until_dependencies_are_ready() -> None:
    for name in SERVICES:
        waits = CONTAINERS[name]["depends_on"]
        assert {"mongodb-users", "rabbitmq", "minio-users"} <= waits.keys()
        for other, wait in waits.items():
            done = CONTAINERS[other]["restart"] == "on-failure"
            assert wait["condition"] == ("service_completed_successfully" if done else "service_healthy"), (name, other)
    assert CONTAINERS["gateway"]["depends_on"]["synthesis"]


def test_persistent_data_is_in_volumes() -> None:
    for name in SURROUNDINGS:
        kept = [volume for volume in CONTAINERS[name]["volumes"] if not volume.startswith(".")]
        assert [volume.split(":")[0] for volume in kept] == [name]
        assert name in COMPOSE["volumes"]


@pytest.mark.parametrize("name", ON_DISK)
def test_large_temporary_files_are_in_a_volume_of_the_service_user(name: str) -> None:
    folder = variables(name)["ECHO_SCRATCH"]
    [volume] = CONTAINERS[name]["volumes"]

    assert volume.partition(":")[2] == folder
    assert volume.partition(":")[0] in COMPOSE["volumes"]
    assert re.search(rf"install -d -o echo -g echo .*{folder}\b", DOCKERFILE)


def test_every_model_is_fetched_before_the_service_that_needs_it_starts() -> None:
    needing = {folder.parent.parent.name for folder in ROOT.glob("services/*/echo_*/models.py")}
    assert needing == set(FETCHING.values())
    for container, service in FETCHING.items():
        folder = variables(service)[f"ECHO_{service.upper()}_MODELS"]
        assert CONTAINERS[container]["command"] == ["python", "-m", f"echo_{service}.models", folder]
        assert CONTAINERS[container]["build"] == CONTAINERS[service]["build"]
        assert CONTAINERS[container]["volumes"] == CONTAINERS[service]["volumes"] == [f"models:{folder}"]
        assert CONTAINERS[service]["depends_on"][container]
    assert CONTAINERS["voice"]["depends_on"]["models"], "clones are made for Kokoro, with Kokoro's model"


@pytest.mark.parametrize("name", SERVICES)
def test_images_contain_the_same_extras_as_the_embedded_mode(name: str) -> None:
    embedded = tomllib.loads((ROOT / "deploy/embedded/pyproject.toml").read_text())["project"]["dependencies"]
    assert f"echo-{name}{CONTAINERS[name]['build']['args'].get('EXTRAS', '')}" in embedded


@pytest.mark.parametrize("name", SERVICES)
def test_build_arguments_are_those_of_the_dockerfile(name: str) -> None:
    declared = set(re.findall(r"^ARG (\w+)", DOCKERFILE, re.MULTILINE))
    assert CONTAINERS[name]["build"]["args"].keys() <= declared


@pytest.mark.parametrize("name", SERVICES)
def test_images_hold_the_libraries_that_their_service_needs(name: str) -> None:
    project = tomllib.loads((ROOT / "services" / name / "pyproject.toml").read_text())["project"]
    arguments = CONTAINERS[name]["build"]["args"]
    extras = re.findall(r"\w+", arguments.get("EXTRAS", ""))
    needed = {*project["dependencies"], *(entry for extra in extras for entry in project["optional-dependencies"][extra])}
    installed = {"./libs/common", *arguments.get("LIBS", "").split()}

    assert {f"echo-{Path(path).name.replace('_', '-')}" for path in installed} == {
        entry.partition("[")[0] for entry in needed if entry.startswith("echo-")
    }


def test_there_are_two_synthesis_workers() -> None:
    assert CONTAINERS["synthesis"]["deploy"]["replicas"] == 2


@pytest.mark.parametrize("name", [*SERVICES, *FETCHING])
def test_own_images_share_a_dockerfile_without_privileges(name: str) -> None:
    container = CONTAINERS[name]
    folder = container["build"]["args"]["SERVICE"]

    assert container["build"]["dockerfile"] == "deploy/docker/service.Dockerfile"
    assert (ROOT / "services" / folder / "pyproject.toml").exists()


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_is_confined(name: str) -> None:
    container = CONTAINERS[name]

    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container.get("cap_add", []) == (["CHOWN"] if name == "minio-folder" else [])
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in container
    assert "network_mode" not in container


@pytest.mark.parametrize("name", CONTAINERS)
def test_temporary_files_and_resources_have_a_limit(name: str) -> None:
    [temporary] = CONTAINERS[name]["tmpfs"]
    limits = CONTAINERS[name]["deploy"]["resources"]["limits"]

    assert re.fullmatch(r"/tmp:size=\d+[mg],mode=1777,nosuid,nodev(,noexec)?", temporary)
    assert re.fullmatch(r"\d+[mg]", limits["memory"])
    assert limits["pids"] <= 1024


@pytest.mark.parametrize("name", [name for name in CONTAINERS if "image" in CONTAINERS[name]])
def test_third_party_images_run_without_privileges(name: str) -> None:
    root = name == "minio-folder"  # it may change an owner, ends at once, and serves nobody

    assert (CONTAINERS[name]["user"] == "0:0") == root


@pytest.mark.parametrize("name", CONTAINERS)
def test_mounts_from_the_repository_exist_and_are_read_only(name: str) -> None:
    for volume in CONTAINERS[name].get("volumes", []):
        if volume.startswith("."):
            path, _, mode = volume.split(":")
            assert (ROOT / path).exists(), path
            assert mode == "ro"


def test_the_image_has_an_unprivileged_user_and_a_health_check() -> None:
    last_stage = DOCKERFILE.rsplit("\nFROM ", 1)[1]

    assert re.search(r"^USER [1-9]\d*$", last_stage, re.MULTILINE)
    assert "HEALTHCHECK" in last_stage
    assert "pip install" not in last_stage


def test_the_backup_starts_on_request_and_has_every_setting() -> None:
    backup = CONTAINERS[BACKUP]

    assert backup["profiles"] == ["backup"]
    assert set(backup["environment"]) == {name for name, title in KNOWN.items() if title == "Backup (echoctl)"}
    assert backup["build"]["dockerfile"] == "deploy/docker/echoctl.Dockerfile"
    assert backup["command"][:3] == ["echoctl", "backup", "/var/lib/echo/backups"]
    assert backup["volumes"] == ["backups:/var/lib/echo/backups"]
    assert "backups" in COMPOSE["volumes"]
    for variable, owner in (("OBJECTS_URL", "auth"), ("AUTH_SECRET", "auth"), ("FEEDBACK_SECRET", "feedback")):
        assert variables(BACKUP)[f"ECHO_BACKUP_{variable}"] == variables(owner)[f"ECHO_{variable}"]
    assert variables(BACKUP)["ECHO_BACKUP_VECTORS_URL"] == variables("voice")["ECHO_VOICE_VECTORS_URL"]


def test_temporary_files_of_the_backup_are_on_a_volume() -> None:
    text = (ROOT / "deploy/docker/echoctl.Dockerfile").read_text()

    assert (
        re.findall(r"^VOLUME (\S+)$", text, re.MULTILINE)
        == re.findall(r"^ENV .*TMPDIR=(\S+)", text, re.MULTILINE)
        == ["/var/tmp"]
    )


def test_the_image_of_the_backup_has_an_unprivileged_user_and_the_libraries_it_imports() -> None:
    text = (ROOT / "deploy/docker/echoctl.Dockerfile").read_text()
    installed = set(re.findall(r"\./libs/common (.*) \\\n", text)[0].split())

    assert re.search(r"^USER [1-9]\d*$", text.rsplit("\nFROM ", 1)[1], re.MULTILINE)
    assert installed == {"platformdirs", "psutil", "qdrant-client", "rich", "typer"}
    command = "import sys, echo_embedded.cli, echo_embedded.backup.run; print(*sorted(m for m in sys.modules if m.startswith('echo_')))"
    imported = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout.split()
    assert {name.partition(".")[0] for name in imported} == {"echo_common", "echo_embedded"}


def test_the_restore_removes_every_volume_but_the_archives_and_models() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    removed = re.findall(r"^docker volume rm (.+)$", text, re.MULTILINE)[0].split()

    assert set(removed) == {f"{COMPOSE['name']}_{volume}" for volume in set(COMPOSE["volumes"]) - {"backups", "models"}}
