"""The OpenLineage receiver (spec 2-0-2): kept as it came, understood later, shown with what was not understood.

`bodies` takes a request's body in under limits, `redaction` takes out what must not be kept, `claims` and `facets` read
an event as what it claims, `applying` makes records of the claims, `working` goes through the events that wait.
Rules for people: docs/openlineage.md.
"""
