"""Monitoring of what is live: reading what is handed in, working metrics out, and telling how it stands."""
