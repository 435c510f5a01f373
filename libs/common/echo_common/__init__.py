"""Shared library of the services: contracts, bus, store, storage, HTTP."""

import os

# ONNX Runtime sends telemetry at every start unless this is set before the first import of it in the process.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
