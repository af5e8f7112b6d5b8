-- What made votes stale: for each stale vote of a release, each change on record since the signature that touched a bound
-- aspect, with who and when. The gate itself compares epochs; this looks up why they moved, for people.
CREATE OR REPLACE FUNCTION muniment.causes_of_staleness(release bigint)
RETURNS TABLE (sign_off_id bigint, aspect text, what text, params jsonb, by_id bigint, at timestamptz)
LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  c muniment.gate_context := muniment.gate_context_of(release, NULL, clock_timestamp());
  v_stale bigint[];
  v_runs bigint[];
BEGIN
  v_stale := ARRAY(SELECT (v ->> 'id')::bigint FROM jsonb_array_elements(muniment.live_votes(c)) v
                   WHERE v ->> 'why' = 'vote-stale');
  IF cardinality(v_stale) = 0 THEN
    RETURN;
  END IF;
  v_runs := ARRAY(SELECT x.id FROM muniment.closure_of_model_version(c.model_version_id) x WHERE x.kind = 'run');
  RETURN QUERY
  WITH votes AS (
    SELECT s.*, muniment.aspects_bound(q.binds::text[]) AS aspects FROM public.approvals_signoff s
    JOIN public.approvals_requirement o ON o.id = s.requirement_id
    JOIN public.approvals_requirement q ON q.policy_version_id = c.policy_version_id AND q.key = o.key
    WHERE s.id = ANY (v_stale)
  ), changes (aspect, what, params, by_id, at) AS (
    SELECT 'subject', 'commit-recorded', jsonb_build_object('commit', h.source_commit), h.history_user_id, h.history_date
      FROM public.lineage_historicalrun h JOIN public.lineage_modelversion v ON v.source_run_id = h.id
      WHERE v.id = c.model_version_id AND h.source_commit IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM public.lineage_historicalrun o
                        WHERE o.id = h.id AND o.history_id < h.history_id AND o.source_commit IS NOT NULL)
    UNION ALL
    SELECT 'subject', 'filled-in', jsonb_build_object('digest', h.digest_value, 'commit', h.code_commit),
           h.history_user_id, h.history_date
      FROM public.lineage_historicalmodelversion h WHERE h.id = c.model_version_id AND h.history_type = '~'
    UNION ALL
    SELECT 'subject', 'parameters-told',
           jsonb_build_object('names', (SELECT left(string_agg(n, ', ' ORDER BY n), 200) FROM jsonb_object_keys(k.parameters) n)),
           k.recorded_by_id, k.recorded_at
      FROM public.lineage_modelversioncompletion k WHERE k.model_version_id = c.model_version_id AND k.parameters <> '{}'
    UNION ALL
    SELECT 'data', 'data-linked', jsonb_build_object('dataset', d.name, 'version', x.label, 'run', i.run_id, 'dataset_version', x.id),
           i.recorded_by_id, i.recorded_at
      FROM public.lineage_runinput i JOIN public.lineage_datasetversion x ON x.id = i.dataset_version_id
      JOIN public.lineage_dataset d ON d.id = x.dataset_id WHERE i.run_id = ANY (v_runs)
    UNION ALL
    SELECT 'data', 'model-linked', jsonb_build_object('model', m.name, 'version', v.number, 'run', i.run_id, 'model_version', v.id),
           i.recorded_by_id, i.recorded_at
      FROM public.lineage_runinput i JOIN public.lineage_modelversion v ON v.id = i.model_version_id
      JOIN public.lineage_model m ON m.id = v.model_id WHERE i.run_id = ANY (v_runs) AND i.role <> 'baseline'
    UNION ALL
    SELECT 'data', 'made-by-run', jsonb_build_object('run', o.run_id, 'run_id', o.run_id), o.recorded_by_id, o.recorded_at
      FROM public.lineage_runoutput o WHERE o.run_id = ANY (v_runs)
    UNION ALL
    SELECT 'data', CASE k.kind WHEN 'void' THEN 'link-voided' ELSE 'link-restored' END, jsonb_build_object('run', r.run_key, 'run_id', r.id),
           k.recorded_by_id, k.recorded_at
      FROM public.lineage_linkcorrection k JOIN public.lineage_run r ON r.id = k.run_id
      WHERE k.id IN (SELECT muniment.corrections_above(c.model_version_id))
    UNION ALL
    SELECT 'privacy', 'terms-narrowed', jsonb_build_object('dataset', d.name, 'number', t.number, 'dataset_id', d.id), t.recorded_by_id,
           greatest(t.recorded_at, t.effective_from)
      FROM public.lineage_collectionterms t JOIN public.lineage_dataset d ON d.id = t.dataset_id
      WHERE t.dataset_id = ANY (c.datasets) AND t.narrows AND t.effective_from <= c.at
    UNION ALL
    SELECT 'privacy', 'terms-withdrawn', jsonb_build_object('dataset', d.name, 'number', t.number, 'dataset_id', d.id), w.recorded_by_id,
           greatest(w.recorded_at, t.effective_from)
      FROM public.lineage_termswithdrawal w JOIN public.lineage_collectionterms t ON t.id = w.terms_id
      JOIN public.lineage_dataset d ON d.id = t.dataset_id
      WHERE t.dataset_id = ANY (c.datasets) AND t.effective_from <= c.at
    UNION ALL
    SELECT 'privacy', 'first-terms', jsonb_build_object('dataset', d.name, 'number', t.number, 'dataset_id', d.id), t.recorded_by_id,
           greatest(t.recorded_at, t.effective_from)
      FROM public.lineage_collectionterms t JOIN public.lineage_dataset d ON d.id = t.dataset_id
      WHERE t.dataset_id = ANY (c.datasets) AND t.number = 1 AND t.effective_from <= c.at
    UNION ALL
    SELECT 'privacy', 'flag-raised',
           jsonb_build_object('dataset', d.name, 'version', x.label, 'category', f.category, 'column', f."column", 'dataset_version', x.id),
           f.recorded_by_id, f.recorded_at
      FROM public.lineage_sensitivityflag f JOIN public.lineage_datasetversion x ON x.id = f.dataset_version_id
      JOIN public.lineage_dataset d ON d.id = x.dataset_id
      WHERE f.dataset_version_id = ANY (c.closure) AND f.raises
    UNION ALL
    SELECT DISTINCT 'privacy', 'flag-let-through', jsonb_build_object('dataset', d.name, 'version', x.label, 'dataset_version', x.id), e.recorded_by_id,
           min(e.recorded_at) OVER (PARTITION BY e.target_id, e.recorded_by_id, e.epoch)
      FROM public.lineage_columnlineage e JOIN public.lineage_datasetversion x ON x.id = e.target_id
      JOIN public.lineage_dataset d ON d.id = x.dataset_id
      WHERE e.target_id = ANY (c.closure) AND e.raises
    UNION ALL
    SELECT 'use', 'use-changed', jsonb_build_object('purpose', h.intended_purpose, 'risk_tier', h.risk_tier,
             'places', to_jsonb(h.deployment_geography)), h.history_user_id, h.history_date
      FROM public.lineage_historicalmodel h
      WHERE h.id = c.model_id AND h.use_epoch > (
        SELECT o.use_epoch FROM public.lineage_historicalmodel o
        WHERE o.id = h.id AND o.history_id < h.history_id ORDER BY o.history_id DESC LIMIT 1)
    UNION ALL
    SELECT 'requirement', 'policy-published', jsonb_build_object('number', pv.number), pp.recorded_by_id, pp.recorded_at
      FROM public.approvals_policypublication pp JOIN public.approvals_policyversion pv ON pv.id = pp.policy_version_id
      JOIN public.approvals_policy p ON p.id = pv.policy_id
      WHERE p.environment_id = c.environment_id AND (p.namespace_id = c.namespace_id OR p.namespace_id IS NULL)
        AND p.risk_tier = c.risk_tier AND p.slot IN ('', c.slot)
  )
  SELECT s.id, x.aspect, x.what, x.params, x.by_id, x.at FROM votes s JOIN changes x
    ON x.at > s.signed_at AND (x.aspect = ANY (s.aspects) OR x.aspect = 'use' AND s.bound ->> 'use_epoch' <> c.use_epoch::text)
  UNION ALL
  SELECT s.id, 'evidence', 'evidence-superseded', jsonb_build_object('evidence', e.id, 'by', n.id,
           'verdict', muniment.evidence_verdict(n.id)), n.recorded_by_id, n.recorded_at
    FROM votes s JOIN public.approvals_evidence e ON e.id = ANY (s.evidence_seen)
    JOIN public.approvals_evidence n ON n.plan_id = e.plan_id AND n.id > e.id
      AND n.model_version_id IS NOT DISTINCT FROM e.model_version_id
      AND n.dataset_version_id IS NOT DISTINCT FROM e.dataset_version_id
      AND n.promotion_id IS NOT DISTINCT FROM e.promotion_id
    WHERE 'evidence' = ANY (s.aspects) AND n.recorded_at > s.signed_at
  ORDER BY 1, 6;
END $$;
