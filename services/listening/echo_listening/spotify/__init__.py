"""Client of Spotify's Web API."""
