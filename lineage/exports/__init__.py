"""Facts in the field's own formats."""
