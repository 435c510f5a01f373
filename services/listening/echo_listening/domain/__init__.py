"""Domain model of the listening service: aggregates that record events, one module per part."""
