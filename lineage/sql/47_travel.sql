-- Flags travel along column lineage. Worked out each time it is asked, never written: whichever comes last, flag, link or
-- answer, the same travels (docs/decisions/0007-flags-travel.md).

-- Whether a data steward has answered for a category in a column, or in the whole of a version: on the category itself,
-- whatever the answer. That there is no personal data at all, said before anyone knew where a column came from, is none.
CREATE OR REPLACE FUNCTION muniment.answered_for(p_version bigint, p_column text, p_category text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (
    SELECT 1 FROM unnest(ARRAY['', p_column]) AS k (col) CROSS JOIN LATERAL (
      SELECT f.assessment FROM public.lineage_sensitivityflag f
      WHERE f.dataset_version_id = p_version AND f."column" = k.col AND f.category = p_category
      ORDER BY f.id DESC LIMIT 1) n
    WHERE n.assessment = 'reviewed');
END $$;

-- Where the flags in force on dataset versions, and those of versions among them, arrive by column lineage. `origin`: the
-- flag stands there itself. A flag stops where a steward has answered; what that answer says travels on from there. What
-- a producer claims of masking stops nothing. A blank column is the whole version: what bears on its rows arrives there.
-- UNION on flag, version and column alone: a loop in claims ends. Raises MU009 'travel-too-large' beyond 50,000 rows.
CREATE OR REPLACE FUNCTION muniment.flags_travelled(dataset_versions bigint[])
RETURNS TABLE (flag_id bigint, category text, dataset_version_id bigint, col text, origin boolean, answered boolean)
LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
  v_count bigint;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM muniment.column_links e WHERE e.target_id = ANY (dataset_versions)) THEN
    RETURN;
  END IF;
  RETURN QUERY
    WITH RECURSIVE edges AS MATERIALIZED (
      SELECT DISTINCT e.source_id, e.source_column::text, e.target_id,
             CASE WHEN e.transformation = 'indirect' THEN '' ELSE e.target_column::text END AS target_column
      FROM muniment.column_links e
      WHERE e.target_id = ANY (dataset_versions) AND e.source_id = ANY (dataset_versions)
    ), reach (flag_id, category, version, col, origin, answered) AS (
      SELECT f.id, f.category::text, f.dataset_version_id, f."column"::text, true, false
      FROM muniment.flags_standing(dataset_versions) f
      WHERE f.present <> 'no' AND NOT (f.assessment = 'reviewed' AND f.treatment IN ('anonymised', 'dropped'))
      UNION
      SELECT r.flag_id, r.category, x.version, x.col, false, muniment.answered_for(x.version, x.col, r.category)
      FROM reach r CROSS JOIN LATERAL (
        SELECT DISTINCT e.target_id AS version, CASE WHEN r.col = '' THEN '' ELSE e.target_column END AS col FROM edges e
        WHERE e.source_id = r.version AND (r.col = '' OR e.source_column IN (r.col, ''))) x
      WHERE NOT r.answered
    )
    SELECT r.flag_id, r.category, r.version, r.col, r.origin, r.answered FROM reach r LIMIT 50001;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count > 50000 THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', MESSAGE = 'Flags reach more than 50,000 columns above this record.',
      DETAIL = 'travel-too-large', HINT = 'Answer on the whole of a version where many columns hold the same.';
  END IF;
END $$;

-- Every version above dataset versions, themselves included.
CREATE OR REPLACE FUNCTION muniment.data_above(dataset_versions bigint[]) RETURNS bigint[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
  RETURN ARRAY(
    WITH RECURSIVE up (id) AS (
      SELECT d.id FROM unnest(dataset_versions) AS d (id)
      UNION
      SELECT e.source_id FROM up JOIN muniment.column_links e ON e.target_id = up.id
    ) SELECT up.id FROM up LIMIT 5000);
END $$;
