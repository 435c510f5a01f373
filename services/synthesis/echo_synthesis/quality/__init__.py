"""Quality gate: measurements of finished speech, and other takes of bad segments."""
