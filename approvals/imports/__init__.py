"""Bringing in an inventory with what serves already: lineage's import, and the columns that say where it is live."""
