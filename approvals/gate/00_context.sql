-- What every requirement of one release is judged on, gathered once: the release, its policy, the data above it, the
-- people behind it and their votes. Dropped and made anew at each installation, so that it always equals this file;
-- whatever depends on it is in the files that follow.
DROP TYPE IF EXISTS muniment.gate_context CASCADE;
DROP TYPE IF EXISTS muniment.gate_answer CASCADE;
CREATE TYPE muniment.gate_answer AS (status text, reason text, params jsonb, rests_on jsonb);
CREATE TYPE muniment.gate_context AS (
  at timestamptz,
  release_id bigint,
  policy_version_id bigint,
  environment_id bigint,
  slot text,
  purpose text,
  model_id bigint,
  model_name text,
  namespace_id bigint,
  risk_tier text,
  use_epoch integer,       -- grows with purpose, tier and places of the model
  geographies text[],
  model_version_id bigint,
  digest text,             -- algorithm:hex; '' while none is recorded
  code_commit text,
  source_commit text,      -- of the run; NULL while none is recorded
  training bigint[],       -- dataset versions it was trained on
  closure bigint[],        -- dataset versions, training and everything above
  ancestors bigint[],      -- model versions above, without itself
  datasets bigint[],       -- datasets of the closure
  makers bigint[],         -- persons who made the version
  involved bigint[],       -- makers, and persons who reported evidence on it
  votes jsonb,             -- live votes: [{id, requirement, key, person, vote, name, why, aspects}]
  filled jsonb,            -- requirement id -> ids of the votes that fill it, one person in one requirement
  change_plan_id bigint,   -- the retraining envelope that the release itself brings
  envelope jsonb,          -- how the envelope in force in its place judges it; NULL: none does
  privacy_epochs bigint    -- where they are known already
);

-- A closure larger than this is not judged: ERROR, not a guess.
CREATE OR REPLACE FUNCTION muniment.closure_limit() RETURNS integer LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$ SELECT 5000 $$;

CREATE OR REPLACE FUNCTION muniment.digest_of(content jsonb) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT encode(sha256(convert_to(content::text, 'UTF8')), 'hex')
$$;

-- The answer to a requirement: met, or its first gap with the others beside it. NULL where a list is NULL: an ERROR.
CREATE OR REPLACE FUNCTION muniment.answered(met text, met_params jsonb, problems jsonb, rests_on jsonb)
RETURNS muniment.gate_answer LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF problems IS NULL OR rests_on IS NULL THEN
    RETURN NULL;
  END IF;
  IF jsonb_array_length(problems) = 0 THEN
    RETURN ('SATISFIED', met, met_params, rests_on)::muniment.gate_answer;
  END IF;
  -- Fifty gaps are enough to act on; the number of all stands beside them.
  RETURN ('UNSATISFIED', problems -> 0 ->> 'reason',
    (problems -> 0 -> 'params')
      || CASE WHEN jsonb_array_length(problems) > 1 THEN jsonb_build_object(
           'problems', jsonb_array_length(problems),
           'also', (SELECT jsonb_agg(p ORDER BY n) FROM jsonb_array_elements(problems - 0) WITH ORDINALITY AS e (p, n)
                    WHERE n < 50))
         ELSE '{}'::jsonb END,
    rests_on)::muniment.gate_answer;
END $$;

-- The version in force: that of the most particular place with a policy in force. A namespace's place goes before
-- everyone's, a slot's before that of every slot. In force is a place's newest publication, unless it has lapsed: then
-- the place has none, and an older version of it does not come back.
DROP FUNCTION IF EXISTS muniment.active_policy_version(bigint, text, bigint);
CREATE OR REPLACE FUNCTION muniment.active_policy_version(environment bigint, tier text, namespace bigint,
                                                          slot text DEFAULT '')
RETURNS bigint LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT n.policy_version_id
    FROM public.approvals_policy p
    CROSS JOIN LATERAL (
      SELECT pp.id, pp.policy_version_id
      FROM public.approvals_policyversion pv
      JOIN public.approvals_policypublication pp ON pp.policy_version_id = pv.id
      WHERE pv.policy_id = p.id ORDER BY pp.id DESC LIMIT 1) n
    WHERE p.environment_id = environment AND p.risk_tier = tier
      AND (p.namespace_id = namespace OR p.namespace_id IS NULL)
      AND (p.slot = '' OR p.slot = active_policy_version.slot)
      AND NOT EXISTS (SELECT 1 FROM public.approvals_policylapse l WHERE l.publication_id = n.id)
    ORDER BY (p.namespace_id IS NOT NULL) DESC, (p.slot <> '') DESC LIMIT 1);
