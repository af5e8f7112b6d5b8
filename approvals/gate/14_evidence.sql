-- evidence: for a kind of plan, something measured after the plan was locked, on this very artifact, that meets plan and
-- policy, is fresh, and comes from someone independent where the policy asks. A failure stays a gap until the same
-- reporter, or an independent one, measures again under the same plan and it is good.

-- What an item lacks against the policy's own criteria, whatever its plan asked.
CREATE OR REPLACE FUNCTION muniment.policy_shortfalls(evidence bigint, criteria jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_agg(s.lack), '[]') FROM (
      SELECT muniment.shortfall(evidence, k ->> 'metric', coalesce(k ->> 'slice', ''), coalesce(k ->> 'dataset_role', ''),
                                k ->> 'comparator', (k ->> 'threshold')::numeric) AS lack
      FROM jsonb_array_elements(coalesce(criteria, '[]')) k) s
    WHERE s.lack IS NOT NULL);
END $$;

-- Evidence of a kind on what a version did each time it served where a promotion is: promoting again forgets no failure.
-- Monitoring reports a window after the other: the fifty recorded last by a reporter under a plan and those of the fifty
-- newest windows say all there is to say, since a failure stands until a window as new, recorded later, is good. Windows
-- without a verdict are counted apart, and so is what is of no window, measured or not: fifty of them push no failure out of
-- sight. Of windows as many are looked at as count, by the index, however many there are; all of those that the system worked
-- out, since each of their sources has fifty of its own.
CREATE OR REPLACE FUNCTION muniment.newest_while_serving(model_version bigint, promotion bigint, plan_kind text)
RETURNS bigint[] LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN ARRAY(
    WITH reporting AS MATERIALIZED (
      SELECT x.id AS promotion_id, b.plan_id, b.reporter_id, k.kind = 'system' AS by_system
      FROM public.approvals_promotion n
      JOIN public.approvals_release r ON r.model_version_id = newest_while_serving.model_version
      JOIN public.approvals_promotion x ON x.release_id = r.id AND x.environment_id = n.environment_id
      CROSS JOIN LATERAL muniment.reporting_on(x.id) b
      JOIN public.approvals_plan p ON p.id = b.plan_id AND p.kind = newest_while_serving.plan_kind
      JOIN public.governance_principal k ON k.id = b.reporter_id
      WHERE n.id = newest_while_serving.promotion),
    windows AS (
      SELECT g.by_system, g.plan_id, g.reporter_id, w.evidence_id AS id, w.window_end, w.verdict = 'reported' AS unjudged
      FROM reporting g CROSS JOIN (VALUES ('good'), ('bad'), ('reported')) v (verdict)
      CROSS JOIN LATERAL (
        (SELECT m.evidence_id, m.window_end, m.verdict FROM public.approvals_monitoringwindow m
         WHERE m.promotion_id = g.promotion_id AND m.plan_id = g.plan_id AND m.recorded_by_id = g.reporter_id
           AND m.verdict = v.verdict ORDER BY m.evidence_id DESC LIMIT CASE WHEN NOT g.by_system THEN 50 END)
        UNION
        (SELECT m.evidence_id, m.window_end, m.verdict FROM public.approvals_monitoringwindow m
         WHERE m.promotion_id = g.promotion_id AND m.plan_id = g.plan_id AND m.recorded_by_id = g.reporter_id
           AND m.verdict = v.verdict ORDER BY m.window_end DESC, m.evidence_id DESC
         LIMIT CASE WHEN NOT g.by_system THEN 50 END)) w),
    windowless AS (
      SELECT g.by_system, g.plan_id, g.reporter_id, e.id,
             EXISTS (SELECT 1 FROM public.approvals_evidencevalue v WHERE v.evidence_id = e.id)
             OR EXISTS (SELECT 1 FROM public.approvals_evidenceanswer a WHERE a.evidence_id = e.id) AS measured
      FROM reporting g
      JOIN public.approvals_evidence e ON e.promotion_id = g.promotion_id AND e.plan_id = g.plan_id
        AND e.recorded_by_id = g.reporter_id
      WHERE NOT EXISTS (SELECT 1 FROM public.approvals_monitoringwindow m WHERE m.evidence_id = e.id)),
    ranked AS (
      SELECT w.id, row_number() OVER (PARTITION BY w.plan_id, w.reporter_id, s.sources, w.unjudged ORDER BY w.id DESC) AS newest,
             row_number() OVER (PARTITION BY w.plan_id, w.reporter_id, s.sources, w.unjudged
                                ORDER BY w.window_end DESC, w.id DESC) AS newest_window
      FROM windows w CROSS JOIN LATERAL (SELECT CASE WHEN w.by_system THEN muniment.sources_of(w.id) END AS sources) s
      UNION ALL
      SELECT w.id, row_number() OVER (PARTITION BY w.plan_id, w.reporter_id, s.sources, w.measured ORDER BY w.id DESC), NULL
      FROM windowless w CROSS JOIN LATERAL (SELECT CASE WHEN w.by_system THEN muniment.sources_of(w.id) END AS sources) s)
    SELECT r.id FROM ranked r WHERE r.newest <= 50 OR r.newest_window <= 50);
