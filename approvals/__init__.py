"""Judgements: policies, plans, evidence, releases, sign-offs, promotions, findings; and the gate over them."""
