-- Expectations: numbered under their dataset's lock, well formed, set by those who answer for the data. What an item may say
-- is read strictly by the action (lineage/quality/expectations.py); here stands what no reader of them may stumble over.
CREATE OR REPLACE FUNCTION muniment.expectation_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_namespace bigint;
BEGIN
  PERFORM muniment.lock_roots(ARRAY['dataset'], ARRAY[NEW.dataset_id], true);
  NEW.recorded_at := clock_timestamp();
  SELECT d.namespace_id INTO v_namespace FROM public.lineage_dataset d WHERE d.id = NEW.dataset_id;
  IF NOT muniment.holds_role(muniment.actor_id(), ARRAY['data_steward', 'validator', 'model_owner', 'risk_manager'],
                             v_namespace, clock_timestamp()) THEN
    PERFORM muniment.refuse('MU006', 'expectations-by-others', 'A pipeline does not say what is expected of its own data.',
      'Ask a data steward, validator, model owner or risk manager of the namespace to record it.');
  END IF;
  IF jsonb_typeof(NEW.items) IS DISTINCT FROM 'array' OR jsonb_array_length(NEW.items) NOT BETWEEN 1 AND 200
     OR jsonb_path_exists(NEW.items, 'strict $[*] ? (@.type() != "object")')
     OR EXISTS (SELECT 1 FROM jsonb_array_elements(NEW.items) i GROUP BY i ->> 'key'
                HAVING count(*) > 1 OR coalesce(i ->> 'key', '') = '') THEN
    PERFORM muniment.refuse('MU009', 'expectations', 'Expectations are a list of 1 to 200 objects, each with a key of its own.',
      'Correct the list.');
  END IF;
  NEW.number := 1 + coalesce((SELECT max(s.number) FROM public.lineage_expectationset s WHERE s.dataset_id = NEW.dataset_id), 0);
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_rules ON public.lineage_expectationset;
CREATE TRIGGER r_rules BEFORE INSERT ON public.lineage_expectationset
  FOR EACH ROW EXECUTE FUNCTION muniment.expectation_rules();
ALTER TABLE public.lineage_expectationset ENABLE ALWAYS TRIGGER r_rules;
