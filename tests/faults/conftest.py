from tests.integration.voice.conftest import speech, start

__all__ = ["speech", "start"]
