-- findings: nothing open and blocking on the model, the version, the data above it, or the model's live promotions.
CREATE OR REPLACE FUNCTION muniment.gate_findings(c muniment.gate_context, p_params jsonb) RETURNS muniment.gate_answer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_problems jsonb;
BEGIN
  SELECT coalesce(jsonb_agg(muniment.problem(
           CASE WHEN f.blocks THEN 'finding-open' ELSE 'finding-overdue' END,
           jsonb_build_object('finding', f.id, 'severity', f.severity, 'text', left(f.text, 200),
                              'owner', (SELECT display_name FROM public.governance_principal WHERE id = f.owner_id)))
           ORDER BY f.id), '[]') INTO v_problems
  FROM (
    SELECT * FROM public.approvals_finding WHERE model_id = c.model_id
    UNION ALL SELECT * FROM public.approvals_finding WHERE model_version_id = c.model_version_id
    UNION ALL SELECT * FROM public.approvals_finding WHERE dataset_id = ANY (c.datasets)
    UNION ALL SELECT * FROM public.approvals_finding WHERE promotion_id IN (
      SELECT promotion_id FROM public.approvals_liveslot WHERE model_id = c.model_id)
  ) f
  WHERE (f.blocks OR (f.when_overdue = 'block' AND f.due <= c.at))
    AND coalesce((SELECT e.kind FROM public.approvals_findingevent e
                  WHERE e.finding_id = f.id AND e.kind IN ('closed', 'reopened')
                  ORDER BY e.id DESC LIMIT 1), 'reopened') = 'reopened';
  RETURN muniment.answered('findings-met', '{}', v_problems, '[]');
END $$;
