"""Checks of data: expectations, what runs by itself, and what the gate makes of it."""
