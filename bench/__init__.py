"""This project's measurements, beside its peers' on the same database in the same run. `python -m bench --help`.

Speed is measured and said, never asserted: the exit status is 0 whatever the figures are.
"""
