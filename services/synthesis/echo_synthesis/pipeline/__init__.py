"""From a text to speech: scripts, narration, recording, and engines used on failure."""
