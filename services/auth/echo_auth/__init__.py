"""Identity: users, sessions, tokens."""
