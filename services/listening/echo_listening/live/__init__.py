"""Live group sessions: the session clock, connections, and the notification of changes."""
