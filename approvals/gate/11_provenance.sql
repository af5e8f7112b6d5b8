-- provenance: something it was trained on is linked, and each dataset version above it says where it comes from.
CREATE OR REPLACE FUNCTION muniment.gate_provenance(c muniment.gate_context, p_params jsonb) RETURNS muniment.gate_answer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_problems jsonb := '[]';
  v_gaps jsonb;
  v_rests jsonb;
  v_corrections bigint[];
BEGIN
  IF cardinality(c.training) = 0 THEN
    v_problems := v_problems || muniment.problem('training-data-missing', jsonb_build_object('model', c.model_name));
  END IF;
  -- A version it was tuned from brings its own data along; without any on record nobody knows what is in it.
  SELECT coalesce(jsonb_agg(muniment.problem('ancestor-data-missing',
           jsonb_build_object('model', m.name, 'version', v.number, 'model_version', v.id)) ORDER BY v.id), '[]')
    INTO v_gaps
    FROM public.lineage_modelversion v JOIN public.lineage_model m ON m.id = v.model_id
    WHERE v.id = ANY (c.ancestors) AND cardinality(muniment.training_of(v.id)) = 0;
  v_problems := v_problems || v_gaps;
  SELECT coalesce(jsonb_agg(muniment.problem('provenance-incomplete', jsonb_build_object(
             'dataset', d.name, 'version', v.label, 'dataset_version', v.id, 'fields', to_jsonb(x.missing))) ORDER BY v.id)
           FILTER (WHERE x.missing IS NULL OR cardinality(x.missing) > 0), '[]'),
         coalesce(jsonb_agg(jsonb_build_object('kind', 'dataset_version', 'id', v.id,
             'digest', v.digest_algorithm || ':' || v.digest_value) ORDER BY v.id), '[]')
    INTO v_gaps, v_rests
    FROM public.lineage_datasetversion v JOIN public.lineage_dataset d ON d.id = v.dataset_id
    LEFT JOIN muniment.provenance_gaps(c.closure, c.ancestors || c.model_version_id) x ON x.id = v.id
    WHERE v.id = ANY (c.closure);
  -- Bytes that were recalled are no source, under whatever name they lie upstream.
  IF EXISTS (SELECT 1 FROM public.lineage_recall) THEN
    SELECT v_gaps || coalesce(jsonb_agg(muniment.problem('source-recalled', jsonb_build_object(
             'name', x.name, 'version', x.version, x.kind, x.id, 'recall', r.id, 'why', left(r.reason, 200))) ORDER BY x.name, x.version), '[]')
      INTO v_gaps
      FROM (
        SELECT 'dataset_version' AS kind, v.id, d.name, v.label AS version, v.digest_algorithm, v.digest_value
          FROM public.lineage_datasetversion v JOIN public.lineage_dataset d ON d.id = v.dataset_id WHERE v.id = ANY (c.closure)
        UNION ALL
        SELECT 'model_version', v.id, m.name, v.number::text, v.digest_algorithm, v.digest_value
          FROM public.lineage_modelversion v JOIN public.lineage_model m ON m.id = v.model_id WHERE v.id = ANY (c.ancestors)) x
      JOIN public.lineage_recall r ON r.digest_value = x.digest_value AND r.digest_algorithm = x.digest_algorithm;
  END IF;
  -- Links that were voided, or restored, are part of what the answer rests on: whoever reads it is told.
  v_corrections := ARRAY(SELECT k FROM muniment.corrections_above(c.model_version_id) k ORDER BY k);
  RETURN muniment.answered(CASE WHEN cardinality(v_corrections) = 0 THEN 'provenance-met' ELSE 'provenance-corrected-met' END,
    jsonb_build_object('versions', cardinality(c.closure), 'corrections', cardinality(v_corrections)), v_problems || v_gaps,
    v_rests || (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', 'link_correction', 'id', k)), '[]')
                FROM unnest(v_corrections) k));
END $$;
