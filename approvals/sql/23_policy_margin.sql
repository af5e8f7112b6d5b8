-- Who could satisfy a policy, and how many of them could be missing before nobody could.

-- The policies in force (of an environment and tier, or all), each with its publication.
CREATE OR REPLACE FUNCTION muniment.policies_in_force(p_environment bigint DEFAULT NULL, p_tier text DEFAULT NULL)
RETURNS TABLE (policy_id bigint, environment_id bigint, risk_tier text, namespace_id bigint, slot text,
               publication_id bigint, policy_version_id bigint)
LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT p.id, p.environment_id, p.risk_tier::text, p.namespace_id, p.slot::text, n.id, n.policy_version_id
  FROM public.approvals_policy p
  CROSS JOIN LATERAL (
    SELECT pp.id, pp.policy_version_id FROM public.approvals_policyversion pv
    JOIN public.approvals_policypublication pp ON pp.policy_version_id = pv.id
    WHERE pv.policy_id = p.id ORDER BY pp.id DESC LIMIT 1) n
  WHERE (p_environment IS NULL OR p.environment_id = p_environment) AND (p_tier IS NULL OR p.risk_tier = p_tier)
    AND NOT EXISTS (SELECT 1 FROM public.approvals_policylapse l WHERE l.publication_id = n.id);
END $$;

-- Whether a place lies above another: what holds there would hold here too, for some slot at least.
CREATE OR REPLACE FUNCTION muniment.place_above(above_namespace bigint, above_slot text, namespace bigint, slot text)
RETURNS boolean LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT (above_namespace IS NULL OR above_namespace IS NOT DISTINCT FROM namespace)
    AND (above_slot = '' OR slot = '' OR above_slot = slot)
    AND (2 * (above_namespace IS NOT NULL)::integer + (above_slot <> '')::integer)
      < (2 * (namespace IS NOT NULL)::integer + (slot <> '')::integer)
$$;

-- Per namespace (0: one where only roles held everywhere count) how many persons could be missing before nobody could
-- give all the signatures; NULL where none is asked for. With the roles that run short first: the signatures asked of
-- them, and the persons who hold any of them.
--
-- Eligibility hangs on roles alone, and there are six that vote. By Hall's theorem one person each can be found for all
-- signatures exactly if every set of roles has at least as many holders as signatures, and what the scarcest set has over
-- is how many may be missing: the same answer as `fill_places` gives with persons taken out in every way (a property
-- test compares them), for a thousand namespaces in one statement. Delegations are left out: a delegate and the person
-- they act for are one.
CREATE OR REPLACE FUNCTION muniment.policy_margins(policy_version bigint, namespaces bigint[])
RETURNS TABLE (namespace_id bigint, margin integer, roles text[], asked integer, holders integer)
LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_roles text[];
  v_counts integer[];
  v_now timestamptz := clock_timestamp();
BEGIN
  SELECT array_agg(x.role ORDER BY x.role), array_agg(x.count ORDER BY x.role) INTO v_roles, v_counts FROM (
    SELECT coalesce(r.params ->> 'role', '') AS role,
           sum(CASE WHEN r.params ->> 'count' ~ '^[0-9]{1,4}$' THEN (r.params ->> 'count')::integer ELSE 1 END)::integer AS count
    FROM public.approvals_requirement r WHERE r.policy_version_id = policy_version AND r.kind = 'signoff' GROUP BY 1) x;
  IF v_roles IS NULL OR cardinality(v_roles) > 8 THEN  -- none asked for; or roles that do not exist, refused elsewhere
    RETURN QUERY SELECT n, CASE WHEN v_roles IS NOT NULL THEN -1 END, coalesce(v_roles, '{}'), 0, 0 FROM unnest(namespaces) n;
    RETURN;
  END IF;
  RETURN QUERY
  WITH held AS (
    SELECT n.id AS namespace_id, g.principal_id, bit_or(1 << (array_position(v_roles, g.role::text) - 1)) AS mask
    FROM unnest(namespaces) AS n (id)
    JOIN public.governance_rolegrant g ON g.namespace_id = n.id OR g.namespace_id IS NULL
    JOIN public.governance_principal p ON p.id = g.principal_id AND p.kind = 'person' AND p.is_active
    WHERE g.role = ANY (v_roles) AND g.on_behalf_of_id IS NULL AND g.effective_from <= v_now
      AND (g.effective_to IS NULL OR g.effective_to > v_now) AND (g.ended_at IS NULL OR g.ended_at > v_now)
    GROUP BY 1, 2
  ), people AS (
    SELECT h.namespace_id, h.mask, count(*)::integer AS persons FROM held h GROUP BY 1, 2
  ), sets AS (
    SELECT s.s, (SELECT array_agg(v_roles[i] ORDER BY i) FROM generate_subscripts(v_roles, 1) i WHERE s.s & (1 << (i - 1)) <> 0) AS roles,
           (SELECT sum(v_counts[i])::integer FROM generate_subscripts(v_roles, 1) i WHERE s.s & (1 << (i - 1)) <> 0) AS asked
    FROM generate_series(1, (1 << cardinality(v_roles)) - 1) AS s (s)
  ), slack AS (
    SELECT n.id AS namespace_id, s.s, s.roles, s.asked,
           coalesce(sum(p.persons) FILTER (WHERE p.mask & s.s <> 0), 0)::integer AS holders
    FROM unnest(namespaces) AS n (id) CROSS JOIN sets s LEFT JOIN people p ON p.namespace_id = n.id
    GROUP BY n.id, s.s, s.roles, s.asked
  )
  SELECT DISTINCT ON (k.namespace_id) k.namespace_id, k.holders - k.asked, k.roles, k.asked, k.holders
  FROM slack k ORDER BY k.namespace_id, k.holders - k.asked, cardinality(k.roles), k.s;
END $$;

CREATE OR REPLACE FUNCTION muniment.policy_margin(policy_version bigint, namespace bigint) RETURNS integer LANGUAGE plpgsql
STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT m.margin FROM muniment.policy_margins(policy_version, ARRAY[namespace]) m);
END $$;

-- The namespaces a policy decides in: its own; for one of everywhere, those that have a model of its tier and no policy
-- of their own in force for its slot.
CREATE OR REPLACE FUNCTION muniment.policy_namespaces(policy bigint) RETURNS bigint[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p public.approvals_policy%ROWTYPE;
  v_own bigint[];
BEGIN
  SELECT * INTO p FROM public.approvals_policy x WHERE x.id = policy;
  IF p.namespace_id IS NOT NULL THEN
    RETURN ARRAY[p.namespace_id];
  END IF;
  v_own := ARRAY(SELECT f.namespace_id FROM muniment.policies_in_force(p.environment_id, p.risk_tier::text) f
                 WHERE f.namespace_id IS NOT NULL AND (f.slot = '' OR f.slot = p.slot));
  RETURN ARRAY(
    SELECT n.id FROM public.governance_namespace n
    WHERE EXISTS (SELECT 1 FROM public.lineage_model m WHERE m.namespace_id = n.id AND m.risk_tier = p.risk_tier)
      AND NOT n.id = ANY (v_own) ORDER BY n.id);
END $$;
