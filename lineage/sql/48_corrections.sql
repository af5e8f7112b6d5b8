-- A link of a run that was wrong is voided, and one that was voided is restored, by a row of its own: by a person who
-- answers for data or model, and who had no hand in what they void. What a producer claimed it cannot take back alone:
-- that would be the way to be rid of a source. Locked as the link itself was (run_link_rules, column_lineage_rules).
CREATE OR REPLACE FUNCTION muniment.link_correction_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
  v_link record;
  v_newest record;
BEGIN
  SELECT x.* INTO v_link FROM (
    SELECT i.run_id, i.recorded_by_id, NULL::bigint AS model_version_id, NULL::bigint AS dataset_version_id
      FROM public.lineage_runinput i WHERE i.id = NEW.run_input_id
    UNION ALL
    SELECT o.run_id, o.recorded_by_id, o.model_version_id, o.dataset_version_id
      FROM public.lineage_runoutput o WHERE o.id = NEW.run_output_id
    UNION ALL
    SELECT e.run_id, e.recorded_by_id, NULL, e.target_id FROM public.lineage_columnlineage e WHERE e.id = NEW.column_lineage_id) x;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'no-such-link', TABLE = TG_TABLE_NAME,
      MESSAGE = 'There is no such link.', HINT = 'Name one link of a run that is on record.';
  END IF;
  NEW.run_id := v_link.run_id;
  PERFORM muniment.lock_roots(ARRAY['model_version', 'dataset', 'run'], ARRAY[v_link.model_version_id,
    (SELECT v.dataset_id FROM public.lineage_datasetversion v WHERE v.id = v_link.dataset_version_id), v_link.run_id], true);
  NEW.recorded_at := clock_timestamp();
  IF NOT muniment.is_person(v_actor) OR NOT muniment.holds_role(v_actor, ARRAY['data_steward', 'model_owner'],
       (SELECT r.namespace_id FROM public.lineage_run r WHERE r.id = v_link.run_id), clock_timestamp()) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'not-for-this-role', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Data stewards and model owners correct links, as persons.', HINT = 'Ask one of them.';
  END IF;
  IF NEW.kind = 'void' AND muniment.person_of(v_actor) = ANY (muniment.persons_behind(v_link.recorded_by_id)) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'own-link', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Nobody voids a link that they recorded, or answer for.', HINT = 'Ask another data steward or model owner.';
  END IF;
  SELECT c.id, c.kind INTO v_newest FROM public.lineage_linkcorrection c
    WHERE c.run_input_id = NEW.run_input_id OR c.run_output_id = NEW.run_output_id
       OR c.column_lineage_id = NEW.column_lineage_id
    ORDER BY c.id DESC LIMIT 1;
  IF v_newest.id > NEW.id THEN  -- as for flags: the id was drawn before the wait
    RAISE EXCEPTION USING ERRCODE = '40001', DETAIL = 'correction-overtaken', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Another correction was recorded meanwhile.', HINT = 'Try again.';
  END IF;
  IF (coalesce(v_newest.kind, 'restore') = 'void') = (NEW.kind = 'void') THEN
    RAISE EXCEPTION USING ERRCODE = 'MU008', DETAIL = 'link-so-already', TABLE = TG_TABLE_NAME,
      MESSAGE = CASE NEW.kind WHEN 'void' THEN 'This link is voided already.'
                              ELSE 'This link stands: there is nothing to restore.' END,
      HINT = 'Look at its corrections.';
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_rules ON public.lineage_linkcorrection;
CREATE TRIGGER r_rules BEFORE INSERT ON public.lineage_linkcorrection
  FOR EACH ROW EXECUTE FUNCTION muniment.link_correction_rules();
ALTER TABLE public.lineage_linkcorrection ENABLE ALWAYS TRIGGER r_rules;
