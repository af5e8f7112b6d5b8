"""The records of `approvals` in the auditors' admin: all of them, read-only, each with its history."""

from governance.history.admin import register_all

register_all("approvals")
