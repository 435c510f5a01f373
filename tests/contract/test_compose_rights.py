"""Tests of permissions in the compose file: one user per service and store; secrets are generated."""

import json
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from echo_common.bus import topology
from tests.contract.test_compose import CONTAINERS, ROOT, SERVICES, variables

DOCKER = ROOT / "deploy/docker"
SECRET = re.compile(r"\$\{([A-Z_]+):\?[^}]+\}")
DEFINITIONS: dict[str, list[dict[str, Any]]] = json.loads((DOCKER / "rabbitmq/definitions.json").read_text())
BROKER_USERS = {*SERVICES, "backup"}
WRITTEN_KEYS = {
    "auth": {"avatars", "exports"},
    "listening": {"captions", "uploads"},
    "synthesis": {"audio", "speech"},
    "voice": {"samples", "styles", "checkpoints"},
}
GRANTED_KEYS = {"listening": {"audio"}, "synthesis": {"styles"}}
"""Objects of other services that a service reads, whose keys are in events."""


def login_of(url: str) -> tuple[str | None, str]:
    """The user, and the variable of the password."""
    parts = urlsplit(SECRET.sub(r"\1", url))
    return parts.username, str(parts.password)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_its_own_users(name: str) -> None:
    own = variables(name)
    database = urlsplit(SECRET.sub(r"\1", own["ECHO_DATABASE_URL"]))

    assert login_of(own["ECHO_DATABASE_URL"]) == (name, f"MONGODB_{name.upper()}_PASSWORD")
    assert parse_qs(database.query)["authSource"] == [name]
    assert login_of(own["ECHO_BUS_URL"]) == (name, f"RABBITMQ_{name.upper()}_PASSWORD")
    assert own["ECHO_OBJECTS_ACCESS_KEY"] == name
    assert SECRET.fullmatch(own["ECHO_OBJECTS_SECRET_KEY"])[1] == f"MINIO_{name.upper()}_PASSWORD"  # type: ignore[index]


@pytest.mark.parametrize("name", SERVICES)
def test_services_receive_no_secret_of_another_service(name: str) -> None:
    others = {other.upper() for other in SERVICES} - {name.upper()}
    given = set(SECRET.findall(json.dumps(variables(name))))

    assert not {secret for secret in given if any(f"_{other}_" in f"_{secret}" for other in others)}
    assert not {secret for secret in given if "ROOT" in secret or secret == "MONGODB_KEY"}


def test_the_database_requires_a_login_and_separates_services() -> None:
    script = (DOCKER / "mongodb/users.js").read_text()

    assert "--keyFile" in (DOCKER / "mongodb/start.sh").read_text()
    assert variables("mongodb")["MONGO_INITDB_ROOT_PASSWORD"]
    assert json.loads(re.search(r"of (\[.*?\])", script)[1]) == sorted(SERVICES)  # type: ignore[index]
    assert re.findall(r"role: \"(\w+)\", db: (\w+)", script) == [("readWrite", "service")]
    assert {f"MONGODB_{name.upper()}_PASSWORD" for name in SERVICES} <= variables("mongodb-users").keys()


def test_the_vector_index_requires_a_key_that_only_voice_and_the_backup_have() -> None:
    key = variables("qdrant")["QDRANT__SERVICE__API_KEY"]

    assert SECRET.fullmatch(key)
    assert [name for name in CONTAINERS if key in variables(name).values()] == ["voice", "qdrant", "backup"]


def test_the_broker_has_only_the_users_of_services_and_of_the_backup() -> None:
    users = {user["name"]: user for user in DEFINITIONS["users"]}

    assert sorted(users) == sorted(BROKER_USERS)
    for name, user in users.items():
        assert user["password"] == f"${{RABBITMQ_{name.upper()}_PASSWORD}}"
        assert user["tags"] == []
    assert "RABBITMQ_DEFAULT_USER" not in variables("rabbitmq")
    assert {f"RABBITMQ_{name.upper()}_PASSWORD" for name in BROKER_USERS} == variables("rabbitmq").keys()


