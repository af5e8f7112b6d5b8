-- One order for everyone who locks: first the fair queue (advisory, ascending stripes), then the rows, by rank of kind
-- and id. A fact takes its roots exclusively before it is written; a promotion shares every root it rests on.
--
-- Why a queue: row share locks starve a writer. With twelve overlapping promotions a withdrawal waited 5.5 s for its
-- row; behind the queue it waits for those ahead of it and nobody else (0.025 s).

-- The stripe (0 to 63) of a root. Two roots on one stripe wait for each other needlessly and harmlessly.
CREATE OR REPLACE FUNCTION muniment.stripe(kind text, id bigint) RETURNS integer LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN hashtextextended(kind || ':' || id, 0) & 63;
END $$;

-- Queue on stripes until the transaction ends: facts exclusively, promotions shared. 0x6D756E74 keeps the keys apart
-- from other users of advisory locks.
CREATE OR REPLACE FUNCTION muniment.queue(stripes integer[], shared boolean) RETURNS void LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_stripe integer;
BEGIN
  FOR v_stripe IN SELECT DISTINCT s FROM unnest(stripes) s ORDER BY s LOOP
    IF shared THEN
      PERFORM pg_advisory_xact_lock_shared(1836412532, v_stripe);
    ELSE
      PERFORM pg_advisory_xact_lock(1836412532, v_stripe);
    END IF;
  END LOOP;
END $$;

-- Row locks alone, in order of rank and id, all of a kind in one statement. Ranks: 1 model, 2 model_version, 3 dataset,
-- 4 run. Ids that do not exist lock nothing: the foreign key refuses them later.
CREATE OR REPLACE FUNCTION muniment.lock_rows(kinds text[], ids bigint[], exclusive boolean)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v record;
BEGIN
  FOR v IN
    SELECT r.kind, array_agg(r.id) AS ids FROM unnest(kinds, ids) AS r (kind, id) WHERE r.id IS NOT NULL
    GROUP BY r.kind ORDER BY array_position(ARRAY['model', 'model_version', 'dataset', 'run'], r.kind)
  LOOP
    CASE
      WHEN v.kind = 'model' AND exclusive THEN
        PERFORM 1 FROM public.lineage_model t WHERE t.id = ANY (v.ids) ORDER BY t.id FOR NO KEY UPDATE;
      WHEN v.kind = 'model' THEN
        PERFORM 1 FROM public.lineage_model t WHERE t.id = ANY (v.ids) ORDER BY t.id FOR SHARE;
      WHEN v.kind = 'model_version' AND exclusive THEN
        PERFORM 1 FROM public.lineage_modelversion t WHERE t.id = ANY (v.ids) ORDER BY t.id FOR NO KEY UPDATE;
      WHEN v.kind = 'model_version' THEN
        PERFORM 1 FROM public.lineage_modelversion t WHERE t.id = ANY (v.ids) ORDER BY t.id FOR SHARE;
      WHEN v.kind = 'dataset' AND exclusive THEN
        PERFORM 1 FROM public.lineage_dataset t WHERE t.id = ANY (v.ids) ORDER BY t.id FOR NO KEY UPDATE;
      WHEN v.kind = 'dataset' THEN
        PERFORM 1 FROM public.lineage_dataset t WHERE t.id = ANY (v.ids) ORDER BY t.id FOR SHARE;
      WHEN v.kind = 'run' AND exclusive THEN
        PERFORM 1 FROM public.lineage_run t WHERE t.id = ANY (v.ids) ORDER BY t.id FOR NO KEY UPDATE;
      WHEN v.kind = 'run' THEN
        PERFORM 1 FROM public.lineage_run t WHERE t.id = ANY (v.ids) ORDER BY t.id FOR SHARE;
      ELSE
        RAISE EXCEPTION USING ERRCODE = 'MU009', MESSAGE = format('%s is no root.', v.kind), DETAIL = 'no-root';
    END CASE;
  END LOOP;
END $$;

-- Queue, then lock. An act that writes facts under several roots calls this once, before its first write: taken one by
-- one, two such acts could meet in a deadlock (PostgreSQL would end one, and the act would be tried again).
CREATE OR REPLACE FUNCTION muniment.lock_roots(kinds text[], ids bigint[], exclusive boolean)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.require_read_committed();
  PERFORM muniment.queue(
    ARRAY(SELECT muniment.stripe(r.kind, r.id) FROM unnest(kinds, ids) AS r (kind, id) WHERE r.id IS NOT NULL),
    NOT exclusive);
  PERFORM muniment.lock_rows(kinds, ids, exclusive);
END $$;
