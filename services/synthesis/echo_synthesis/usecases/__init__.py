"""Use cases of synthesis, one module for each resource."""
