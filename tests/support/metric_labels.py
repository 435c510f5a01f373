"""Labels of the platform's metrics, and the values of those that have a fixed set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import yaml

from echo_common.contracts.http.webhooks import DeliveryError, DisabledReason
from echo_common.http.proxy_options import LongRequest
from echo_common.metrics import (
    AttemptOutcome,
    CacheName,
    CacheResult,
    CommandOutcome,
    DeliveryOutcome,
    EngineWorkerState,
    MessageOutcome,
    Metrics,
    StatusClass,
)
from echo_embedded.registry import START_ORDER

_FOLDER = Path(__file__).parents[2] / "deploy/observability"
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
_SERVICES = frozenset(name for step in START_ORDER for name in step)

_VALUES: Mapping[str, frozenset[str]] = {
    "service": _SERVICES,
    "status_class": frozenset(get_args(StatusClass)),
    "kind": frozenset(LongRequest),
    "state": frozenset(get_args(EngineWorkerState)),
    "cache": frozenset(get_args(CacheName)),
    "result": frozenset(get_args(CacheResult)),
    "reason": frozenset(DisabledReason) - {DisabledReason.USER},
}
_OUTCOMES: Mapping[str, frozenset[str]] = {
    "messaging_process_duration_seconds": frozenset(get_args(MessageOutcome)),
    "echo_task_duration_seconds": frozenset(get_args(AttemptOutcome)),
    "echo_webhook_request_duration_seconds": frozenset({"delivered", *DeliveryError}),
    "echo_webhook_deliveries": frozenset(get_args(DeliveryOutcome)),
    "echo_group_session_command_duration_seconds": frozenset(get_args(CommandOutcome)),
}


def labels_by_metric() -> dict[str, frozenset[str]]:
    """Return the labels of each metric of a process by its name without suffixes."""
    metrics = Metrics()
    declared = {
        metric._name: frozenset(metric._labelnames)
        for group in vars(metrics).values()
        for metric in getattr(group, "__dict__", {}).values()
        if hasattr(metric, "_labelnames")
    }
    return {family.name: declared.get(family.name, frozenset()) for family in metrics.registry.collect()}


def known_values(metric: str, label: str) -> frozenset[str] | None:
    """Return the values of a metric's label, or None if they are not a fixed set; `metric` has no suffix."""
    return _OUTCOMES.get(metric) if label == "outcome" else _VALUES.get(label)


class Series:
    """The series that Prometheus stores: those of the platform with the labels of the scrapes, and its own."""

    def __init__(self) -> None:
        [job] = yaml.safe_load((_FOLDER / "prometheus.yml").read_text())["scrape_configs"]
        groups = yaml.safe_load((_FOLDER / "alerts.yml").read_text())["groups"]
        scraped = {"job", "instance"} | {rule["target_label"] for rule in job["relabel_configs"]}
        alerts: list[Any] = [rule for group in groups for rule in group["rules"]]
        self.labels: dict[str, frozenset[str]] = {
            "up": frozenset(scraped),
            "ALERTS": frozenset({"alertname", "alertstate", "severity"}),
        }
        self._values: dict[tuple[str, str], frozenset[str]] = {
            ("up", "service"): _SERVICES,
            ("ALERTS", "alertname"): frozenset(rule["alert"] for rule in alerts),
            ("ALERTS", "alertstate"): frozenset({"pending", "firing"}),
        }
        own = labels_by_metric()
        for family in Metrics().registry.collect():
            for suffix in _SUFFIXES.get(family.type, ("",)):
                name = family.name + suffix
                self.labels[name] = own[family.name] | scraped | ({"le"} if suffix == "_bucket" else frozenset())
                for label in self.labels[name]:
                    if (values := known_values(family.name, label)) is not None:
                        self._values[name, label] = values
        for name in self.labels.keys() - {"ALERTS"}:
            self._values[name, "job"] = frozenset({job["job_name"]})

    def values(self, name: str, label: str) -> frozenset[str] | None:
        """Return the values of a series' label, or None if they are not a fixed set."""
        return self._values.get((name, label))
