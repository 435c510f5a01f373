"""The library that the services share: contracts, bus, store, storage, HTTP."""

import os

# ONNX Runtime reports every start to its maker unless this is set before its first import, in whichever process that is.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
