"""All services have the same layout: the README's table says so."""

from pathlib import Path

import pytest

SERVICES = sorted(path.parent for path in Path(__file__).parents[2].glob("services/*/echo_*/main.py"))
COMPOSITION_ROOT_LINES = 60

MODULES = ("__main__", "main", "composition", "dependencies", "api", "handlers", "usecases", "domain", "repository", "settings")
WITHOUT_DOMAIN = {"echo_gateway": {"api", "usecases", "domain", "repository"}}


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_a_composition_root_is_short(service: Path) -> None:
    assert len((service / "main.py").read_text().splitlines()) <= COMPOSITION_ROOT_LINES


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_every_service_has_the_same_modules(service: Path) -> None:
    expected = {*MODULES} - WITHOUT_DOMAIN.get(service.name, set())
    found = {path.stem for path in service.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}

    assert expected <= found
