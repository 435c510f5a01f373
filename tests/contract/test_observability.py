"""Dashboards, alerts and containers in `deploy/observability`.

They use only metrics, labels and values that exist, and promtool accepts them.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from echo_common.metrics import Metrics
from echo_common.otlp.log_export import SEVERITIES
from tests.contract.test_images import EXACT
from tests.support.metric_labels import Series, known_values, labels_by_metric
from tests.support.promql import Matcher, groupings, matchers, metric_names, template_labels
from tests.support.requirements import Missing, Require

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/observability"
GUIDE = (ROOT / "docs/guides/observe.md").read_text()
CONTAINERS: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["services"]
ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana/dashboards/echo.json").read_text())
SERIES = Series()


ALERT_TESTS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts.test.yml").read_text())["tests"]


def targets(source: str) -> list[dict[str, Any]]:
    """Return the queries of the dashboard's panels to a data source."""
    found = [target for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    return [target for target in found if target["datasource"]["type"] == source]


def queries_of_variables() -> list[tuple[str, str]]:
    """Return the metric and the label of each variable of the dashboard."""
    queries = [variable["query"]["query"] for variable in DASHBOARD["templating"]["list"]]
    found = [re.fullmatch(r"label_values\((\w+), *(\w+)\)", query) for query in queries]
    return [(match[1], match[2]) for match in found if match is not None]


EXPRESSIONS: list[str] = [
    *(target["expr"] for target in targets("prometheus")),
    *(mark["expr"] for mark in DASHBOARD["annotations"]["list"]),
    *(rule["expr"] for rule in ALERTS),
]


def problems(expression: str, *, fixed_values: bool = True) -> list[str]:
    """Return the metrics, labels and values in an expression that no series has.

    With `fixed_values`, the values of labels without a known set are problems too.
    """
    if unknown := metric_names(expression) - SERIES.labels.keys():
        return [f"no metric {name}" for name in sorted(unknown)]
    found = []
    for one in groupings(expression):
        of_metrics = [SERIES.labels[name] for name in one.metrics]
        found += [f"no label {label} to group by" for label in one.labels if not all(label in labels for labels in of_metrics)]
    for matcher in matchers(expression):
        if matcher.label not in SERIES.labels[matcher.metric]:
            found.append(f"{matcher.metric} has no label {matcher.label}")
        elif "$" not in matcher.value:  # a variable of the dashboard
            found += _unknown_values(matcher, fixed_values=fixed_values)
    return found


def _unknown_values(matcher: Matcher, *, fixed_values: bool) -> list[str]:
    known = SERIES.values(matcher.metric, matcher.label)
    if known is None:
        return [f"the values of {matcher.label} are not known"] if fixed_values else []
    unknown = [one for one in matcher.alternatives if not any(re.fullmatch(one, value) for value in known)]
    return [f"{matcher.label} is never {value}" for value in unknown]


def labels_of_result(expression: str) -> frozenset[str]:
    """Return the labels of an expression's result."""
    grouped = [one.labels for one in groupings(expression)] or [SERIES.labels[name] for name in metric_names(expression)]
    return frozenset.intersection(*grouped) - {"le"}


def test_names_are_found_in_expressions() -> None:
    expression = 'sum by (le, queue) (rate(a_total{b="c_d"}[5m])) / on (x) group_c and topk(3, up) > 0.2'
    assert metric_names(expression) == {"a_total", "group_c", "up"}
    assert list(matchers(expression)) == [Matcher("a_total", "b", "=", "c_d")]
    assert [(set(one.labels), set(one.metrics)) for one in groupings(expression)] == [
        ({"le", "queue"}, {"a_total"}),
        ({"x"}, {"a_total", "group_c", "up"}),
    ]
    assert template_labels("{{ $labels.a }} of {{ $value | humanize }}, {{b}}") == {"a", "b"}


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("echo_no_such_metric", "no metric echo_no_such_metric"),
        ("echo_cache_requests", "no metric echo_cache_requests"),
        ('echo_task_queue_depth{engine="kokoro"}', "echo_task_queue_depth has no label engine"),
        ('echo_cache_requests_total{result="hits"}', "result is never hits"),
        ('echo_task_duration_seconds_count{outcome=~"failed|crashed"}', "outcome is never crashed"),
        ('echo_task_duration_seconds_count{outcome="done"}', "outcome is never done"),
        ('http_server_responses_total{service!="gatway"}', "service is never gatway"),
        ('http_server_responses_total{status="500"}', "the values of status are not known"),
        ('up{job="echoes"}', "job is never echoes"),
        ('ALERTS{alertname="EchoServiceUp"}', "alertname is never EchoServiceUp"),
        ("sum by (queue) (echo_engine_queue_depth)", "no label queue to group by"),
        ("sum by (le) (rate(echo_task_wait_seconds_count[5m]))", "no label le to group by"),
        ("max by (queue) (echo_task_queue_depth) / max by (engine) (echo_tasks_running)", "no label engine to group by"),
    ],
)
def test_wrong_names_labels_and_values_are_found(expression: str, problem: str) -> None:
    assert problems(expression) == [problem]


