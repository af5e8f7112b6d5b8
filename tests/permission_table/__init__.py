"""The table of `test_permissions.py`: for each address who may and who may not, and what is sent.

Members of the cast are named as in `tests/cast.py`; `anonymous` is nobody, `outsider` has a namespace of their own.
An address that answers both GET and POST has a row in both tables. Each room's rows stand in a module of their own,
listed in `ROOMS`.
"""

from tests.permission_table import (
    bringing_in,
    desk,
    doors,
    facts,
    judgements,
    kernel,
    lineage,
    mlflow,
    moments,
    openlineage,
    people,
    tracking,
    vocabularies,
    work,
)
from tests.permission_table.row import AFTER_DAYS, WHY, Row

ROOMS = (
    kernel,
    people,
    facts,
    lineage,
    tracking,
    judgements,
    bringing_in,
    vocabularies,
    work,
    desk,
    doors,
    moments,
    mlflow,
    openlineage,
)
