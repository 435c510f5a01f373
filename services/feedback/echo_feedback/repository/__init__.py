"""Repositories and read models of the feedback service, one module per resource."""
