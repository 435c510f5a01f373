"""Use cases of the feedback service, one module per resource."""
