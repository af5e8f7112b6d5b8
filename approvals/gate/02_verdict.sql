-- The verdict on an item of evidence, worked out from its plan's criteria and its measured values. Nobody states it.
CREATE OR REPLACE FUNCTION muniment.holds_against(value numeric, comparator text, threshold numeric) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE comparator WHEN 'ge' THEN value >= threshold WHEN 'gt' THEN value > threshold
                         WHEN 'le' THEN value <= threshold WHEN 'lt' THEN value < threshold
                         WHEN 'eq' THEN value = threshold END;
END $$;

-- What an item lacks against one criterion: NULL where it holds. A value that is not there lacks.
CREATE OR REPLACE FUNCTION muniment.shortfall(evidence bigint, p_metric text, p_slice text, p_role text, p_comparator text,
                                              p_threshold numeric) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_count integer;
  v_worst text;
BEGIN
  -- NaN sorts above every number: a bound of NaN would let any value below it pass.
  IF p_threshold IS NULL OR NOT (p_threshold > -1e30 AND p_threshold < 1e30) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', MESSAGE = 'A threshold is not a finite number.', DETAIL = 'threshold-not-finite';
  END IF;
  SELECT count(*), min(trim_scale(v.value)::text)
           FILTER (WHERE muniment.holds_against(v.value, p_comparator, p_threshold) IS NOT TRUE)
    INTO v_count, v_worst FROM public.approvals_evidencevalue v
    WHERE v.evidence_id = evidence AND v.metric = p_metric AND v.slice = p_slice
      AND (p_role = '' OR v.dataset_role = p_role);
  IF v_count > 0 AND v_worst IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN jsonb_build_object('metric', p_metric, 'slice', p_slice, 'dataset_role', p_role, 'comparator', p_comparator,
    'threshold', trim_scale(p_threshold)::text, 'value', v_worst);
END $$;

-- Every criterion and checklist item of its plan that an item of evidence does not meet.
CREATE OR REPLACE FUNCTION muniment.evidence_shortfalls(evidence bigint) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_agg(s.lack ORDER BY s.n, s.id), '[]') FROM (
      SELECT 1 AS n, c.id,
             muniment.shortfall(e.id, c.metric, c.slice, c.dataset_role, c.comparator, c.threshold) AS lack
        FROM public.approvals_evidence e JOIN public.approvals_plancriterion c ON c.plan_id = e.plan_id WHERE e.id = evidence
      UNION ALL
      SELECT 2, i.n, jsonb_build_object('item', i.n, 'statement', i.statement, 'answer', a.answer)
        FROM public.approvals_evidence e JOIN public.approvals_plan p ON p.id = e.plan_id,
             unnest(p.checklist) WITH ORDINALITY AS i (statement, n)
             LEFT JOIN public.approvals_evidenceanswer a ON a.evidence_id = evidence AND a.item = i.n
        WHERE e.id = evidence AND (a.answer IS NULL OR a.answer = 'no')
    ) s WHERE s.lack IS NOT NULL);
END $$;

CREATE OR REPLACE FUNCTION muniment.evidence_verdict(evidence bigint) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_bounds boolean;
  v_measured boolean;
BEGIN
  SELECT EXISTS (SELECT 1 FROM public.approvals_plancriterion c WHERE c.plan_id = p.id) OR cardinality(p.checklist) > 0,
         EXISTS (SELECT 1 FROM public.approvals_evidencevalue v WHERE v.evidence_id = e.id)
           OR EXISTS (SELECT 1 FROM public.approvals_evidenceanswer a WHERE a.evidence_id = e.id)
    INTO v_bounds, v_measured
    FROM public.approvals_evidence e JOIN public.approvals_plan p ON p.id = e.plan_id WHERE e.id = evidence;
  IF NOT v_measured OR NOT v_bounds THEN
    RETURN 'reported';  -- nothing measured, or nothing to measure it by: a claim at most
  END IF;
  RETURN CASE WHEN jsonb_array_length(muniment.evidence_shortfalls(evidence)) = 0 THEN 'good' ELSE 'bad' END;
END $$;
