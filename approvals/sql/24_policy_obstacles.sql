-- What keeps a policy version from being published: each thing with its code, its sentence and what to do about it.

-- What is wrong with one requirement's parameters; NULL where nothing is. The doors say the same earlier and more kindly
-- (approvals/policies.py); a test compares the two.
CREATE OR REPLACE FUNCTION muniment.requirement_fault(kind text, params jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_name text;
  v_criterion jsonb;
BEGIN
  IF jsonb_typeof(params) <> 'object' THEN
    RETURN 'its parameters are no object';
  END IF;
  SELECT x.name INTO v_name FROM jsonb_object_keys(params) AS x (name)
    WHERE NOT EXISTS (SELECT 1 FROM muniment.policy_parameters() k WHERE k.kind = requirement_fault.kind AND k.name = x.name)
    ORDER BY 1 LIMIT 1;
  IF v_name IS NOT NULL THEN
    RETURN format('there is no parameter %s', v_name);
  END IF;
  SELECT k.name INTO v_name FROM muniment.policy_parameters() k
    WHERE k.kind = requirement_fault.kind AND params ? k.name
      AND NOT (params -> k.name = 'null' AND k.absent = 'null' AND k.name NOT IN ('plan_kind', 'role'))
      AND CASE k.type
        WHEN 'boolean' THEN jsonb_typeof(params -> k.name) <> 'boolean'
        WHEN 'integer' THEN jsonb_typeof(params -> k.name) <> 'number' OR params ->> k.name !~ '^-?[0-9]+$'  -- 2.0 is none
        WHEN 'text' THEN jsonb_typeof(params -> k.name) <> 'string'
        ELSE jsonb_typeof(params -> k.name) <> 'array' END
    ORDER BY 1 LIMIT 1;
  IF v_name IS NOT NULL THEN
    RETURN format('%s is of another type', v_name);
  END IF;
  IF kind = 'signoff' THEN
    IF NOT coalesce(params ->> 'role', '') = ANY (muniment.voting_roles()) THEN
      RETURN format('nobody signs as %s', coalesce(params ->> 'role', '(no role)'));
    ELSIF NOT coalesce((params ->> 'count')::numeric, 1) BETWEEN 1 AND 20 THEN
      RETURN 'its count is not from 1 to 20 persons';
    ELSIF NOT coalesce((params ->> 'veto_lift_hours')::numeric, 72) BETWEEN 1 AND 8760 THEN
      RETURN 'a veto is lifted after 1 to 8760 hours';
    END IF;
  ELSIF kind = 'sensitivity' AND EXISTS (
          SELECT 1 FROM jsonb_array_elements(coalesce(params -> 'forbidden_categories', '[]')) c
          WHERE jsonb_typeof(c) <> 'string' OR NOT muniment.all_known('personal-data', ARRAY[c #>> '{}'])) THEN
    RETURN 'a forbidden category is none such as pd:Health';
  ELSIF kind = 'evidence' THEN
    IF NOT coalesce(params ->> 'plan_kind', '') = ANY (muniment.plan_kinds()) THEN
      RETURN format('there is no evidence of the kind %s', coalesce(params ->> 'plan_kind', '(none)'));
    ELSIF NOT coalesce(params ->> 'subject', 'model') IN ('model', 'data', 'promotion')
          OR (coalesce(params ->> 'subject', 'model') = 'promotion') <> (coalesce(params ->> 'environment', '') <> '') THEN
      RETURN 'its subject is model, data, or a promotion in an environment it names';
    ELSIF NOT coalesce((params ->> 'max_age_days')::numeric, 1) BETWEEN 1 AND 3650 THEN
      RETURN 'its age is not from 1 to 3650 days';
    ELSIF EXISTS (SELECT 1 FROM jsonb_array_elements(coalesce(params -> 'trusted_reporters', '[]')) t
                  WHERE jsonb_typeof(t) <> 'string') THEN
      RETURN 'a trusted reporter is no name';
    END IF;
    FOR v_criterion IN SELECT c FROM jsonb_array_elements(coalesce(params -> 'criteria', '[]')) c LOOP
      IF jsonb_typeof(v_criterion) <> 'object' OR v_criterion - '{metric,comparator,threshold,slice,dataset_role}'::text[] <> '{}'
         OR coalesce(btrim(v_criterion ->> 'metric'), '') = ''
         OR NOT coalesce(v_criterion ->> 'comparator', '') IN ('ge', 'gt', 'le', 'lt', 'eq')
         OR jsonb_typeof(v_criterion -> 'threshold') IS DISTINCT FROM 'string'
         OR NOT coalesce(abs(muniment.threshold_of(v_criterion ->> 'threshold')) < 1e30, false) THEN
        RETURN 'a bound is a metric, a comparator and a finite decimal threshold as text';
      END IF;
    END LOOP;
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION muniment.plan_kinds() RETURNS text[] LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY['performance', 'fairness', 'robustness', 'security', 'privacy', 'explainability', 'conceptual_soundness', 'data_quality',
               'drift', 'monitoring_operations', 'monitoring_science', 'monitoring_business', 'ab_test', 'retraining_envelope']
$$;

CREATE OR REPLACE FUNCTION muniment.policy_obstacles(policy_version bigint)
RETURNS TABLE (code text, sentence text, hint text) LANGUAGE plpgsql STABLE ROWS 2
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  p public.approvals_policy%ROWTYPE;
  v_namespaces bigint[];
BEGIN
  SELECT x.* INTO p FROM public.approvals_policyversion v JOIN public.approvals_policy x ON x.id = v.policy_id
    WHERE v.id = policy_version;
  IF NOT EXISTS (SELECT 1 FROM public.approvals_requirement r WHERE r.policy_version_id = policy_version) THEN
    RETURN QUERY SELECT 'policy-empty', 'A policy that asks nothing is not published.', 'Write a version with requirements.';
    RETURN;
  END IF;
  RETURN QUERY
  SELECT 'policy-malformed', format('Requirement %s cannot be judged: %s.', r.key, muniment.requirement_fault(r.kind, r.params)),
         'Write a version in which it is right.'
    FROM public.approvals_requirement r
    WHERE r.policy_version_id = policy_version AND muniment.requirement_fault(r.kind, r.params) IS NOT NULL ORDER BY r.position;
  IF FOUND THEN
    RETURN;
  END IF;
  RETURN QUERY
  SELECT 'policy-no-such-environment', format('Requirement %s asks for evidence from %s, and there is no such environment.',
                                              r.key, r.params ->> 'environment'), 'Name an environment that exists.'
    FROM public.approvals_requirement r
    WHERE r.policy_version_id = policy_version AND r.kind = 'evidence' AND r.params ->> 'environment' IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM public.approvals_environment e WHERE e.name = r.params ->> 'environment');
  RETURN QUERY
  SELECT 'policy-contradictory', format('No value of %s%s can meet all bounds on it.', b.metric,
           CASE WHEN b.slice = '' THEN '' ELSE format(' (%s)', b.slice) END), 'Write bounds that leave a value.'
    FROM (SELECT coalesce(jsonb_agg(c), '[]') AS criteria FROM public.approvals_requirement r,
                 jsonb_array_elements(coalesce(r.params -> 'criteria', '[]')) c
          WHERE r.policy_version_id = policy_version AND r.kind = 'evidence'
          GROUP BY r.params ->> 'plan_kind', coalesce(r.params ->> 'subject', 'model'), r.params ->> 'environment') e
    CROSS JOIN LATERAL muniment.bounds_of(e.criteria) b
    WHERE b.low[1] > b.high[1] OR (b.low[1] = b.high[1] AND (b.low[2] = 1 OR b.high[2] = 0));
  v_namespaces := muniment.policy_namespaces(p.id);
  IF NOT muniment.is_operator() THEN  -- the first defaults come before anybody who could sign
    RETURN QUERY SELECT * FROM muniment.policy_shortages(policy_version, v_namespaces);
  END IF;
  RETURN QUERY
  SELECT 'policy-looser', format('It asks less than the policy of %s: %s.', muniment.place_name(f.namespace_id, f.slot),
           (SELECT string_agg(muniment.looser_sentence(l), '; ' ORDER BY n)
            FROM jsonb_array_elements(x.loosened) WITH ORDINALITY AS e (l, n))),
         'A policy of a more particular place may only tighten: ask at least this.'
    FROM muniment.policies_in_force(p.environment_id, p.risk_tier::text) f
    CROSS JOIN LATERAL (SELECT muniment.looser_than(muniment.policy_document(f.policy_version_id),
                                                    muniment.policy_document(policy_version)) AS loosened) x
    WHERE muniment.place_above(f.namespace_id, f.slot, p.namespace_id, p.slot) AND x.loosened <> '[]';
END $$;

-- Where nobody could satisfy a version, or only while nobody is missing and nobody has had a hand in the model. One of
-- everywhere that decides in no namespace yet must be satisfiable in some.
CREATE OR REPLACE FUNCTION muniment.policy_shortages(policy_version bigint, namespaces bigint[])
RETURNS TABLE (code text, sentence text, hint text) LANGUAGE plpgsql STABLE ROWS 2
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  m record;
  v_nowhere boolean := cardinality(namespaces) = 0;
  v_best integer;
  v_all bigint[] := CASE WHEN v_nowhere THEN ARRAY(SELECT n.id FROM public.governance_namespace n) || 0::bigint ELSE namespaces END;
BEGIN
  IF v_nowhere THEN
    SELECT max(x.margin) INTO v_best FROM muniment.policy_margins(policy_version, v_all) x;
    IF coalesce(v_best, 1) >= 1 THEN
      RETURN;
    END IF;
  END IF;
  FOR m IN SELECT x.*, n.name FROM muniment.policy_margins(policy_version, v_all) x
           LEFT JOIN public.governance_namespace n ON n.id = x.namespace_id
           WHERE x.margin < 1 AND (NOT v_nowhere OR x.margin = v_best) ORDER BY x.margin, n.name NULLS FIRST
           LIMIT CASE WHEN v_nowhere THEN 1 ELSE 5 END LOOP
    code := CASE WHEN m.margin = 0 THEN 'policy-no-one-to-spare' WHEN m.holders = 0 AND EXISTS (
                   SELECT 1 FROM public.approvals_requirement r WHERE r.policy_version_id = policy_shortages.policy_version
                     AND r.kind = 'signoff' AND (r.params ->> 'veto')::boolean AND r.params ->> 'role' = ANY (m.roles))
                 THEN 'policy-veto-of-nobody' ELSE 'policy-unsatisfiable' END;
    sentence := format(CASE WHEN m.margin < 0 THEN '%s nobody could satisfy it: %s signature(s) as %s, and %s.'
                            ELSE '%s nobody could satisfy it once one of them had a hand in the model: %s signature(s) as %s, and %s.' END,
      CASE WHEN v_nowhere THEN 'In any namespace' ELSE format('In %s', m.name) END, m.asked,
      replace(array_to_string(m.roles, ' or '), '_', ' '),
      CASE m.holders WHEN 0 THEN 'nobody holds that role' WHEN 1 THEN 'one person' ELSE format('%s persons', m.holders) END
        || CASE m.holders WHEN 0 THEN '' ELSE ' who could give them' END);
    hint := 'Ask for fewer, or grant the role to more persons first.';
    RETURN NEXT;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION muniment.place_name(namespace bigint, slot text) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN coalesce((SELECT n.name FROM public.governance_namespace n WHERE n.id = namespace), 'everywhere')
    || CASE WHEN slot = '' THEN '' ELSE format(', slot %s', slot) END;
END $$;

-- One thing that is loosened, in words: "risk: count is 1, 2 is asked".
CREATE OR REPLACE FUNCTION muniment.looser_sentence(loosened jsonb) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN loosened ->> 'field' = 'requirement' THEN format('%s is missing', loosened ->> 'key')
    ELSE format('%s%s is %s, %s is asked', CASE WHEN loosened ->> 'key' = '' THEN '' ELSE (loosened ->> 'key') || ': ' END,
      loosened ->> 'field', muniment.value_sentence(loosened -> 'child'), muniment.value_sentence(loosened -> 'parent')) END
$$;

CREATE OR REPLACE FUNCTION muniment.value_sentence(given jsonb) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE
    WHEN given ? 'fallback' THEN format('%s after %s h%s', given ->> 'fallback', given ->> 'notice_hours',
                                        coalesce(' unless confirmed by ' || (given ->> 'confirm'), ''))
    ELSE coalesce(nullif(given, 'null') #>> '{}', 'none') END
$$;
