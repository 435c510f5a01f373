"""How English is read aloud."""
