"""Audio files of unknown origin: detection of their format, validation, decoding."""
