-- Recalls: by persons who oversee data or risk, where the digest is on record, or everywhere.

-- A recall reaches every namespace, so it waits for everyone at work and holds up everyone who comes: all stripes of the
-- fair queue. Recalls are rare and short; a promotion of the same bytes must not slip by under another number.
CREATE OR REPLACE FUNCTION muniment.check_recall() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
BEGIN
  PERFORM muniment.require_read_committed();
  PERFORM muniment.queue(ARRAY(SELECT generate_series(0, 63)), false);
  NEW.recorded_at := clock_timestamp();
  -- Said alike whether the digest is on record elsewhere or nowhere.
  IF NOT muniment.is_person(v_actor) OR NOT EXISTS (
       SELECT 1 FROM (
         SELECT m.namespace_id FROM public.lineage_modelversion v JOIN public.lineage_model m ON m.id = v.model_id
           WHERE v.digest_value = NEW.digest_value AND v.digest_algorithm = NEW.digest_algorithm
         UNION
         SELECT d.namespace_id FROM public.lineage_datasetversion v JOIN public.lineage_dataset d ON d.id = v.dataset_id
           WHERE v.digest_value = NEW.digest_value AND v.digest_algorithm = NEW.digest_algorithm
         UNION SELECT NULL) known (namespace_id)
       WHERE muniment.holds_role(v_actor, ARRAY['risk_manager', 'compliance_officer', 'data_steward'],
                                 known.namespace_id, clock_timestamp())) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'recall-by-overseer', TABLE = TG_TABLE_NAME,
      MESSAGE = 'A digest is recalled by a risk manager, compliance officer or data steward of where it is on record.',
      HINT = 'Ask one of them.';
  END IF;
  IF EXISTS (SELECT 1 FROM public.lineage_recall r
             WHERE r.digest_value = NEW.digest_value AND r.digest_algorithm = NEW.digest_algorithm) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU008', DETAIL = 'digest-recalled', TABLE = TG_TABLE_NAME,
      MESSAGE = 'This digest is recalled already.', HINT = 'Nothing is left to do.';
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_recall ON public.lineage_recall;
CREATE TRIGGER r_recall BEFORE INSERT ON public.lineage_recall FOR EACH ROW EXECUTE FUNCTION muniment.check_recall();
ALTER TABLE public.lineage_recall ENABLE ALWAYS TRIGGER r_recall;