END $$;

-- The persons who vouch for an item of evidence: whoever reported it; of what the server worked out, whoever handed in the
-- figures it rests on. Sources are only ever the system's to name (r_source).
CREATE OR REPLACE FUNCTION muniment.vouching_for(evidence bigint, reporter bigint) RETURNS bigint[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN coalesce((
    SELECT array_agg(DISTINCT x.id ORDER BY x.id)
    FROM public.approvals_evidencesource s CROSS JOIN LATERAL unnest(muniment.persons_behind(s.principal_id)) AS x (id)
    WHERE s.evidence_id = evidence), muniment.persons_behind(reporter));
END $$;

-- Under which plans, and by whom, evidence on a promotion was recorded: each pair once, by one step in the index a pair,
-- however many windows were reported under it.
CREATE OR REPLACE FUNCTION muniment.reporting_on(promotion bigint) RETURNS TABLE (plan_id bigint, reporter_id bigint)
LANGUAGE plpgsql STABLE ROWS 5 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    WITH RECURSIVE pairs AS (
      (SELECT e.plan_id, e.recorded_by_id FROM public.approvals_evidence e WHERE e.promotion_id = reporting_on.promotion
       ORDER BY e.plan_id, e.recorded_by_id LIMIT 1)
      UNION ALL
      SELECT n.plan_id, n.recorded_by_id FROM pairs p CROSS JOIN LATERAL (
        SELECT e.plan_id, e.recorded_by_id FROM public.approvals_evidence e
        WHERE e.promotion_id = reporting_on.promotion AND (e.plan_id, e.recorded_by_id) > (p.plan_id, p.recorded_by_id)
        ORDER BY e.plan_id, e.recorded_by_id LIMIT 1) n)
    SELECT p.plan_id, p.recorded_by_id FROM pairs p;
END $$;

-- Persons who reported evidence on a version or on its promotions, or handed in the figures it rests on. Only evidence of
-- the system's has sources (r_source).
CREATE OR REPLACE FUNCTION muniment.reporters_on(model_version bigint) RETURNS bigint[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN ARRAY(
    SELECT DISTINCT unnest(muniment.persons_behind(p.id)) FROM public.governance_principal p WHERE p.id IN (
      WITH serving AS MATERIALIZED (
        SELECT x.id AS promotion_id, b.plan_id, b.reporter_id FROM public.approvals_release r
          JOIN public.approvals_promotion x ON x.release_id = r.id
          CROSS JOIN LATERAL muniment.reporting_on(x.id) b
          WHERE r.model_version_id = model_version),
      items AS (
        SELECT e.id, e.recorded_by_id FROM public.approvals_evidence e WHERE e.model_version_id = model_version)
      SELECT i.recorded_by_id FROM items i
      UNION SELECT s.reporter_id FROM serving s
      UNION
      SELECT s.principal_id FROM items i JOIN public.approvals_evidencesource s ON s.evidence_id = i.id
      UNION
      SELECT s.principal_id FROM serving g
        JOIN public.governance_principal k ON k.id = g.reporter_id AND k.kind = 'system'
        JOIN public.approvals_evidence e ON e.promotion_id = g.promotion_id AND e.plan_id = g.plan_id
          AND e.recorded_by_id = g.reporter_id
        JOIN public.approvals_evidencesource s ON s.evidence_id = e.id));
END $$;

-- Persons who wrote a retraining envelope for a version: it is judged with the version's release.
CREATE OR REPLACE FUNCTION muniment.planners_of(model_version bigint) RETURNS bigint[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN ARRAY(SELECT DISTINCT unnest(muniment.persons_behind(p.recorded_by_id)) FROM public.approvals_changeplan p
               WHERE p.model_version_id = planners_of.model_version);
END $$;

-- Persons who may not judge a version: who made it, who reported evidence on it, who wrote its retraining envelope, and who
-- declared a conflict of interest on its model that has not ended.
CREATE OR REPLACE FUNCTION muniment.involved(model_version bigint) RETURNS TABLE (person_id bigint, why text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT c.person_id, c.why FROM muniment.contributors(model_version) c;
  RETURN QUERY SELECT r.id, 'reported evidence'::text FROM unnest(muniment.reporters_on(model_version)) AS r (id);
  RETURN QUERY SELECT r.id, 'wrote its envelope'::text FROM unnest(muniment.planners_of(model_version)) AS r (id);
  RETURN QUERY SELECT DISTINCT k.recorded_by_id, 'conflict of interest'::text
    FROM public.lineage_modelversion v JOIN public.approvals_conflictofinterest k ON k.model_id = v.model_id
    WHERE v.id = model_version AND (k.until IS NULL OR k.until > clock_timestamp());
END $$;

-- Dataset versions that a model version was trained on: inputs of the runs it came out of.
CREATE OR REPLACE FUNCTION muniment.training_of(model_version bigint) RETURNS bigint[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(DISTINCT i.dataset_version_id ORDER BY i.dataset_version_id), '{}')
    FROM (SELECT source_run_id AS run_id FROM public.lineage_modelversion WHERE id = model_version
          UNION SELECT run_id FROM muniment.run_outputs WHERE model_version_id = model_version) runs
    JOIN muniment.run_inputs i ON i.run_id = runs.run_id
    WHERE i.role = 'training' AND i.dataset_version_id IS NOT NULL);
END $$;

-- `above`: what the version was made from, where that is known (muniment.remember_above).
CREATE OR REPLACE FUNCTION muniment.gate_context_of(release bigint, policy_version bigint, p_at timestamptz,
                                                    above jsonb DEFAULT NULL)
RETURNS muniment.gate_context LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c muniment.gate_context;
BEGIN
  SELECT r.id, r.environment_id, r.slot, r.purpose, m.id, m.name, m.namespace_id, m.risk_tier, m.use_epoch,
         m.deployment_geography, v.id,
         CASE WHEN v.digest_value = '' THEN '' ELSE v.digest_algorithm || ':' || v.digest_value END, v.code_commit,
         u.source_commit, r.change_plan_id
    INTO STRICT c.release_id, c.environment_id, c.slot, c.purpose, c.model_id, c.model_name, c.namespace_id, c.risk_tier,
         c.use_epoch, c.geographies, c.model_version_id, c.digest, c.code_commit, c.source_commit, c.change_plan_id
    FROM public.approvals_release r
    JOIN public.lineage_modelversion v ON v.id = r.model_version_id
    JOIN public.lineage_model m ON m.id = v.model_id
    LEFT JOIN public.lineage_run u ON u.id = v.source_run_id
    WHERE r.id = release;
  c.at := p_at;
  c.policy_version_id := coalesce(policy_version,
    muniment.active_policy_version(c.environment_id, c.risk_tier, c.namespace_id, c.slot));
  IF above IS NULL THEN
    SELECT coalesce(array_agg(x.id ORDER BY x.id) FILTER (WHERE x.kind = 'dataset_version'), '{}'),
           coalesce(array_agg(x.id ORDER BY x.id)
                    FILTER (WHERE x.kind = 'model_version' AND x.id <> c.model_version_id), '{}')
      INTO c.closure, c.ancestors FROM muniment.closure_of_model_version(c.model_version_id) x;
  ELSE
    c.closure := ARRAY(SELECT x::bigint FROM jsonb_array_elements_text(above -> 'dataset_version') x ORDER BY 1);
    c.ancestors := ARRAY(SELECT x::bigint FROM jsonb_array_elements_text(above -> 'model_version') x
                         WHERE x::bigint <> c.model_version_id ORDER BY 1);
  END IF;
  IF cardinality(c.closure) > muniment.closure_limit() THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'closure-too-large',
      MESSAGE = format('More than %s dataset versions lie above this version.', muniment.closure_limit());
  END IF;
  c.training := muniment.training_of(c.model_version_id);
  SELECT coalesce(array_agg(DISTINCT dataset_id ORDER BY dataset_id), '{}') INTO c.datasets
    FROM public.lineage_datasetversion WHERE id = ANY (c.closure);
  SELECT coalesce(array_agg(DISTINCT x.person_id), '{}') INTO c.makers FROM muniment.contributors(c.model_version_id) x;
  c.involved := c.makers || muniment.reporters_on(c.model_version_id) || muniment.planners_of(c.model_version_id);
  c.votes := '[]';
  c.filled := '{}';
  RETURN c;
END $$;
