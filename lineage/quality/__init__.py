"""The quality of data: what was counted in dataset versions, and what is found out from those counts."""
