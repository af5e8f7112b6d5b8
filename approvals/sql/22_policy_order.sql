-- What a policy may ask, parameter by parameter, and which of two values asks more. One table: publishing refuses what
-- is not in it, a policy of a more particular place is compared by it, and the table in docs/policies.md is drawn from it.
--   tighter: true     asked for is more than not asked for
--            more     the greater number asks more
--            less     the smaller number asks more; none at all asks least
--            superset more names ask more
--            subset   fewer names ask more
--            bounds   a value must lie within: the narrower asks more, for each metric, slice and dataset role
--            same     neither asks more: they must be the same
CREATE OR REPLACE FUNCTION muniment.policy_parameters()
RETURNS TABLE (kind text, name text, type text, tighter text, absent jsonb) LANGUAGE sql IMMUTABLE ROWS 13
SET search_path = pg_catalog, pg_temp AS $$
  VALUES
    ('artifact', 'code_commit', 'boolean', 'true', 'false'::jsonb),
    ('artifact', 'attestation', 'boolean', 'true', 'false'),
    ('sensitivity', 'forbidden_categories', 'texts', 'superset', '[]'),
    ('evidence', 'plan_kind', 'text', 'same', 'null'),
    ('evidence', 'subject', 'text', 'same', '"model"'),
    ('evidence', 'environment', 'text', 'same', 'null'),
    ('evidence', 'independent', 'boolean', 'true', 'false'),
    ('evidence', 'max_age_days', 'integer', 'less', 'null'),
    ('evidence', 'trusted_reporters', 'texts', 'subset', '[]'),
    ('evidence', 'criteria', 'criteria', 'bounds', '[]'),
    ('signoff', 'role', 'text', 'same', 'null'),
    ('signoff', 'count', 'integer', 'more', '1'),
    ('signoff', 'veto', 'boolean', 'true', 'false'),
    ('signoff', 'veto_lift_hours', 'integer', 'more', '72')
$$;

-- A finite decimal from text; NULL where it is none.
CREATE OR REPLACE FUNCTION muniment.threshold_of(given text) RETURNS numeric LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN given ~ '^[+-]?([0-9]{1,100}([.][0-9]{0,100})?|[.][0-9]{1,100})([eE][+-]?[0-9]{1,3})?$'
              THEN given::numeric END
$$;

-- Per metric, slice and dataset role what the bounds leave: [lowest, 1 if it is excluded], [highest, 0 if it is excluded].
-- As arrays the greater low and the smaller high are the narrower.
CREATE OR REPLACE FUNCTION muniment.bounds_of(criteria jsonb)
RETURNS TABLE (metric text, slice text, dataset_role text, low numeric[], high numeric[]) LANGUAGE sql IMMUTABLE ROWS 4
SET search_path = pg_catalog, pg_temp AS $$
  SELECT c ->> 'metric', coalesce(c ->> 'slice', ''), coalesce(c ->> 'dataset_role', ''),
         max(ARRAY[muniment.threshold_of(c ->> 'threshold'), CASE c ->> 'comparator' WHEN 'gt' THEN 1 ELSE 0 END])
           FILTER (WHERE c ->> 'comparator' IN ('ge', 'gt', 'eq')),
         min(ARRAY[muniment.threshold_of(c ->> 'threshold'), CASE c ->> 'comparator' WHEN 'lt' THEN 0 ELSE 1 END])
           FILTER (WHERE c ->> 'comparator' IN ('le', 'lt', 'eq'))
  FROM jsonb_array_elements(CASE jsonb_typeof(criteria) WHEN 'array' THEN criteria ELSE '[]' END) c
  WHERE muniment.threshold_of(c ->> 'threshold') IS NOT NULL
  GROUP BY 1, 2, 3
$$;

