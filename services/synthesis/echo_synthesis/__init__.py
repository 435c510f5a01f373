"""Text to speech: engines, jobs, audio."""

import echo_common  # noqa: F401 - must precede any import of ONNX Runtime, to disable its telemetry
