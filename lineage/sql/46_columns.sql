-- Column lineage: a claim about a run that is on record, recorded under the lock of the dataset it says something of.

-- Whether a flag in force that does not say "no" stands above a column of a dataset version, by column lineage, or on it.
-- A blank column is the whole version. Upwards with UNION on version and column alone: a loop in claims ends. What a
-- steward said on the way is not asked: whoever signed has not seen this link, whatever stops the flag.
CREATE OR REPLACE FUNCTION muniment.flag_above(p_version bigint, p_column text) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
  RETURN EXISTS (
    WITH RECURSIVE up (version, col) AS (
      SELECT p_version, p_column
      UNION
      SELECT e.source_id, e.source_column::text FROM up JOIN public.lineage_columnlineage e ON e.target_id = up.version
        -- what bears on the rows bears on the whole version, and so does what went into all of it
        WHERE up.col = '' OR e.target_column IN (up.col, '') OR e.transformation = 'indirect'
    )
    SELECT 1 FROM (SELECT DISTINCT up.version, up.col FROM up) u
    JOIN LATERAL muniment.flags_standing(ARRAY[u.version]) f ON u.col = '' OR f."column" IN (u.col, '')
    WHERE f.present <> 'no');
END $$;

CREATE OR REPLACE FUNCTION muniment.column_lineage_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.lock_roots(ARRAY['dataset'],
    ARRAY(SELECT v.dataset_id FROM public.lineage_datasetversion v WHERE v.id = NEW.target_id), true);
  NEW.recorded_at := clock_timestamp();
  -- It refines what a run read and wrote. On its own it would be a way for data that no closure follows and no lock holds.
  IF NOT EXISTS (SELECT 1 FROM public.lineage_runinput i
                 WHERE i.run_id = NEW.run_id AND i.dataset_version_id = NEW.source_id)
     OR NOT EXISTS (SELECT 1 FROM public.lineage_runoutput o
                    WHERE o.run_id = NEW.run_id AND o.dataset_version_id = NEW.target_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'columns-not-of-the-run', TABLE = TG_TABLE_NAME,
      MESSAGE = 'The run did not read the one version and write the other.',
      HINT = 'Link both to the run first, as its input and its output.';
  END IF;
  NEW.raises := muniment.flag_above(NEW.source_id, NEW.source_column);
  NEW.epoch := NEW.raises::integer + coalesce(
    (SELECT max(e.epoch) FROM public.lineage_columnlineage e WHERE e.target_id = NEW.target_id), 0);
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_rules ON public.lineage_columnlineage;
CREATE TRIGGER r_rules BEFORE INSERT ON public.lineage_columnlineage
  FOR EACH ROW EXECUTE FUNCTION muniment.column_lineage_rules();
ALTER TABLE public.lineage_columnlineage ENABLE ALWAYS TRIGGER r_rules;
