"""The gate: whether a release may be promoted, answered by one SQL function over the records.

The `*.sql` files are installed by `install_guards`; `gate.py` asks, `messages.py` says the answers in words.

==========================  ==========================================================================================
file                        what
==========================  ==========================================================================================
``00_context.sql``          what is gathered once per question: release, policy, data above, persons behind, votes
``01_aspects.sql``          what a vote binds to, as digests
``02_verdict.sql``          the verdict on an item of evidence
``10_`` to ``16_``          one requirement kind each
``90_gate.sql``             `muniment.gate`: one row per requirement, an exception block around each
==========================  ==========================================================================================

What a requirement's parameters are, per kind, stands in `approvals/policies.py`, which also refuses what is not known.
"""