-- Whether one value of a parameter asks less than another, in the direction of the table above.
CREATE OR REPLACE FUNCTION muniment.asks_less(tighter text, parent jsonb, child jsonb) RETURNS boolean LANGUAGE plpgsql
IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE tighter
    WHEN 'true' THEN parent = 'true' AND child <> 'true'
    WHEN 'more' THEN (child #>> '{}')::numeric < (parent #>> '{}')::numeric
    WHEN 'less' THEN parent <> 'null' AND (child = 'null' OR (child #>> '{}')::numeric > (parent #>> '{}')::numeric)
    WHEN 'superset' THEN NOT child @> parent
    WHEN 'subset' THEN NOT parent @> child
    WHEN 'bounds' THEN EXISTS (
      SELECT 1 FROM muniment.bounds_of(parent) p LEFT JOIN muniment.bounds_of(child) c USING (metric, slice, dataset_role)
      WHERE (p.low IS NOT NULL AND (c.low IS NULL OR c.low < p.low))
         OR (p.high IS NOT NULL AND (c.high IS NULL OR c.high > p.high)))
    ELSE parent IS DISTINCT FROM child END;
END $$;

-- A policy version as one value: {requirements: [{key, kind, params, binds}], responses, review_days, …}.
CREATE OR REPLACE FUNCTION muniment.policy_document(policy_version bigint) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT to_jsonb(v) || jsonb_build_object('requirements', (
      SELECT coalesce(jsonb_agg(jsonb_build_object('key', r.key, 'kind', r.kind, 'params', r.params,
                                                   'binds', to_jsonb(r.binds)) ORDER BY r.position), '[]')
      FROM public.approvals_requirement r WHERE r.policy_version_id = v.id))
    FROM public.approvals_policyversion v WHERE v.id = policy_version);
END $$;

-- Whether a response to a change under a live model gives more room than another. Keeping serving gives most, whatever
-- the notice; then a longer notice, someone who may confirm, and another version instead of none.
CREATE OR REPLACE FUNCTION muniment.response_looser(parent jsonb, child jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_order text[] := ARRAY['keep', 'last_good', 'stop'];
BEGIN
  RETURN coalesce(parent ->> 'fallback', 'keep') <> 'keep' AND (
    array_position(v_order, coalesce(child ->> 'fallback', 'keep')) < array_position(v_order, parent ->> 'fallback')
    OR (child ->> 'notice_hours')::numeric > (parent ->> 'notice_hours')::numeric
    OR (child ->> 'confirm' IS NOT NULL AND child ->> 'confirm' IS DISTINCT FROM parent ->> 'confirm'));
END $$;

-- In what a policy asks less than another: [{key, field, parent, child}]; [] if each thing asked is asked at least as
-- strictly. A parameter nobody knows must be the same: what cannot be compared is not assumed to be tighter.
CREATE OR REPLACE FUNCTION muniment.looser_than(parent jsonb, child jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    WITH p AS (SELECT r ->> 'key' AS key, r ->> 'kind' AS kind, r -> 'params' AS params, r -> 'binds' AS binds
               FROM jsonb_array_elements(parent -> 'requirements') r),
         c AS (SELECT r ->> 'key' AS key, r ->> 'kind' AS kind, r -> 'params' AS params, r -> 'binds' AS binds
               FROM jsonb_array_elements(child -> 'requirements') r),
         both_ask AS (SELECT p.key, p.kind, p.params AS above, c.params AS below, p.binds AS binds_above, c.binds AS binds_below
                      FROM p JOIN c ON c.key = p.key AND c.kind = p.kind),
         looser (key, field, above, below) AS (
      SELECT p.key, 'requirement', to_jsonb(p.kind), NULL::jsonb FROM p WHERE NOT EXISTS (SELECT 1 FROM c WHERE c.key = p.key)
      UNION ALL
      SELECT p.key, 'kind', to_jsonb(p.kind), to_jsonb(c.kind) FROM p JOIN c ON c.key = p.key AND c.kind <> p.kind
      UNION ALL
      SELECT b.key, k.name, coalesce(b.above -> k.name, k.absent), coalesce(b.below -> k.name, k.absent)
        FROM both_ask b JOIN muniment.policy_parameters() k ON k.kind = b.kind
        WHERE muniment.asks_less(k.tighter, coalesce(b.above -> k.name, k.absent), coalesce(b.below -> k.name, k.absent))
      UNION ALL
      SELECT b.key, x.name, b.above -> x.name, b.below -> x.name
        FROM both_ask b CROSS JOIN LATERAL jsonb_object_keys(b.above || b.below) AS x (name)
        WHERE NOT EXISTS (SELECT 1 FROM muniment.policy_parameters() k WHERE k.kind = b.kind AND k.name = x.name)
          AND b.above -> x.name IS DISTINCT FROM b.below -> x.name
      UNION ALL
      SELECT b.key, 'binds', b.binds_above, b.binds_below FROM both_ask b
        WHERE muniment.asks_less('superset', b.binds_above, b.binds_below)
      UNION ALL
      SELECT '', 'responses.' || e.cause, e.answer, child -> 'responses' -> e.cause
        FROM jsonb_each(coalesce(parent -> 'responses', '{}')) AS e (cause, answer)
        WHERE muniment.response_looser(e.answer, child -> 'responses' -> e.cause)
      UNION ALL
      SELECT '', 'review_days', parent -> 'review_days', child -> 'review_days'
        WHERE muniment.asks_less('less', coalesce(parent -> 'review_days', 'null'), coalesce(child -> 'review_days', 'null'))
      UNION ALL  -- no grace is none: what is due is overdue at once
      SELECT '', 'review_grace_days', parent -> 'review_grace_days', child -> 'review_grace_days'
        WHERE parent ->> 'review_days' IS NOT NULL
          AND coalesce((child ->> 'review_grace_days')::integer, 0) > coalesce((parent ->> 'review_grace_days')::integer, 0))
    SELECT coalesce(jsonb_agg(jsonb_build_object('key', l.key, 'field', l.field, 'parent', l.above, 'child', l.below)
                              ORDER BY l.key, l.field), '[]') FROM looser l);
END $$;
