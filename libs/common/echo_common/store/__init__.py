"""Documents: a service's own database, aggregates in it, and the relay of their events."""
