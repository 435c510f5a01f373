"""The services' contracts, from files that `make contracts` generates: proxy endpoints and their documentation.

The gateway imports no service: it knows their public endpoints from these files alone.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echo_common.http.proxy_options import PROXY_EXTENSION, PUBLIC_ROOT, WEBSOCKETS_EXTENSION, ProxyOptions

JOB_PATH = f"{PUBLIC_ROOT}/job/{{job_id}}"
FOLDER = Path(__file__).parent / "contracts"
Contracts = Mapping[str, Mapping[str, Any]]
"""Contracts by service name; see `echo_common.http.contract`."""


@dataclass(frozen=True, slots=True)
class ProxyEndpoint:
    """A public endpoint of a service: `operation` is its operation id, `path` its path template."""

    service: str
    method: str
    path: str
    operation: str
    options: ProxyOptions


def load_contracts() -> Contracts:
    """Read the contracts of all services."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def proxy_endpoints(contracts: Contracts) -> Iterator[ProxyEndpoint]:
    """Yield the HTTP endpoints of all services, also under their aliases."""
    for service, contract in contracts.items():
        for path, operations in contract["paths"].items():
            for method, operation in operations.items():
                options = ProxyOptions.load(operation[PROXY_EXTENSION])
                for public in (path, *options.aliases):
                    yield ProxyEndpoint(service, method.upper(), public, operation["operationId"], options)


def websocket_endpoints(contracts: Contracts) -> Iterator[ProxyEndpoint]:
    """Yield the WebSocket endpoints of all services."""
    for service, contract in contracts.items():
        for path, operation in contract[WEBSOCKETS_EXTENSION].items():
            options = ProxyOptions.load(operation[PROXY_EXTENSION])
            yield ProxyEndpoint(service, "WEBSOCKET", path, operation["operationId"], options)


def id_owners(contracts: Contracts, path: str) -> Mapping[str, str]:
    """Return the services that serve a path by the prefixes of their ids, the longest first."""
    served = [endpoint for endpoint in proxy_endpoints(contracts) if endpoint.path == path]
    owners = {prefix: endpoint.service for endpoint in served for prefix in endpoint.options.id_prefixes or ("",)}
    return dict(sorted(owners.items(), key=lambda owner: len(owner[0]), reverse=True))


def upload_paths(contracts: Contracts) -> Iterator[str]:
    """Yield the paths that take files: their bodies may be large."""
    return (endpoint.path for endpoint in proxy_endpoints(contracts) if endpoint.options.upload)