@pytest.mark.parametrize("name", SERVICES)
def test_broker_permissions_match_the_topology(name: str) -> None:
    [rights] = [entry for entry in DEFINITIONS["permissions"] if entry["user"] == name]
    retries = [topology.retry_name(delay) for delay in topology.DELAYS]
    own = [
        topology.queue_name(name, "some.topic"),
        topology.dead_queue(name).name,
        topology.transient_queue(name, "r_1", []).name,
    ]
    shared = [topology.EVENTS, *retries, topology.comparison_queue("compared_1").name]
    foreign = [topology.queue_name(other, "some.topic") for other in SERVICES if other != name]

    for right in ("configure", "write", "read"):
        assert all(re.search(rights[right], allowed) for allowed in (*own, *shared)), right
        assert not any(re.search(rights[right], refused) for refused in (*foreign, "anything", "echo.other", f"x{name}.y")), (
            right
        )
    topics = {entry["exchange"]: entry["write"] for entry in DEFINITIONS["topic_permissions"] if entry["user"] == name}
    assert topics.keys() == {topology.EVENTS, *retries}
    for pattern in topics.values():
        assert re.search(pattern, f"{name}.happened")
        assert not any(re.search(pattern, f"{other}.happened") for other in SERVICES if other != name)


def resources_of(name: str) -> dict[str, set[str]]:
    """The resources of a service's policy, by action."""
    policy = json.loads((DOCKER / f"minio/{name}.json").read_text())
    resources: dict[str, set[str]] = {}
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:
            resources.setdefault(action, set()).update(statement["Resource"])
    return resources


def objects_below(keys: set[str]) -> set[str]:
    return {f"arn:aws:s3:::echo/{key}/*" for key in keys}


@pytest.mark.parametrize("name", SERVICES)
def test_services_read_only_their_own_objects_and_those_granted(name: str) -> None:
    readable = WRITTEN_KEYS.get(name, set()) | GRANTED_KEYS.get(name, set())

    assert resources_of(name).get("s3:GetObject", set()) == objects_below(readable)


@pytest.mark.parametrize("name", SERVICES)
def test_services_write_only_their_own_objects(name: str) -> None:
    resources = resources_of(name)

    own = objects_below(WRITTEN_KEYS.get(name, set()))
    assert resources.get("s3:PutObject", set()) == resources.get("s3:DeleteObject", set()) == own
    assert resources["s3:ListBucket"] == {"arn:aws:s3:::echo"}
    assert all(":*" not in action and action != "*" for action in resources)


def test_the_object_storage_has_a_user_and_a_policy_per_service() -> None:
    script = (DOCKER / "minio/users.sh").read_text()

    assert re.search(r"for service in (.*); do", script)[1].split() == sorted(SERVICES)  # type: ignore[index]
    assert {f"MINIO_{name.upper()}_PASSWORD" for name in SERVICES} <= variables("minio-users").keys()


def test_compose_takes_every_secret_from_the_environment() -> None:
    for name in CONTAINERS:
        for variable, value in variables(name).items():
            if re.search("SECRET|PASS|_KEY$", variable) and not variable.endswith("ACCESS_KEY"):
                assert SECRET.fullmatch(value), (name, variable)


def test_every_secret_is_generated_once(tmp_path: Path) -> None:
    files = ("docker-compose.yml", "deploy/observability/docker-compose.yml")
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)

    def write() -> str:
        subprocess.run([DOCKER / "write_env.sh"], cwd=tmp_path, check=True)
        return (tmp_path / ".env").read_text()

    first = write()
    secrets = dict(line.split("=") for line in first.splitlines())
    assert secrets.keys() == {secret for name in files for secret in SECRET.findall((ROOT / name).read_text())}
    assert len(set(secrets.values())) == len(secrets)
    assert all(re.fullmatch(r"[0-9a-f]{48}", value) for value in secrets.values())
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert write() == first


def test_the_backup_declares_and_reads_queues_and_publishes_nothing() -> None:
    [rights] = [entry for entry in DEFINITIONS["permissions"] if entry["user"] == "backup"]
    queues = [topology.queue_name(name, "some.topic") for name in SERVICES] + [
        topology.dead_queue(name).name for name in SERVICES
    ]
    retries = [topology.retry_name(delay) for delay in topology.DELAYS]

    for right in ("configure", "write", "read"):
        assert all(re.search(rights[right], allowed) for allowed in (*queues, *retries, topology.EVENTS, "amq.gen-x")), right
    topics = {entry["exchange"]: entry["write"] for entry in DEFINITIONS["topic_permissions"] if entry["user"] == "backup"}
    assert topics == dict.fromkeys([topology.EVENTS, *retries], "^$")
