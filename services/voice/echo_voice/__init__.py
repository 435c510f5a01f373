"""Samples, voice models and consent."""

import echo_common  # noqa: F401 - before anything imports ONNX Runtime: it switches its telemetry off
