-- What is said about a model version later: one after another under its lock, so that the newest is one.
CREATE OR REPLACE FUNCTION muniment.annotation_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.lock_roots(ARRAY['model_version'], ARRAY[NEW.model_version_id], true);
  NEW.recorded_at := clock_timestamp();
  RETURN NEW;
END $$;

DO $$
DECLARE
  v_table text;
BEGIN
  FOREACH v_table IN ARRAY '{lineage_modelversiontag,lineage_modelversiondescription,lineage_modelversionarchival}'::text[] LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS r_rules ON public.%I', v_table);
    EXECUTE format('CREATE TRIGGER r_rules BEFORE INSERT ON public.%I FOR EACH ROW'
                   ' EXECUTE FUNCTION muniment.annotation_rules()', v_table);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER r_rules', v_table);
  END LOOP;
END $$;
