"""Repositories of the listening service, one module per part."""
