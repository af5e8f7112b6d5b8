"""Tracking servers: what an MLflow server that the operator named knows of a version, and the bytes it holds."""
