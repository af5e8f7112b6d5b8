-- The bands of a retraining envelope, and what the gate makes of all edges together.

-- What a band may be, beside the base version's value: {base, low, high}, the narrower of its own bounds and of those that
-- follow from the change allowed.
CREATE OR REPLACE FUNCTION muniment.band_bounds(band jsonb, base numeric) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN jsonb_build_object('base', trim_scale(base)::text,
    'low', trim_scale(greatest((band ->> 'low')::numeric, base + (band ->> 'change_low')::numeric))::text,
    'high', trim_scale(least((band ->> 'high')::numeric, base + (band ->> 'change_high')::numeric))::text);
END $$;

-- What a band is measured on: a model version under a plan on the model, else each training version of the plan's dataset.
CREATE OR REPLACE FUNCTION muniment.band_subjects(c muniment.gate_context, change_band jsonb)
RETURNS TABLE (kind text, subject text, id bigint, digest text) LANGUAGE plpgsql STABLE ROWS 2
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT n.kind::text, 'model', c.model_version_id, c.digest FROM public.approvals_plan n
      WHERE n.id = (change_band ->> 'plan')::bigint AND n.model_id IS NOT NULL
    UNION ALL
    SELECT n.kind::text, 'data', v.id, CASE WHEN v.digest_value = '' THEN '' ELSE v.digest_algorithm || ':' || v.digest_value END
      FROM public.approvals_plan n JOIN public.lineage_datasetversion v ON v.dataset_id = n.dataset_id
      WHERE n.id = (change_band ->> 'plan')::bigint AND v.id = ANY (c.training);
END $$;

-- The base version's value of each band of the plan that its release carries, from evidence that counts; null where none
-- does. Kept in the basis: what is reported on the base version later moves no band.
CREATE OR REPLACE FUNCTION muniment.base_values(c muniment.gate_context) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_agg(x.value ORDER BY b.n), '[]')
    FROM public.approvals_changeplan p CROSS JOIN LATERAL jsonb_array_elements(p.bands) WITH ORDINALITY AS b (band, n)
    LEFT JOIN LATERAL (
      SELECT trim_scale(v.value)::text AS value FROM muniment.band_subjects(c, b.band) s
      CROSS JOIN LATERAL muniment.band_values(c, b.band, '{}', s.kind, s.subject, s.id, s.digest) v
      WHERE v.why IS NULL ORDER BY v.evidence DESC LIMIT 1) x ON true
    WHERE p.id = c.change_plan_id);
END $$;

