"""The voice service: samples, voice models and consents."""

import echo_common  # noqa: F401 - switches ONNX Runtime's telemetry off, so it must come before any import of ONNX Runtime
