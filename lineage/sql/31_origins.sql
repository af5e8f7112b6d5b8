-- Which dataset versions have their origin in what they were made from. One that only feeds on itself, over however many
-- steps, has none: two versions each made from the other would owe nobody an answer.
--
-- Among the records asked about; what lies outside counts as an origin. The gate asks with everything upstream, so that
-- nothing lies outside. A model compared with (`baseline`) is no origin. Model versions count as negative ids.
CREATE OR REPLACE FUNCTION muniment.with_origin_above(dataset_versions bigint[], model_versions bigint[])
RETURNS SETOF bigint LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    WITH RECURSIVE nodes AS MATERIALIZED (
      SELECT d.id FROM unnest(dataset_versions) AS d (id) UNION SELECT -m.id FROM unnest(model_versions) AS m (id)
    ), runs AS (
      SELECT o.dataset_version_id AS below, o.run_id FROM muniment.run_outputs o
        WHERE o.dataset_version_id = ANY (dataset_versions)
      UNION
      SELECT -o.model_version_id, o.run_id FROM muniment.run_outputs o
        WHERE o.model_version_id = ANY (model_versions)
      UNION
      SELECT -v.id, v.source_run_id FROM public.lineage_modelversion v
        WHERE v.id = ANY (model_versions) AND v.source_run_id IS NOT NULL
    ), edges AS MATERIALIZED (
      SELECT e.below, e.above, n.id IS NULL AS outside FROM (
        SELECT r.below, coalesce(i.dataset_version_id, -i.model_version_id) AS above
          FROM runs r JOIN muniment.run_inputs i ON i.run_id = r.run_id
          WHERE i.model_version_id IS NULL OR i.role <> 'baseline'
        UNION
        SELECT -v.id, -v.parent_version_id FROM public.lineage_modelversion v
          WHERE v.id = ANY (model_versions) AND v.parent_version_id IS NOT NULL
      ) e LEFT JOIN nodes n ON n.id = e.above WHERE e.above <> e.below
    ), grounded (id) AS (
      SELECT start.id FROM (
        SELECT n.id FROM nodes n WHERE NOT EXISTS (SELECT 1 FROM edges e WHERE e.below = n.id)
        UNION ALL SELECT e.below FROM edges e WHERE e.outside) start
      UNION
      SELECT e.below FROM grounded g JOIN edges e ON e.above = g.id
    )
    SELECT g.id FROM grounded g WHERE EXISTS (SELECT 1 FROM edges e WHERE e.below = g.id) AND g.id > 0;
END $$;
