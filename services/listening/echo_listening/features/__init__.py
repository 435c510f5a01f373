"""Audio features of tracks: computed by a sandboxed process with NumPy, soxr and a voice activity detector."""
