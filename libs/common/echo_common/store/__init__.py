"""Document database of a service: aggregates, their repositories, and the outbox relay."""