@pytest.mark.parametrize("expression", ["sum(up) by (job)", 'up{job=~"echo" or job="x"}', "up{job=echo}"])
def test_expressions_that_are_not_understood_are_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"not understood|before the argument"):
        problems(expression)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_dashboard_and_the_alerts_use_only_metrics_labels_and_values_that_exist(expression: str) -> None:
    assert metric_names(expression), expression
    assert problems(expression) == []


def test_the_variables_of_the_dashboard_use_only_labels_that_exist() -> None:
    assert len(queries_of_variables()) == len(DASHBOARD["templating"]["list"])
    assert all(label in SERIES.labels[metric] for metric, label in queries_of_variables())


def test_the_tests_of_the_alerts_use_only_metrics_labels_and_values_that_exist() -> None:
    expressions = {series["series"] for test in ALERT_TESTS for series in test["input_series"]}
    assert expressions
    assert {one: found for one in expressions if (found := problems(one, fixed_values=False))} == {}


@pytest.mark.parametrize("target", targets("prometheus"), ids=lambda target: target["legendFormat"])
def test_legends_name_labels_of_the_result(target: dict[str, Any]) -> None:
    assert template_labels(target["legendFormat"]) <= labels_of_result(target["expr"])


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_alerts_name_labels_of_the_result(rule: dict[str, Any]) -> None:
    assert template_labels(rule["annotations"]["summary"]) <= labels_of_result(rule["expr"])


def test_the_panel_of_the_log_filters_by_levels_that_are_exported() -> None:
    [target] = targets("loki")
    [levels] = re.findall(r'severity_text=~"([^"]*)"', target["expr"])
    assert set(levels.split("|")) <= SEVERITIES.keys()


@pytest.mark.parametrize(
    "panel", [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"], ids=lambda panel: panel["title"]
)
def test_panels_have_a_description_and_the_unit_of_their_metrics(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    for target in panel["targets"]:
        if target["datasource"]["type"] != "prometheus":
            continue
        names, unit = metric_names(target["expr"]), panel["fieldConfig"]["defaults"]["unit"]
        if all(name.endswith(("_seconds", "_seconds_bucket")) for name in names):
            assert unit == "s"
        elif all(name.endswith("_bytes") for name in names):
            assert unit == "bytes"


def test_the_guide_names_panels_of_the_dashboard() -> None:
    titles = {panel["title"].split(",")[0] for panel in DASHBOARD["panels"]}
    named = set(re.findall(r"\*([A-Z][\w -]+)\*", GUIDE))
    assert named
    assert named <= titles


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_has_a_remedy_and_a_unit_test(rule: dict[str, Any]) -> None:
    anchor = rule["alert"].lower()
    assert rule["annotations"]["runbook"] == f"docs/guides/observe.md#{anchor}"
    assert f"### {rule['alert']}\n" in GUIDE
    assert rule["labels"]["severity"] in {"critical", "warning"}
    fired = [case for test in ALERT_TESTS for case in test["alert_rule_test"] if case["alertname"] == rule["alert"]]
    assert any(case.get("exp_alerts") for case in fired)


def test_the_guide_lists_every_metric_and_no_other() -> None:
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", GUIDE, re.MULTILINE))
    own = {family.name + ("_total" if family.type == "counter" else "") for family in Metrics().registry.collect()}
    assert listed == {name for name in own if not name.startswith("process_")}


def test_the_guide_lists_the_labels_of_every_metric() -> None:
    listed = dict(re.findall(r"^\| `([a-z_]+)` \| ([a-z_, ]*) \|", GUIDE, re.MULTILINE))
    assert listed
    for name, labels in listed.items():
        assert frozenset(labels.split(", ")) == labels_by_metric()[name.removesuffix("_total")], name


def test_metrics_have_base_units_and_few_labels() -> None:
    for family in Metrics().registry.collect():
        assert not re.search(r"_(ms|milliseconds|minutes|kb|mb|percent)(_|$)", family.name), family.name
        assert family.documentation
    assert frozenset.union(*labels_by_metric().values()) == {
        *("service", "method", "route", "status_class", "status", "kind", "part"),
        *("topic", "outcome", "queue", "engine", "state", "code", "problem", "unit", "cache", "result", "reason", "adapter"),
    }


@pytest.mark.parametrize("label", ["kind", "outcome", "state", "result", "reason"])
def test_descriptions_of_metrics_list_the_values_of_labels(label: str) -> None:
    described = {family.name: family.documentation for family in Metrics().registry.collect()}
    metrics = [name for name, labels in labels_by_metric().items() if label in labels]
    assert metrics
    for name in metrics:
        values = known_values(name, label)
        assert values
        assert all(re.search(rf"\b{value}\b", described[name]) for value in values), name


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
    plain = [target["expr"].replace("$__rate_interval", "5m").replace("$service", ".*") for target in targets("prometheus")]
    rules = [{"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(plain)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    ended = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
