"""Addresses of facts, under /api/v1/."""


