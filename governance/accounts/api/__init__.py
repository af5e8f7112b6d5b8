"""The accounts over HTTP: namespaces, principals, role grants, API keys, and the history of every governed record."""
