"""Conversion of aggregates to response bodies, one module per part."""
