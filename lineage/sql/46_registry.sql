-- What registries say of models. One after another under the model's lock, as its versions are numbered.

CREATE OR REPLACE FUNCTION muniment.registry_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.lock_roots(ARRAY['model'], ARRAY[NEW.model_id], true);
  IF TG_OP = 'INSERT' THEN
    NEW.recorded_at := clock_timestamp();
  END IF;
  RETURN NEW;
END $$;

-- An alias means a version of its own model, and no other.
CREATE OR REPLACE FUNCTION muniment.alias_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.model_version_id IS NOT NULL AND NOT EXISTS (
       SELECT 1 FROM public.lineage_modelversion v WHERE v.id = NEW.model_version_id AND v.model_id = NEW.model_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'alias-elsewhere', TABLE = TG_TABLE_NAME, COLUMN = 'model_version_id',
      MESSAGE = 'An alias names a version of its own model.', HINT = 'Name a version of this model.';
  END IF;
  RETURN NEW;
END $$;

DO $$
DECLARE
  v_rule record;
BEGIN
  FOR v_rule IN SELECT * FROM (VALUES
      ('r_rules', 'lineage_modelalias', 'registry_rules'),
      ('r_version', 'lineage_modelalias', 'alias_rules'),
      ('r_rules', 'lineage_modeltag', 'registry_rules')
    ) AS rules (name, tab, rule)
  LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS %I ON public.%I', v_rule.name, v_rule.tab);
    EXECUTE format('CREATE TRIGGER %I BEFORE INSERT OR UPDATE ON public.%I FOR EACH ROW EXECUTE FUNCTION muniment.%I()',
                   v_rule.name, v_rule.tab, v_rule.rule);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER %I', v_rule.tab, v_rule.name);
  END LOOP;
END $$;
