"""Bringing in an inventory that exists: read it, compare it with the record, write what is new, give back the rest.

`reading` splits a file into rows, `layouts` turns other houses' columns into ours, `columns` reads each cell, `plan`
says what would come of each row, `writing` makes it in bulk inside an action, `remainder` is the file of what is left.
"""
