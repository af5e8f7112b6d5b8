"""Facts over HTTP: bodies are read here, decided on in the actions."""
