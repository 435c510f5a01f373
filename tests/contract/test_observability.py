"""Dashboards, alerts and containers in `deploy/observability`: they use only metrics that exist, and promtool accepts them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from echo_common.metrics import Metrics
from tests.contract.test_images import EXACT
from tests.support.requirements import Missing, Require

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/observability"
GUIDE = (ROOT / "docs/guides/observe.md").read_text()
CONTAINERS: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["services"]
ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana/dashboards/echo.json").read_text())
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
OF_PROMETHEUS = {"up", "ALERTS"}
WORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "bool", "offset"}


def series() -> set[str]:
    """Return the names of all series of the registry."""
    families = list(Metrics().registry.collect())
    return {family.name + suffix for family in families for suffix in SUFFIXES.get(family.type, ("",))}


def names(expression: str) -> set[str]:
    """Return the names of the metrics in a PromQL expression."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", bare)
    bare = re.sub(r"\b(?:by|without|on|ignoring)\s*\([^)]*\)", "", bare)
    return {name for name in re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", bare) if name not in WORDS}


def panels(of: str) -> Iterator[dict[str, Any]]:
    for panel in DASHBOARD["panels"]:
        yield from (target for target in panel.get("targets", ()) if target["datasource"]["type"] == of)


def dashboard_expressions() -> list[str]:
    variables = [variable["query"]["query"] for variable in DASHBOARD["templating"]["list"]]
    queried = [re.sub(r"label_values\((\w+), *\w+\)", r"\1", query) for query in variables]
    marks = [mark["expr"] for mark in DASHBOARD["annotations"]["list"]]
    return [target["expr"] for target in panels("prometheus")] + queried + marks


def test_names_are_found_in_expressions() -> None:
    expression = 'sum by (le, queue) (rate(a_total{b="c_d"}[5m])) / on (x) group_c and topk(3, up) > 0.2'
    assert names(expression) == {"a_total", "group_c", "up"}


@pytest.mark.parametrize("expression", dashboard_expressions())
def test_the_dashboard_uses_only_metrics_that_exist(expression: str) -> None:
    assert names(expression), expression
    assert names(expression) <= series() | OF_PROMETHEUS


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_alerts_use_only_metrics_that_exist(rule: dict[str, Any]) -> None:
    assert names(rule["expr"]), rule
    assert names(rule["expr"]) <= series() | OF_PROMETHEUS


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_has_a_remedy_and_a_unit_test(rule: dict[str, Any]) -> None:
    anchor = rule["alert"].lower()
    assert rule["annotations"]["runbook"] == f"docs/guides/observe.md#{anchor}"
    assert f"### {rule['alert']}\n" in GUIDE
    assert rule["labels"]["severity"] in {"critical", "warning"}
    tests = yaml.safe_load((FOLDER / "alerts.test.yml").read_text())["tests"]
    fired = [case for test in tests for case in test["alert_rule_test"] if case["alertname"] == rule["alert"]]
    assert any(case.get("exp_alerts") for case in fired)


def test_the_guide_lists_every_metric_and_no_other() -> None:
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", GUIDE, re.MULTILINE))
    own = {family.name + ("_total" if family.type == "counter" else "") for family in Metrics().registry.collect()}
    assert listed == {name for name in own if not name.startswith("process_")}


def test_metrics_have_base_units_and_few_labels() -> None:
    for family in Metrics().registry.collect():
        assert not re.search(r"_(ms|milliseconds|minutes|kb|mb|percent)(_|$)", family.name), family.name
        assert family.documentation
    labels = {label for group in vars(Metrics()).values() for metric in _metrics_of(group) for label in metric._labelnames}
    assert labels == {
        *("service", "method", "route", "status_class", "status", "kind", "part"),
        *("topic", "outcome", "queue", "engine", "state", "code", "unit", "cache", "result"),
    }


def _metrics_of(group: object) -> list[Any]:
    return [metric for metric in getattr(group, "__dict__", {}).values() if hasattr(metric, "_labelnames")]


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_are_optional_pinned_and_without_privileges(name: str) -> None:
    container = CONTAINERS[name]
    assert container["profiles"] == ["observability"]
    assert re.fullmatch(EXACT, container["image"])
    assert container["cap_drop"] == ["ALL"]
    assert container["read_only"] is True
    assert container["restart"] == "unless-stopped"
    assert "memory" in container["deploy"]["resources"]["limits"]
    for port in container.get("ports", ()):
        assert port.startswith("127.0.0.1:"), "only on this machine"
    for volume in container["volumes"]:
        source = volume.split(":")[0]
        assert not source.startswith("./") or (FOLDER / source).exists(), volume


def test_the_admin_of_grafana_has_no_default_password() -> None:
    environment = CONTAINERS["grafana"]["environment"]
    assert environment["GF_SECURITY_ADMIN_PASSWORD"] == "${GRAFANA_ADMIN_PASSWORD:-}"
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == environment["GF_USERS_ALLOW_SIGN_UP"] == "false"


@pytest.mark.parametrize(("password", "status"), [("", 64), ("secret", 127)])  # 127: this machine has no /run.sh
def test_grafana_starts_only_with_a_password(password: str, status: int) -> None:
    command = [part.replace("$$", "$") for part in CONTAINERS["grafana"]["entrypoint"]]
    environment = {"PATH": "/usr/bin:/bin", "GF_SECURITY_ADMIN_PASSWORD": password}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == status
    assert ("GRAFANA_ADMIN_PASSWORD is not set" in ended.stderr) is (not password)


def test_containers_require_no_variable_without_the_profile() -> None:
    assert ":?" not in (FOLDER / "docker-compose.yml").read_text()  # compose checks variables before profiles


def test_the_parts_refer_to_each_other_by_the_names_of_their_containers() -> None:
    texts = [path.read_text() for path in FOLDER.rglob("*.yml") if path.name in {"collector.yml", "echo.yml"}]
    hosts = set(re.findall(r'(?:http://|endpoint: "|url: "http://)([a-z]+):\d+', "\n".join(texts)))
    assert hosts
    assert hosts <= CONTAINERS.keys()
    sources = yaml.safe_load((FOLDER / "grafana/provisioning/datasources/echo.yml").read_text())["datasources"]
    used = {panel["datasource"]["uid"] for panel in DASHBOARD["panels"] if "datasource" in panel}
    assert used <= {source["uid"] for source in sources}


def test_prometheus_scrapes_every_service() -> None:
    [job] = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    found = {name: source["port"] for source in job["dns_sd_configs"] for name in source["names"]}
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert found == {name: 8090 if name == "gateway" else 8000 for name in services if (ROOT / "services" / name).is_dir()}
    assert services["gateway"]["environment"]["ECHO_GATEWAY_INTERNAL_LISTEN"].endswith(":8090")


@pytest.mark.parametrize(
    "command", [("check", "config", "prometheus.yml"), ("check", "rules", "alerts.yml"), ("test", "rules", "alerts.test.yml")]
)
def test_promtool_accepts(command: tuple[str, ...], require: Require) -> None:
    found = shutil.which("promtool")
    promtool = require("promtool", found or Missing("Debian's package prometheus has it"))
    ended = subprocess.run([promtool, *command], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_promtool_accepts_the_expressions_of_the_dashboard(require: Require, tmp_path: Path) -> None:
    promtool = require("promtool", shutil.which("promtool") or Missing("Debian's package prometheus has it"))
    plain = [target["expr"].replace("$__rate_interval", "5m").replace("$service", ".*") for target in panels("prometheus")]
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(plain)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    ended = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
