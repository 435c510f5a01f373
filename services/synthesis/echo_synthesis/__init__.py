"""Text to speech: engines, jobs, audio."""

import echo_common  # noqa: F401 - before anything imports ONNX Runtime: it switches its telemetry off
