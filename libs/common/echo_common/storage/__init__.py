"""Object storage: samples and audio, as bytes under a key."""
