"""Messages for users in their language: a file per language, error messages by their code."""
