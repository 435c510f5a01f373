"""Transactional outbox and inbox: repositories save events with their state, the relay publishes them once saved."""
