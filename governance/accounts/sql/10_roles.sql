-- Who holds what, as the gate and the guards ask it (in PL/pgSQL, whose plans last: the gate asks often). The same rule as governance/accounts/permissions.py.

-- The person behind a principal: a person is itself, a service account is the one who answers for it.
CREATE OR REPLACE FUNCTION muniment.person_of(principal bigint) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT coalesce(responsible_id, id) FROM public.governance_principal WHERE id = principal);
END $$;

CREATE OR REPLACE FUNCTION muniment.is_person(principal bigint) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT EXISTS (SELECT 1 FROM public.governance_principal WHERE id = principal AND kind = 'person' AND is_active));
END $$;

-- A grant counts from its approval (and the delay) to its end, while its holder is active.
CREATE OR REPLACE FUNCTION muniment.grant_in_force(grant_id bigint, at timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT EXISTS (
      SELECT 1 FROM public.governance_rolegrant g JOIN public.governance_principal p ON p.id = g.principal_id
      WHERE g.id = grant_id AND p.is_active AND g.effective_from <= at
        AND (g.effective_to IS NULL OR g.effective_to > at) AND (g.ended_at IS NULL OR g.ended_at > at)));
END $$;

-- Whether the principal holds one of the roles in the namespace (NULL: everywhere) at a moment.
CREATE OR REPLACE FUNCTION muniment.holds_role(principal bigint, roles text[], namespace bigint, at timestamptz)
RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT EXISTS (
      SELECT 1 FROM public.governance_rolegrant g JOIN public.governance_principal p ON p.id = g.principal_id
      WHERE g.principal_id = principal AND p.is_active AND g.role = ANY (roles)
        AND (g.namespace_id IS NULL OR g.namespace_id = namespace) AND g.effective_from <= at
        AND (g.effective_to IS NULL OR g.effective_to > at) AND (g.ended_at IS NULL OR g.ended_at > at)));
END $$;
