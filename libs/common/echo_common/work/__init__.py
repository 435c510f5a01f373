"""Durable background tasks: one worker with leases for every service that runs them."""
