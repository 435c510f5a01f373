"""Registry of providers: every folder here is a provider."""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence

from echo_common.contracts.errors.voice import ProviderUnavailableError, UnknownProviderError
from echo_voice.provider import VoiceProvider
from echo_voice.settings import VoiceSettings


class Providers:
    """The configured providers, in order of preference."""

    def __init__(self, settings: VoiceSettings) -> None:
        installed = {module.name for module in pkgutil.iter_modules(__path__) if module.ispkg}
        self._by_name: Mapping[str, VoiceProvider] = {
            name: importlib.import_module(f"{__name__}.{name}").provider(settings)
            for name in settings.providers
            if name in installed
        }

    def local_names(self) -> Sequence[str]:
        """Return the names of the providers that train on this machine."""
        return [name for name, provider in self._by_name.items() if not provider.stores_voices]

    def first_storing(self) -> VoiceProvider | None:
        """Return the first ready provider that stores voices itself, or None."""
        return next(
            (provider for provider in self._by_name.values() if provider.stores_voices and not provider.missing()), None
        )

    def find(self, name: str | None) -> VoiceProvider:
        """Return the named provider, or the first ready one. Raises `UnknownProviderError`, `ProviderUnavailableError`."""
        if name is None:
            ready = next((provider for provider in self._by_name.values() if not provider.missing()), None)
            if ready is None:
                raise ProviderUnavailableError(f"No provider of clones is ready. {' '.join(self._lacking())}".strip())
            return ready
        if (found := self._by_name.get(name)) is None:
            raise UnknownProviderError(f"There is no provider {name!r}. Use one of: {', '.join(self._by_name) or 'none'}.")
        if missing := found.missing():
            raise ProviderUnavailableError(f"{name} lacks {missing[0]}.")
        return found

    def health(self) -> Mapping[str, str]:
        """Return each provider's state in a few words."""
        return {
            name: f"lacks {missing[0]}" if (missing := provider.missing()) else "ready"
            for name, provider in self._by_name.items()
        }

    def _lacking(self) -> Sequence[str]:
        return [f"{name} lacks {provider.missing()[0]}." for name, provider in self._by_name.items()]
