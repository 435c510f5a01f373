"""Streams of playlists: tracks are decoded in sandboxed processes and joined by one encoder, without a gap."""
