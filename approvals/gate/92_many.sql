-- Many that fall back at once were mostly made from the same data: what lies above it, and what is said of the facts there, is
-- asked once for all of them. Kept only within one answer (muniment.answer_under), and only of records whose roots this
-- transaction has locked: nobody changes them before the answer is done, and nothing that the answer writes is one of them.
-- Whatever else is asked (evidence, findings, the bytes, signatures) is asked of each.
CREATE UNLOGGED TABLE IF NOT EXISTS muniment.remembered (
  xid xid8 NOT NULL,
  key text NOT NULL,
  good_for tstzrange NOT NULL,  -- moments for which the answer is the same
  answer jsonb NOT NULL,
  PRIMARY KEY (xid, key));
REVOKE ALL ON muniment.remembered FROM PUBLIC;

-- From here on what is asked is kept; what an earlier answer of this transaction left is not.
CREATE OR REPLACE FUNCTION muniment.remember_from_here() RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM muniment.remembered r WHERE r.xid = pg_current_xact_id();
  INSERT INTO muniment.remembered VALUES (pg_current_xact_id(), '', '(,)', 'true');
END $$;

CREATE OR REPLACE FUNCTION muniment.forget() RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM muniment.remembered r WHERE r.xid = pg_current_xact_id();
END $$;

CREATE OR REPLACE FUNCTION muniment.remembering() RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM muniment.remembered r WHERE r.xid = pg_current_xact_id_if_assigned() AND r.key = '');
END $$;

-- What is known by a key for a moment; NULL: nothing.
CREATE OR REPLACE FUNCTION muniment.remembered_as(p_key text, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT r.answer FROM muniment.remembered r
          WHERE r.xid = pg_current_xact_id_if_assigned() AND r.key = p_key AND r.good_for @> p_at);
END $$;

