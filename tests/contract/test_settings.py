"""Every setting that is not valid is reported under the name of its environment variable."""

from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from echo_common.settings import invalid_settings
from echo_embedded.registry import SETTINGS


@pytest.mark.parametrize(
    ("settings", "name"),
    [(settings, name) for settings in SETTINGS.values() for name in settings.model_fields],
    ids=lambda value: value if isinstance(value, str) else value.__module__,
)
def test_an_invalid_setting_is_named_by_its_variable(settings: type[BaseSettings], name: str) -> None:
    given: dict[str, Any] = {name: object()}
    with pytest.raises(ValidationError) as refused:
        settings(**given)

    variable = f"{settings.model_config['env_prefix']}{name}".upper()
    assert any(sentence.startswith(f"The setting {variable} is not valid: ") for sentence in invalid_settings(refused.value))


@pytest.mark.parametrize("service", ["Listening", "Voice"])
def test_the_gateway_permits_uploads_of_the_same_size_as_the_services(service: str) -> None:
    gateway, own = (SETTINGS[name].model_fields["upload_bytes"].default for name in ("Gateway", service))

    assert gateway == own  # if the gateway permits more, it still sends when the service has refused
