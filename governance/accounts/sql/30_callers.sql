-- Who calls with a key, in one question. PL/pgSQL, whose plans last for the session: planned anew for each call, the
-- joins would cost more than they take.

-- A key by its public prefix, with whose it is, who answers for that account, and its home. Whether it opens anything is
-- for whoever asks to say (governance/api/authentication.py). `namespace`: the workspace, or the home where none is named,
-- if the account reads it; NULL too unless the key is the one shown, is in force, and its account acts.
DROP FUNCTION IF EXISTS muniment.key_of_prefix(text);
CREATE OR REPLACE FUNCTION muniment.caller(p_prefix text, p_hash text, p_workspace text) RETURNS TABLE (
  id bigint, prefix text, hash text, scopes text, expires_at timestamptz, revoked_at timestamptz, last_used_at timestamptz,
  principal bigint, kind text, name text, display_name text, is_active boolean, responsible bigint, responsible_active boolean,
  home bigint, home_name text, namespace bigint)
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT k.id, k.prefix::text, k.hash::text, k.scopes::text, k.expires_at, k.revoked_at, k.last_used_at,
      p.id, p.kind::text, p.name::text, p.display_name::text, p.is_active, p.responsible_id, r.is_active, n.id, n.name::text,
      CASE WHEN k.hash = p_hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
             AND (p.kind <> 'service' OR r.is_active)
           THEN muniment.readable_namespace(p.id, coalesce(p_workspace, n.name)) END
    FROM public.governance_apikey k JOIN public.governance_principal p ON p.id = k.principal_id
    LEFT JOIN public.governance_principal r ON r.id = p.responsible_id
    LEFT JOIN public.governance_namespace n ON n.id = p.home_namespace_id
    WHERE k.prefix = p_prefix;
END $$;

-- Count a call of an account in the running window of so many seconds: [calls in it, seconds left of it].
CREATE OR REPLACE FUNCTION muniment.count_call(principal bigint, every integer) RETURNS integer[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_now numeric := extract(epoch FROM clock_timestamp());
  v_said integer[];
BEGIN
  INSERT INTO public.governance_ratecount AS c (principal_id, period, calls)
    VALUES (count_call.principal, floor(v_now / every), 1)
    ON CONFLICT (principal_id) DO UPDATE SET period = greatest(c.period, excluded.period),
      calls = (CASE WHEN c.period >= excluded.period THEN least(c.calls, 2000000000) + 1 ELSE 1 END)
    RETURNING ARRAY[c.calls, greatest(ceil((c.period + 1) * every - v_now), 1)::integer] INTO v_said;
  RETURN v_said;
END $$;

-- A namespace by its name, if the principal reads it: by any role there or everywhere.
CREATE OR REPLACE FUNCTION muniment.readable_namespace(principal bigint, name text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT n.id FROM public.governance_namespace n
    WHERE n.name = readable_namespace.name AND EXISTS (
      SELECT 1 FROM public.governance_rolegrant g JOIN public.governance_principal p ON p.id = g.principal_id
      WHERE g.principal_id = readable_namespace.principal AND p.is_active AND (g.namespace_id IS NULL OR g.namespace_id = n.id)
        AND g.effective_from <= clock_timestamp() AND (g.effective_to IS NULL OR g.effective_to > clock_timestamp())
        AND (g.ended_at IS NULL OR g.ended_at > clock_timestamp())));
END $$;

-- The namespaces that a principal reads, by any role in force; with NULL among them: everything.
CREATE OR REPLACE FUNCTION muniment.namespaces_read(principal bigint) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(DISTINCT g.namespace_id), '{}')
    FROM public.governance_rolegrant g JOIN public.governance_principal p ON p.id = g.principal_id
    WHERE g.principal_id = namespaces_read.principal AND p.is_active AND g.effective_from <= clock_timestamp()
      AND (g.effective_to IS NULL OR g.effective_to > clock_timestamp()) AND (g.ended_at IS NULL OR g.ended_at > clock_timestamp()));
END $$;