CREATE OR REPLACE FUNCTION muniment.remember(p_key text, p_good_for tstzrange, p_answer jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO muniment.remembered VALUES (pg_current_xact_id(), p_key, p_good_for, p_answer)
    ON CONFLICT (xid, key) DO UPDATE SET good_for = excluded.good_for, answer = excluded.answer;
END $$;

CREATE OR REPLACE FUNCTION muniment.key_above(p_dataset_versions bigint[], p_model_versions bigint[]) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT 'above ' || muniment.digest_of(jsonb_build_array(p_dataset_versions, p_model_versions))
$$;

-- Keep what lies above records, themselves included, by kind. Close to the limit it is not kept: what is
-- too much for one version and not for another is for each of them to find out.
CREATE OR REPLACE FUNCTION muniment.remember_above(p_dataset_versions bigint[], p_model_versions bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_above jsonb;
BEGIN
  SELECT jsonb_build_object('dataset_version', coalesce(jsonb_agg(x.id) FILTER (WHERE x.kind = 'dataset_version'), '[]'),
                            'model_version', coalesce(jsonb_agg(x.id) FILTER (WHERE x.kind = 'model_version'), '[]'))
    INTO v_above FROM muniment.records_above(p_dataset_versions, p_model_versions) x HAVING count(*) < 40000;
  IF v_above IS NOT NULL THEN
    PERFORM muniment.remember(muniment.key_above(p_dataset_versions, p_model_versions), '(,)', v_above);
  END IF;
END $$;

-- What an answer about facts turns on, apart from the moment: by kind, a key for all that are asked the same of the same
-- records. Nothing is kept for what says its model's name (no purpose, no training data); nor provenance where links were
-- corrected, which is told of each version's own, or where the version is itself above what it was made from.
CREATE OR REPLACE FUNCTION muniment.fact_keys(c muniment.gate_context) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_keys jsonb := jsonb_build_object('privacy', 'privacy ' || muniment.digest_of(jsonb_build_array(c.closure)));
BEGIN
  IF c.purpose = '' OR cardinality(c.training) = 0 THEN
    RETURN v_keys;
  END IF;
  v_keys := v_keys || jsonb_build_object(
    'terms', 'terms ' || muniment.digest_of(jsonb_build_array(c.policy_version_id, c.closure, c.purpose, c.geographies)),
    'sensitivity', 'sensitivity ' || muniment.digest_of(jsonb_build_array(c.policy_version_id, c.closure, c.training, (
      SELECT v.features_used FROM public.lineage_modelversion v WHERE v.id = c.model_version_id))));
  IF NOT EXISTS (SELECT 1 FROM public.lineage_linkcorrection)
     AND NOT EXISTS (SELECT 1 FROM muniment.run_inputs i WHERE i.model_version_id = c.model_version_id)
     AND NOT EXISTS (SELECT 1 FROM public.lineage_modelversion v WHERE v.parent_version_id = c.model_version_id) THEN
    v_keys := v_keys || jsonb_build_object(
      'provenance', 'provenance ' || muniment.digest_of(jsonb_build_array(c.policy_version_id, c.closure, c.ancestors)));
  END IF;
  RETURN v_keys;
END $$;

-- From a moment until the first one at which terms begin, run out, or were withdrawn by a clock that was ahead.
CREATE OR REPLACE FUNCTION muniment.facts_good_for(p_datasets bigint[], p_at timestamptz) RETURNS tstzrange LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN tstzrange(p_at, (
    SELECT min(m.moment) FROM public.lineage_collectionterms t
    LEFT JOIN public.lineage_termswithdrawal w ON w.terms_id = t.id
    CROSS JOIN LATERAL (VALUES (t.effective_from), (t.effective_to), (w.recorded_at),
                               (muniment.kept_until(t.effective_from, t.storage_duration_days))) AS m (moment)
    WHERE t.dataset_id = ANY (p_datasets) AND m.moment > p_at));
END $$;

-- What the terms of and the flags on the data of a release turn on, apart from the moment: known without asking for them, so
-- that of many made from the same data one is tried and found wanting, and the others are passed over. NULL: nothing is kept now,
-- or not of this one.
CREATE OR REPLACE FUNCTION muniment.wanting_key(p_release bigint) RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  IF NOT muniment.remembering() THEN
    RETURN NULL;
  END IF;
  RETURN (
    SELECT 'wanting ' || muniment.digest_of(jsonb_build_array(
             f.dataset_versions, f.model_versions, t.training, v.features_used, r.purpose, m.deployment_geography,
             muniment.active_policy_version(r.environment_id, m.risk_tier, m.namespace_id, r.slot)))
    FROM public.approvals_release r
    JOIN public.lineage_modelversion v ON v.id = r.model_version_id
    JOIN public.lineage_model m ON m.id = v.model_id
    CROSS JOIN LATERAL muniment.made_from(v.id) f
    CROSS JOIN LATERAL (SELECT muniment.training_of(v.id) AS training) t
    WHERE r.id = p_release AND r.purpose <> '' AND cardinality(t.training) > 0);
END $$;

-- Whether terms or flags are known to stand against a release. Its key is worked out only where something is known of any.
CREATE OR REPLACE FUNCTION muniment.known_wanting(p_release bigint) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN muniment.remembered_as('wanting', clock_timestamp()) IS NOT NULL
     AND muniment.remembered_as(muniment.wanting_key(p_release), clock_timestamp()) IS NOT NULL;
END $$;

-- Keep that terms or flags, by these rows of a closed gate, stand against all of one's key. Without locks: those of the attempt
-- are undone with it. Who gives new terms meanwhile does so after this answer, which is what they would find had they waited.
DROP FUNCTION IF EXISTS muniment.remember_wanting(text, bigint, jsonb);
CREATE OR REPLACE FUNCTION muniment.remember_wanting(p_release bigint, p_rows jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_at timestamptz := clock_timestamp();
  v_key text := muniment.wanting_key(p_release);
BEGIN
  IF v_key IS NOT NULL AND EXISTS (
       SELECT 1 FROM jsonb_array_elements(p_rows) r
       WHERE r ->> 'kind' IN ('terms', 'sensitivity') AND r ->> 'status' = 'UNSATISFIED') THEN
    PERFORM muniment.remember('wanting', '(,)', 'true');
    PERFORM muniment.remember(v_key, muniment.facts_good_for(ARRAY(
      SELECT DISTINCT d.dataset_id FROM public.approvals_release x
      CROSS JOIN LATERAL muniment.closure_of_model_version(x.model_version_id) c
      JOIN public.lineage_datasetversion d ON c.kind = 'dataset_version' AND d.id = c.id
      WHERE x.id = p_release), v_at), 'true');
  END IF;
END $$;

-- muniment.serving_rows of one of many: the same rows.
CREATE OR REPLACE FUNCTION muniment.serving_rows_of_many(p_release bigint, p_at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' SET jit = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  c muniment.gate_context;
  f record;
  v_above jsonb;
  v_key record;
  v_one jsonb;
  v_known jsonb := '{}';
  v_new jsonb := '{}';
  v_rows jsonb;
  v_good_for tstzrange;
BEGIN
  IF NOT muniment.remembering() THEN
    RETURN muniment.serving_rows(p_release, p_at);
  END IF;
  SELECT x.dataset_versions, x.model_versions INTO f
    FROM public.approvals_release r CROSS JOIN LATERAL muniment.made_from(r.model_version_id) x WHERE r.id = p_release;
  v_above := muniment.remembered_as(muniment.key_above(f.dataset_versions, f.model_versions), p_at);
  c := muniment.gate_context_of(p_release, NULL, p_at, v_above);
  FOR v_key IN SELECT k.key AS kind, k.value AS name FROM jsonb_each_text(muniment.fact_keys(c)) k LOOP
    v_one := muniment.remembered_as(v_key.name, p_at);
    IF v_one IS NULL THEN
      v_new := v_new || jsonb_build_object(v_key.kind, v_key.name);
    ELSIF v_key.kind = 'privacy' THEN
      c.privacy_epochs := v_one::bigint;
    ELSE
      v_known := v_known || v_one;
    END IF;
  END LOOP;
  c.privacy_epochs := coalesce(c.privacy_epochs, muniment.privacy_epochs(c));
  v_rows := muniment.serving_rows_in(c, v_known, true);
  -- A closed gate undoes the attempt, its locks with it, and what was kept under them.
  IF (v_above IS NULL OR v_new <> '{}') AND muniment.gate_opens(v_rows) THEN
    PERFORM muniment.remember_above(f.dataset_versions, f.model_versions);
    v_good_for := muniment.facts_good_for(c.datasets, p_at);
    FOR v_key IN SELECT k.key AS kind, k.value AS name FROM jsonb_each_text(v_new) k LOOP
      PERFORM muniment.remember(v_key.name, v_good_for, CASE
        WHEN v_key.kind = 'privacy' THEN to_jsonb(c.privacy_epochs)
        ELSE (SELECT coalesce(jsonb_object_agg(r ->> 'key', r), '{}') FROM jsonb_array_elements(v_rows) r
              WHERE r ->> 'kind' = v_key.kind AND r ->> 'status' <> 'ERROR') END);
    END LOOP;
  END IF;
  RETURN v_rows;
END $$;
