-- The way of a change: everything made from some records, and by which way. For facts, which must be recordable however
-- much lies below them: no limit, any number of starts, one number per record (id * 4 + kind: 0 dataset version, 1 run,
-- 2 model version), so that 100,000 edges are walked in a fraction of a second.

-- Every record below the starts, themselves included. A baseline model is compared with, not built on.
CREATE OR REPLACE FUNCTION muniment.below(dataset_versions bigint[], model_versions bigint[]) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE ROWS 1000 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
  RETURN QUERY
    WITH RECURSIVE down (key) AS (
      SELECT s.key FROM (SELECT d.id * 4 FROM unnest(dataset_versions) AS d (id)
                         UNION SELECT m.id * 4 + 2 FROM unnest(model_versions) AS m (id)) AS s (key)
      UNION
      SELECT n.key FROM down CROSS JOIN LATERAL (
        SELECT i.run_id * 4 + 1 FROM muniment.run_inputs i
          WHERE down.key & 3 = 0 AND i.dataset_version_id = down.key >> 2
        UNION ALL
        SELECT i.run_id * 4 + 1 FROM muniment.run_inputs i
          WHERE down.key & 3 = 2 AND i.model_version_id = down.key >> 2 AND i.role <> 'baseline'
        UNION ALL
        SELECT v.id * 4 + 2 FROM public.lineage_modelversion v
          WHERE down.key & 3 = 2 AND v.parent_version_id = down.key >> 2
        UNION ALL
        SELECT v.id * 4 + 2 FROM public.lineage_modelversion v
          WHERE down.key & 3 = 1 AND v.source_run_id = down.key >> 2
        UNION ALL
        SELECT coalesce(o.dataset_version_id * 4, o.model_version_id * 4 + 2) FROM muniment.run_outputs o
          WHERE down.key & 3 = 1 AND o.run_id = down.key >> 2
      ) AS n (key)
    )
    SELECT d.key FROM down d;
END $$;

-- One way from the starts to each target (model versions below them): steps counted from the target upwards. One record
-- above each, the oldest; sixty steps at most, so that a loop ends.
CREATE OR REPLACE FUNCTION muniment.ways_down(below bigint[], starts bigint[], targets bigint[])
RETURNS TABLE (target bigint, step integer, key bigint) LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    WITH RECURSIVE reached AS MATERIALIZED (
      SELECT b.key, (b.key & 3)::integer AS kind, b.key >> 2 AS id FROM unnest(below) AS b (key)
    ), above AS MATERIALIZED (
      SELECT DISTINCT ON (e.child) e.child, e.parent FROM (
        SELECT i.run_id * 4 + 1 AS child, r.key AS parent FROM reached r
          JOIN muniment.run_inputs i ON i.dataset_version_id = r.id WHERE r.kind = 0
        UNION ALL
        SELECT i.run_id * 4 + 1, r.key FROM reached r
          JOIN muniment.run_inputs i ON i.model_version_id = r.id AND i.role <> 'baseline' WHERE r.kind = 2
        UNION ALL
        SELECT v.id * 4 + 2, r.key FROM reached r JOIN public.lineage_modelversion v ON v.parent_version_id = r.id
          WHERE r.kind = 2
        UNION ALL
        SELECT v.id * 4 + 2, r.key FROM reached r JOIN public.lineage_modelversion v ON v.source_run_id = r.id
          WHERE r.kind = 1
        UNION ALL
        SELECT coalesce(o.dataset_version_id * 4, o.model_version_id * 4 + 2), r.key FROM reached r
          JOIN muniment.run_outputs o ON o.run_id = r.id WHERE r.kind = 1
      ) e WHERE NOT e.child = ANY (starts) ORDER BY e.child, e.parent
    ), ways (target, step, key) AS (
      SELECT t, 0, t FROM unnest(targets) t
      UNION ALL
      SELECT w.target, w.step + 1, a.parent FROM ways w JOIN above a ON a.child = w.key WHERE w.step < 60
    )
    SELECT w.target, w.step, w.key FROM ways w;
END $$;

-- Records as a chain names them: kind, id, the page they stand on, name, detail, and the namespace (whoever may not read
-- that is told nothing of the name).
CREATE OR REPLACE FUNCTION muniment.named_records(keys bigint[]) RETURNS TABLE (key bigint, said jsonb)
LANGUAGE plpgsql STABLE ROWS 1000 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    SELECT v.id * 4, jsonb_build_object('kind', 'dataset_version', 'id', v.id, 'page', v.dataset_id, 'name', d.name,
                                        'detail', v.label, 'namespace', d.namespace_id)
      FROM public.lineage_datasetversion v JOIN public.lineage_dataset d ON d.id = v.dataset_id
      WHERE v.id = ANY (SELECT k >> 2 FROM unnest(keys) k WHERE k & 3 = 0)
    UNION ALL
    SELECT r.id * 4 + 1, jsonb_build_object('kind', 'run', 'id', r.id, 'page', NULL, 'name', r.job_name,
                                            'detail', r.run_key, 'namespace', r.namespace_id)
      FROM public.lineage_run r WHERE r.id = ANY (SELECT k >> 2 FROM unnest(keys) k WHERE k & 3 = 1)
    UNION ALL
    SELECT v.id * 4 + 2, jsonb_build_object('kind', 'model_version', 'id', v.id, 'page', v.id, 'name', m.name,
                                            'detail', v.number::text, 'namespace', m.namespace_id)
      FROM public.lineage_modelversion v JOIN public.lineage_model m ON m.id = v.model_id
      WHERE v.id = ANY (SELECT k >> 2 FROM unnest(keys) k WHERE k & 3 = 2);
END $$;
