"""Export of traces, metrics and logs with OTLP over HTTP."""
