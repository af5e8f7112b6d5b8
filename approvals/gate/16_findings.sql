-- findings: nothing open and blocking on the model, the version, the data above it, or any promotion of the model: what
-- was found on one does not go away with it. A condition falls with the vote it was part of.
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
    UNION ALL SELECT x.* FROM public.approvals_finding x JOIN public.approvals_promotion p ON p.id = x.promotion_id
              WHERE p.model_id = c.model_id
  ) f
  WHERE (f.blocks OR (f.when_overdue IN ('block', 'suspend') AND f.due <= c.at))
    AND NOT EXISTS (SELECT 1 FROM public.approvals_signoffwithdrawal w WHERE w.sign_off_id = f.sign_off_id)
    AND coalesce((SELECT e.kind FROM public.approvals_findingevent e
                  WHERE e.finding_id = f.id AND e.kind IN ('closed', 'reopened')
                  ORDER BY e.id DESC LIMIT 1), 'reopened') = 'reopened';
  RETURN muniment.answered('findings-met', '{}', v_problems, '[]');
END $$;

-- Findings that are open and overdue, and whose answer to that is that the model serves no more; per model version.
-- Subject: the version, its model, or a promotion of the version. For `/live`, which asks by the clock, scheduler or not.
CREATE OR REPLACE FUNCTION muniment.overdue_findings(model_versions bigint[], at timestamptz)
RETURNS TABLE (model_version_id bigint, finding_id bigint, due timestamptz)
LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT f.of, f.id, f.due FROM (
      SELECT x.model_version_id AS of, x.id, x.due, x.sign_off_id FROM public.approvals_finding x
        WHERE x.model_version_id = ANY (model_versions) AND x.when_overdue = 'suspend' AND x.due <= overdue_findings.at
      UNION ALL
      SELECT v.id, x.id, x.due, x.sign_off_id FROM public.lineage_modelversion v
        JOIN public.approvals_finding x ON x.model_id = v.model_id
        WHERE v.id = ANY (model_versions) AND x.when_overdue = 'suspend' AND x.due <= overdue_findings.at
      UNION ALL
      SELECT r.model_version_id, x.id, x.due, x.sign_off_id FROM public.approvals_release r
        JOIN public.approvals_promotion p ON p.release_id = r.id
        JOIN public.approvals_finding x ON x.promotion_id = p.id
        WHERE r.model_version_id = ANY (model_versions) AND x.when_overdue = 'suspend' AND x.due <= overdue_findings.at
    ) f
    WHERE muniment.finding_open(f.id)
      AND NOT EXISTS (SELECT 1 FROM public.approvals_signoffwithdrawal w WHERE w.sign_off_id = f.sign_off_id);
END $$;

CREATE OR REPLACE FUNCTION muniment.finding_open(finding bigint) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN coalesce((SELECT e.kind FROM public.approvals_findingevent e
                   WHERE e.finding_id = finding AND e.kind IN ('closed', 'reopened') ORDER BY e.id DESC LIMIT 1),
                  'reopened') = 'reopened';
END $$;
