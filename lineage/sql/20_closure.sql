-- What a model version was made from: read from runs, never stored.

-- Every dataset version, model version and run upstream, the version itself included. UNION on kind and id alone: with
-- a depth or a path in the row, graphs with many paths (or a loop) never end. A baseline model is what a run was compared
-- with, not what came of it, and is not followed.
-- Raises MU009 'closure-too-large' beyond 50,000 rows: the gate answers ERROR rather than guess.
CREATE OR REPLACE FUNCTION muniment.closure_of_model_version(model_version bigint)
RETURNS TABLE (kind text, id bigint) LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_count bigint;
BEGIN
  RETURN QUERY
    WITH RECURSIVE up (kind, id) AS (
      SELECT 'model_version', v.id FROM public.lineage_modelversion v WHERE v.id = model_version
      UNION
      SELECT n.kind, n.id FROM up CROSS JOIN LATERAL (
        SELECT 'run', v.source_run_id FROM public.lineage_modelversion v
          WHERE up.kind = 'model_version' AND v.id = up.id AND v.source_run_id IS NOT NULL
        UNION ALL
        SELECT 'model_version', v.parent_version_id FROM public.lineage_modelversion v
          WHERE up.kind = 'model_version' AND v.id = up.id AND v.parent_version_id IS NOT NULL
        UNION ALL
        SELECT 'run', o.run_id FROM muniment.run_outputs o
          WHERE up.kind = 'model_version' AND o.model_version_id = up.id
        UNION ALL
        SELECT 'run', o.run_id FROM muniment.run_outputs o
          WHERE up.kind = 'dataset_version' AND o.dataset_version_id = up.id
        UNION ALL
        SELECT 'dataset_version', i.dataset_version_id FROM muniment.run_inputs i
          WHERE up.kind = 'run' AND i.run_id = up.id AND i.dataset_version_id IS NOT NULL
        UNION ALL
        SELECT 'model_version', i.model_version_id FROM muniment.run_inputs i
          WHERE up.kind = 'run' AND i.run_id = up.id AND i.model_version_id IS NOT NULL AND i.role <> 'baseline'
      ) AS n (kind, id)
    )
    SELECT up.kind, up.id FROM up LIMIT 50001;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count > 50000 THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', MESSAGE = 'More than 50,000 records lie upstream of this model version.',
      DETAIL = 'closure-too-large', HINT = 'Register what it was made from in fewer steps, as a version of its own.';
  END IF;
END $$;

-- The roots to share before deciding on a model version: models and versions, datasets and runs of its closure. A
-- promotion reads them again after locking, in a statement of its own, until there are no more than it holds.
CREATE OR REPLACE FUNCTION muniment.roots_of_model_version(model_version bigint)
RETURNS TABLE (kind text, id bigint) LANGUAGE sql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
  WITH closure AS MATERIALIZED (SELECT c.kind, c.id FROM muniment.closure_of_model_version(model_version) c)
  SELECT c.kind, c.id FROM closure c WHERE c.kind IN ('model_version', 'run')
  UNION
  SELECT 'model', v.model_id FROM closure c JOIN public.lineage_modelversion v ON v.id = c.id
    WHERE c.kind = 'model_version'
  UNION
  SELECT 'dataset', d.dataset_id FROM closure c JOIN public.lineage_datasetversion d ON d.id = c.id
    WHERE c.kind = 'dataset_version'
$$;

-- Everything made from a dataset version: runs that read it, what came out of them, and so on. The way of a withdrawal.
CREATE OR REPLACE FUNCTION muniment.downstream_of_dataset_version(dataset_version bigint)
RETURNS TABLE (kind text, id bigint) LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_count bigint;
BEGIN
  RETURN QUERY
    WITH RECURSIVE down (kind, id) AS (
      SELECT 'dataset_version', d.id FROM public.lineage_datasetversion d WHERE d.id = dataset_version
      UNION
      SELECT n.kind, n.id FROM down CROSS JOIN LATERAL (
        SELECT 'run', i.run_id FROM muniment.run_inputs i
          WHERE down.kind = 'dataset_version' AND i.dataset_version_id = down.id
        UNION ALL
        SELECT 'run', i.run_id FROM muniment.run_inputs i
          WHERE down.kind = 'model_version' AND i.model_version_id = down.id AND i.role <> 'baseline'
        UNION ALL
        SELECT 'model_version', v.id FROM public.lineage_modelversion v
          WHERE down.kind = 'model_version' AND v.parent_version_id = down.id
        UNION ALL
        SELECT 'model_version', v.id FROM public.lineage_modelversion v
          WHERE down.kind = 'run' AND v.source_run_id = down.id
        UNION ALL
        SELECT 'dataset_version', o.dataset_version_id FROM muniment.run_outputs o
          WHERE down.kind = 'run' AND o.run_id = down.id AND o.dataset_version_id IS NOT NULL
        UNION ALL
        SELECT 'model_version', o.model_version_id FROM muniment.run_outputs o
          WHERE down.kind = 'run' AND o.run_id = down.id AND o.model_version_id IS NOT NULL
      ) AS n (kind, id)
    )
    SELECT down.kind, down.id FROM down LIMIT 50001;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count > 50000 THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', MESSAGE = 'More than 50,000 records lie downstream of this dataset version.',
      DETAIL = 'closure-too-large', HINT = 'Ask for one of the records made from it instead.';
  END IF;
END $$;