-- Every value of a band's metric ever measured on a subject under the band's plan: whether it lies inside, and whether its
-- evidence counts (the gate's own rule on plan, artifact, freshness and independence). What fell outside once, or failed
-- its plan, stays: a retrain measured again until it fits is for people to look at.
CREATE OR REPLACE FUNCTION muniment.band_values(c muniment.gate_context, band jsonb, bounds jsonb, p_kind text, p_subject text,
                                                p_id bigint, p_digest text)
RETURNS TABLE (evidence bigint, value numeric, ci_low numeric, ci_high numeric, why text, inside boolean)
LANGUAGE plpgsql STABLE ROWS 5 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_whole boolean := coalesce((band ->> 'whole_interval')::boolean, false);
BEGIN
  RETURN QUERY
    SELECT w.id, v.value, v.ci_low, v.ci_high, w.why, coalesce(
      (CASE WHEN v_whole THEN v.ci_low ELSE v.value END) >= coalesce((bounds ->> 'low')::numeric, -1e30)
      AND (CASE WHEN v_whole THEN v.ci_high ELSE v.value END) <= coalesce((bounds ->> 'high')::numeric, 1e30)
      AND w.verdict <> 'bad', false)
    FROM muniment.weighed_evidence(c, jsonb_build_object('plan_kind', p_kind,
           'independent', coalesce((band ->> 'independent')::boolean, true)), p_subject, p_id, p_digest) w
    JOIN public.approvals_evidencevalue v ON v.evidence_id = w.id
    WHERE w.plan_id = (band ->> 'plan')::bigint AND w.why IS DISTINCT FROM 'evidence-other-digest'
      AND v.metric = band ->> 'metric' AND v.slice = coalesce(band ->> 'slice', '')
      AND coalesce(band ->> 'dataset_role', '') IN ('', v.dataset_role)
    ORDER BY w.id DESC;
END $$;

CREATE OR REPLACE FUNCTION muniment.edge_of_band(c muniment.gate_context, change_band jsonb, n bigint, base text)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  b jsonb := muniment.band_bounds(change_band, base::numeric);
  pl public.approvals_plan%ROWTYPE;
  v_params jsonb;
  v_baseless boolean := base IS NULL AND coalesce(change_band ->> 'change_low', change_band ->> 'change_high') IS NOT NULL;
  v_seen record;
  v_subjects integer := 0;  -- what has to be measured
  v_measured integer := 0;  -- what was, so that it counts
  v_missing boolean := false;
  v_worst record;
  s record;
BEGIN
  SELECT NULL::bigint AS evidence, NULL::numeric AS value, NULL::numeric AS ci_low, NULL::numeric AS ci_high,
         NULL::text AS why, NULL::boolean AS inside INTO v_worst;
  SELECT x.* INTO STRICT pl FROM public.approvals_plan x WHERE x.id = (change_band ->> 'plan')::bigint;
  v_params := jsonb_build_object('metric', change_band ->> 'metric', 'slice', coalesce(change_band ->> 'slice', ''),
    'plan', pl.id, 'title', pl.title, 'kind', pl.kind, 'base', b -> 'base');
  FOR s IN SELECT x.* FROM muniment.band_subjects(c, change_band) x LOOP
    v_subjects := v_subjects + 1;
    -- Outside goes before inside, what counts before what does not; the newest of those.
    SELECT x.* INTO v_seen FROM muniment.band_values(c, change_band, b, s.kind, s.subject, s.id, s.digest) x
      ORDER BY x.inside, (x.why IS NULL) DESC, x.evidence DESC LIMIT 1;
    IF v_seen.evidence IS NOT NULL AND (v_worst.evidence IS NULL OR v_worst.inside AND NOT v_seen.inside) THEN
      v_worst := v_seen;
    END IF;
    v_missing := v_missing OR v_seen.evidence IS NULL;
    v_measured := v_measured + (v_seen.inside AND v_seen.why IS NULL)::integer;
  END LOOP;
  RETURN muniment.edge('band:' || n, v_subjects > 0 AND coalesce(v_measured, 0) = v_subjects
      AND NOT v_baseless, CASE
      WHEN v_baseless THEN 'band-without-base'
      WHEN v_worst.evidence IS NULL THEN 'band-not-measured'
      WHEN NOT v_worst.inside AND (change_band ->> 'whole_interval')::boolean
           AND (v_worst.ci_low IS NULL OR v_worst.ci_high IS NULL) THEN 'band-without-interval'
      WHEN NOT v_worst.inside THEN 'band-outside'
      WHEN v_missing THEN 'band-not-measured'
      ELSE 'band-not-counting' END,
    jsonb_build_object('low', b -> 'low', 'high', b -> 'high'),
    CASE WHEN v_worst.evidence IS NULL THEN 'null'::jsonb
         ELSE jsonb_build_object('value', trim_scale(v_worst.value)::text, 'ci_low', trim_scale(v_worst.ci_low)::text,
                                 'ci_high', trim_scale(v_worst.ci_high)::text, 'evidence', v_worst.evidence) END,
    v_params || jsonb_build_object('why', v_worst.why));
END $$;

CREATE OR REPLACE FUNCTION muniment.envelope_edges(c muniment.gate_context, change_plan bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p public.approvals_changeplan%ROWTYPE;
  u public.approvals_changeplanuse%ROWTYPE;
BEGIN
  SELECT x.* INTO STRICT p FROM public.approvals_changeplan x WHERE x.id = envelope_edges.change_plan;
  SELECT x.* INTO STRICT u FROM public.approvals_changeplanuse x WHERE x.change_plan_id = p.id AND x.number = 0;
  RETURN muniment.edges_of_making(c, p, u.basis) || muniment.edges_of_parameters(c, p, u.basis)
    || muniment.edges_of_data(c, p, u.basis) || muniment.edges_of_privacy(c, u.basis)
    || (SELECT coalesce(jsonb_agg(muniment.edge_of_band(c, b.band, b.n, u.basis -> 'bands' ->> (b.n - 1)::integer) ORDER BY b.n), '[]')
        FROM jsonb_array_elements(p.bands) WITH ORDINALITY AS b (band, n));
END $$;

-- How the envelope of its place judges a release: the plan's state with `edges` and `inside`. NULL where it does not: none
-- ever came into force there, the release is of the base version itself, brings a plan of its own, or is a periodic review.
CREATE OR REPLACE FUNCTION muniment.envelope_of(c muniment.gate_context) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_plan bigint := muniment.change_plan_at(c.model_id, c.environment_id, c.slot);
  v_state jsonb;
  v_edges jsonb := '[]';
BEGIN
  IF v_plan IS NULL OR c.change_plan_id IS NOT NULL OR EXISTS (
       SELECT 1 FROM public.approvals_release r WHERE r.id = c.release_id AND r.review_of_id IS NOT NULL) THEN
    RETURN NULL;
  END IF;
  v_state := muniment.change_plan_state(v_plan, c.at, c.release_id);
  IF (v_state ->> 'base')::bigint = c.model_version_id OR v_state ->> 'ended' = 'plan-replaced' THEN
    RETURN NULL;
  END IF;
  BEGIN
    v_edges := muniment.envelope_edges(c, v_plan);
  EXCEPTION WHEN OTHERS THEN  -- what could not be compared was not found inside: the review is full
    IF left(SQLSTATE, 2) IN ('40', '53', '55', '57', '58', 'XX') THEN
      RAISE;
    END IF;
    v_edges := jsonb_build_array(muniment.edge('comparison', false, 'comparison-failed', 'null', to_jsonb(left(SQLERRM, 500))));
  END;
  RETURN v_state || jsonb_build_object('edges', v_edges, 'inside', v_state -> 'ended' = 'null' AND jsonb_array_length(v_edges) > 0
    AND NOT jsonb_path_exists(v_edges, '$[*] ? (!(@.inside == true))'));
END $$;

-- A signature that is missing, under an envelope: waived where the release lies inside it, the plan does not keep this
-- signature, nobody rejected, and the policy has asked for it in the same words ever since the plan was approved. Where it
-- is not waived though the plan leaves it out, the answer says why.
CREATE OR REPLACE FUNCTION muniment.within_envelope(c muniment.gate_context, p_requirement bigint, p_key text,
                                                    a muniment.gate_answer) RETURNS muniment.gate_answer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_basis jsonb;
  v_approved bigint;
  v_why text;
BEGIN
  IF c.envelope IS NULL OR a.status IS DISTINCT FROM 'UNSATISFIED' OR c.envelope -> 'keeps' ? p_key THEN
    RETURN a;
  END IF;
  SELECT u.basis INTO v_basis FROM public.approvals_changeplanuse u
    WHERE u.change_plan_id = (c.envelope ->> 'plan')::bigint AND u.number = 0;
  SELECT o.id INTO v_approved FROM public.approvals_requirement o
    WHERE o.policy_version_id = (v_basis ->> 'policy_version')::bigint AND o.key = p_key AND o.kind = 'signoff';
  v_why := CASE
    WHEN c.envelope ->> 'ended' IS NOT NULL THEN c.envelope ->> 'ended'
    WHEN NOT coalesce((c.envelope ->> 'inside')::boolean, false) THEN 'envelope-edge-crossed'
    WHEN v_approved IS NULL OR muniment.asked_otherwise(c, v_approved, v_basis) IS NOT FALSE THEN 'signature-asked-otherwise'
    WHEN EXISTS (SELECT 1 FROM jsonb_array_elements(c.votes) v
                 WHERE (v ->> 'requirement')::bigint = p_requirement AND v ->> 'vote' = 'reject'
                   AND NOT EXISTS (SELECT 1 FROM public.approvals_vetolift l WHERE l.sign_off_id = (v ->> 'id')::bigint))
      THEN 'signature-rejected' END;
  IF v_why IS NOT NULL THEN
    a.params := a.params || jsonb_build_object('envelope', jsonb_build_object('plan', c.envelope -> 'plan',
      'title', c.envelope -> 'title', 'why', v_why, 'crossed', jsonb_path_query_array(
        c.envelope -> 'edges', '$[*] ? (!(@.inside == true)).key'), 'metrics', (
          SELECT coalesce(jsonb_object_agg(e.edge ->> 'key', jsonb_build_object(
                   'metric', e.edge -> 'params' -> 'metric', 'slice', e.edge -> 'params' -> 'slice')), '{}')
          FROM jsonb_array_elements(c.envelope -> 'edges') AS e (edge)
          WHERE e.edge ->> 'key' LIKE 'band:%' AND e.edge -> 'inside' IS DISTINCT FROM 'true')));
    RETURN a;
  END IF;
  RETURN ('WAIVED', 'inside-envelope', jsonb_build_object('plan', c.envelope -> 'plan', 'title', c.envelope -> 'title',
      'use', (c.envelope ->> 'used')::integer + 1, 'uses', c.envelope -> 'uses', 'role', a.params -> 'role'),
    jsonb_build_array(jsonb_build_object('kind', 'change_plan', 'id', c.envelope -> 'plan')) || a.rests_on)::muniment.gate_answer;
END $$;

-- How the envelope judges a release now, for people and pipelines (see muniment.envelope_of); of one that went live on it,
-- as it was decided then.
CREATE OR REPLACE FUNCTION muniment.envelope_of_release(release bigint, at timestamptz DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' SET jit = off
SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM public.approvals_releaseclosure x WHERE x.release_id = envelope_of_release.release) THEN
    RETURN (
      SELECT muniment.change_plan_state(u.change_plan_id, clock_timestamp()) || u.basis
               || jsonb_build_object('used', u.number - 1, 'inside', true, 'ended', NULL)
      FROM public.approvals_promotion n JOIN public.approvals_changeplanuse u ON u.promotion_id = n.id
      WHERE n.release_id = envelope_of_release.release AND u.number > 0);
  END IF;
  RETURN muniment.envelope_of(muniment.gate_context_of(release, NULL, coalesce(envelope_of_release.at, clock_timestamp())));
END $$;
