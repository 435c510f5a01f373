"""Use cases of the listening service, one module per part."""