END $$;

-- Who handed in the figures that evidence rests on, in one order.
CREATE OR REPLACE FUNCTION muniment.sources_of(evidence bigint) RETURNS bigint[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN ARRAY(SELECT s.principal_id FROM public.approvals_evidencesource s WHERE s.evidence_id = sources_of.evidence ORDER BY 1);
END $$;

-- Items of evidence of a kind on one subject, newest first, each with the first thing that keeps it from counting. `until`:
-- of a monitoring window its end; NULL: it is none.
CREATE OR REPLACE FUNCTION muniment.weighed_evidence(c muniment.gate_context, p_params jsonb, p_subject text, p_id bigint,
                                                     p_digest text)
RETURNS TABLE (id bigint, plan_id bigint, reporter bigint[], independent boolean, verdict text, until timestamptz, why text,
               params jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_items bigint[];
BEGIN
  CASE p_subject  -- each by its own index
    WHEN 'model' THEN v_items := ARRAY(SELECT e.id FROM public.approvals_evidence e WHERE e.model_version_id = p_id);
    WHEN 'data' THEN v_items := ARRAY(SELECT e.id FROM public.approvals_evidence e WHERE e.dataset_version_id = p_id);
    WHEN 'promotion' THEN v_items := muniment.newest_while_serving(c.model_version_id, p_id, p_params ->> 'plan_kind');
  END CASE;
  RETURN QUERY
  WITH items AS MATERIALIZED (  -- else the verdict would be worked out at each mention of it
    SELECT e.id, e.plan_id, e.subject_digest, e.claim, e.run_started_at, e.valid_until, p.title,
           -- written after the figures are known, in the transaction that locked the plan, a criterion is no plan
           greatest(p.locked_at, (SELECT max(k.recorded_at) FROM public.approvals_plancriterion k WHERE k.plan_id = p.id)) AS locked_at,
           v.persons AS reporter, NOT v.persons && c.makers AS independent,
           b.name AS reporter_name, coalesce(v.names, b.display_name) AS reporter_shown,
           -- a window's is kept as it was worked out: plan and values are final
           coalesce(m.verdict, muniment.evidence_verdict(e.id)) AS verdict, m.window_end AS until,
           muniment.policy_shortfalls(e.id, p_params -> 'criteria') AS below
    FROM public.approvals_evidence e
    JOIN public.approvals_plan p ON p.id = e.plan_id
    JOIN public.governance_principal b ON b.id = e.recorded_by_id
    LEFT JOIN public.approvals_monitoringwindow m ON m.evidence_id = e.id
    CROSS JOIN LATERAL (
      SELECT muniment.vouching_for(e.id, b.id) AS persons, (
        SELECT string_agg(DISTINCT q.display_name, ', ') FROM public.approvals_evidencesource s
        JOIN public.governance_principal q ON q.id = s.principal_id WHERE s.evidence_id = e.id) AS names
      OFFSET 0) v  -- worked out once an item
    WHERE p.kind = p_params ->> 'plan_kind'
      AND e.id = ANY (v_items)
  )
  SELECT i.id, i.plan_id, i.reporter, i.independent, i.verdict, i.until,
    CASE
      WHEN i.subject_digest IS DISTINCT FROM p_digest OR p_digest = '' THEN 'evidence-other-digest'
      WHEN i.verdict = 'bad' THEN 'evidence-failed'
      WHEN i.verdict = 'reported' AND NOT (i.claim = 'passed'
             AND coalesce(p_params -> 'trusted_reporters', '[]') ? i.reporter_name) THEN 'evidence-only-reported'
      WHEN i.run_started_at <= i.locked_at THEN 'evidence-before-plan'
      WHEN i.valid_until <= c.at
        OR i.run_started_at + make_interval(days => (p_params ->> 'max_age_days')::integer) <= c.at THEN 'evidence-stale'
      WHEN coalesce((p_params ->> 'independent')::boolean, false) AND NOT i.independent THEN 'evidence-not-independent'
      WHEN jsonb_array_length(i.below) > 0 THEN 'evidence-below-policy'
    END,
    jsonb_build_object('evidence', i.id, 'plan', i.plan_id, 'title', i.title, 'reporter', i.reporter_shown)
      || CASE WHEN i.verdict = 'bad' THEN jsonb_build_object('shortfalls', muniment.evidence_shortfalls(i.id))
              WHEN jsonb_array_length(i.below) > 0 THEN jsonb_build_object('shortfalls', i.below) ELSE '{}' END
  FROM items i ORDER BY i.id DESC;
END $$;

-- The gaps of one subject, and the evidence its answer rests on: {problems, rests_on}.
CREATE OR REPLACE FUNCTION muniment.evidence_on(c muniment.gate_context, p_params jsonb, p_subject text, p_id bigint,
                                                p_digest text, p_base jsonb, p_plans boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  w record;
  v_good jsonb := '[]';      -- items seen so far (newer ones), good ones: {plan, reporter, independent, until}
  v_failed jsonb := '[]';
  v_first jsonb;             -- what keeps the newest item from counting
  v_counts boolean := false;
  v_rests jsonb := '[]';
BEGIN
  p_base := p_base || jsonb_build_object('plan_kind', p_params ->> 'plan_kind');
  FOR w IN SELECT * FROM muniment.weighed_evidence(c, p_params, p_subject, p_id, p_digest) LOOP
    v_rests := v_rests || jsonb_build_object('kind', 'evidence', 'id', w.id, 'verdict', w.verdict, 'digest', p_digest);
    IF w.why IS NULL THEN
      v_counts := true;
    ELSIF v_first IS NULL THEN
      v_first := muniment.problem(w.why, p_base || w.params);
    END IF;
    IF w.verdict = 'good' AND w.why IS DISTINCT FROM 'evidence-other-digest' THEN
      v_good := v_good || jsonb_build_object('plan', w.plan_id, 'reporter', w.reporter::text, 'independent', w.independent,
                                             'until', w.until);
    -- Truth of an earlier window that comes late, or one that was left out, says nothing of the window that failed.
    ELSIF w.why = 'evidence-failed' AND w.until IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM jsonb_array_elements(v_good) g
            WHERE g -> 'plan' = to_jsonb(w.plan_id) AND (g ->> 'reporter' = w.reporter::text OR (g ->> 'independent')::boolean)
              AND (g ->> 'until')::timestamptz >= w.until)
          OR w.why = 'evidence-failed' AND w.until IS NULL
          AND NOT v_good @> jsonb_build_array(jsonb_build_object('plan', w.plan_id, 'reporter', w.reporter::text))
          AND NOT v_good @> jsonb_build_array(jsonb_build_object('plan', w.plan_id, 'independent', true)) THEN
      v_failed := v_failed || muniment.problem('evidence-failed', p_base || w.params);
    END IF;
  END LOOP;
  RETURN jsonb_build_object('rests_on', v_rests, 'problems', v_failed || CASE
    WHEN v_counts THEN '[]'::jsonb
    WHEN v_first ->> 'reason' = 'evidence-failed' AND jsonb_array_length(v_failed) > 0 THEN '[]'
    WHEN v_first IS NOT NULL THEN jsonb_build_array(v_first)
    WHEN p_plans THEN jsonb_build_array(muniment.problem('evidence-missing', p_base))
    ELSE jsonb_build_array(muniment.problem('plan-missing', p_base)) END);
END $$;

-- All gaps, and what the answer rests on: {problems, rests_on}; NULL for parameters that make no sense.
CREATE OR REPLACE FUNCTION muniment.evidence_found(c muniment.gate_context, p_params jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_kind text := p_params ->> 'plan_kind';
  v_subject text := coalesce(p_params ->> 'subject', 'model');
  v_plans boolean;
  v_one jsonb;
  v_problems jsonb := '[]';
  v_rests jsonb := '[]';
  s record;
BEGIN
  IF v_kind IS NULL OR v_subject NOT IN ('model', 'data', 'promotion') THEN
    RETURN NULL;
  END IF;
  FOR s IN
    SELECT c.model_version_id AS id, c.digest, jsonb_build_object('subject', c.model_name) AS base,
           EXISTS (SELECT 1 FROM public.approvals_plan p WHERE p.model_id = c.model_id AND p.kind = v_kind) AS plans
      WHERE v_subject = 'model'
    UNION ALL
    SELECT v.id, CASE WHEN v.digest_value = '' THEN '' ELSE v.digest_algorithm || ':' || v.digest_value END,
           jsonb_build_object('subject', d.name, 'version', v.label, 'dataset_version', v.id),
           EXISTS (SELECT 1 FROM public.approvals_plan p WHERE p.dataset_id = d.id AND p.kind = v_kind)
      FROM public.lineage_datasetversion v JOIN public.lineage_dataset d ON d.id = v.dataset_id
      WHERE v_subject = 'data' AND v.id = ANY (c.training)
    UNION ALL
    -- The newest promotion of this version in the environment asked for: what was seen of it while it served there.
    (SELECT p.id, c.digest, jsonb_build_object('subject', e.name),
            EXISTS (SELECT 1 FROM public.approvals_plan x WHERE x.model_id = c.model_id AND x.kind = v_kind)
       FROM public.approvals_promotion p
       JOIN public.approvals_release r ON r.id = p.release_id
       JOIN public.approvals_environment e ON e.id = p.environment_id
       WHERE v_subject = 'promotion' AND r.model_version_id = c.model_version_id
         AND e.name = p_params ->> 'environment' ORDER BY p.id DESC LIMIT 1)
    ORDER BY 1
  LOOP
    v_one := muniment.evidence_on(c, p_params, v_subject, s.id, s.digest, s.base, s.plans);
    v_problems := v_problems || (v_one -> 'problems');
    v_rests := v_rests || (v_one -> 'rests_on');
  END LOOP;
  IF NOT FOUND THEN
    v_problems := v_problems || CASE v_subject
      WHEN 'data' THEN muniment.problem('training-data-missing', jsonb_build_object('model', c.model_name))
      ELSE muniment.problem('not-promoted-there', jsonb_build_object('environment', p_params ->> 'environment',
                                                                     'plan_kind', v_kind)) END;
  END IF;
  RETURN jsonb_build_object('problems', v_problems, 'rests_on', v_rests);
END $$;

CREATE OR REPLACE FUNCTION muniment.gate_evidence(c muniment.gate_context, p_params jsonb) RETURNS muniment.gate_answer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_found jsonb := muniment.evidence_found(c, p_params);
BEGIN
  RETURN muniment.answered('evidence-met', jsonb_build_object('plan_kind', p_params ->> 'plan_kind'), v_found -> 'problems',
                           v_found -> 'rests_on');
END $$;
