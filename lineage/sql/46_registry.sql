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

-- What the acts of a registry write, in one go: their callers name who acts and why, and look at who may. With the rights
-- of whoever asks; every trigger of the tables fires.

-- Let an alias mean a version. `changed`: whether it did not already.
CREATE OR REPLACE FUNCTION muniment.put_alias(model bigint, alias text, model_version bigint)
RETURNS TABLE (id bigint, recorded_at timestamptz, recorded_by_id bigint, changed boolean)
LANGUAGE plpgsql VOLATILE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v public.lineage_modelalias%ROWTYPE;
BEGIN
  PERFORM muniment.lock_roots(ARRAY['model'], ARRAY[put_alias.model], true);
  SELECT a.* INTO v FROM public.lineage_modelalias a WHERE a.model_id = put_alias.model AND a.alias = put_alias.alias;
  changed := v.id IS NULL OR v.model_version_id IS DISTINCT FROM put_alias.model_version;
  IF v.id IS NULL THEN
    INSERT INTO public.lineage_modelalias AS a (model_id, alias, model_version_id)
      VALUES (put_alias.model, put_alias.alias, put_alias.model_version) RETURNING a.* INTO v;
  ELSIF changed THEN
    UPDATE public.lineage_modelalias a SET model_version_id = put_alias.model_version WHERE a.id = v.id;
  END IF;
  RETURN QUERY SELECT v.id, v.recorded_at, v.recorded_by_id, changed;
END $$;

-- Set tags of a version, by key; NULL takes one away. What stands already, or is not there to take away, adds nothing.
CREATE OR REPLACE FUNCTION muniment.put_version_tags(model_version bigint, keys text[], vals text[])
RETURNS TABLE (id bigint, recorded_at timestamptz, recorded_by_id bigint, key text, value text, removed boolean)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_one record;
  v_standing text;
BEGIN
  PERFORM muniment.lock_roots(ARRAY['model_version'], ARRAY[put_version_tags.model_version], true);
  FOR v_one IN SELECT t.k, t.v FROM unnest(keys, vals) WITH ORDINALITY AS t (k, v, n) ORDER BY t.n LOOP
    v_standing := (
      SELECT (CASE WHEN NOT t.removed THEN t.value END) FROM public.lineage_modelversiontag t
      WHERE t.model_version_id = put_version_tags.model_version AND t.key = v_one.k ORDER BY t.id DESC LIMIT 1);
    IF v_standing IS DISTINCT FROM v_one.v THEN
      RETURN QUERY INSERT INTO public.lineage_modelversiontag AS t (model_version_id, key, value, removed)
        VALUES (put_version_tags.model_version, v_one.k, coalesce(v_one.v, ''), v_one.v IS NULL)
        RETURNING t.id, t.recorded_at, t.recorded_by_id, t.key::text, t.value, t.removed;
    END IF;
  END LOOP;
END $$;

-- Register a version of which a client of MLflow tells no more than its address and run, with the run, if that is new, and
-- what the client said. No row, and nothing written: one of that address and run stands already, and whoever asks compares it
-- then; or the namespace names a tracking server (`served` in a row) that whoever asks would have to have read, and cannot.
DROP FUNCTION IF EXISTS muniment.register_told(bigint, text, text, text, text, text);
CREATE OR REPLACE FUNCTION muniment.register_told(
  model bigint, source text, run_id text, run_link text, model_id text, job text, has_server_read boolean)
RETURNS TABLE (id bigint, number integer, recorded_at timestamptz, recorded_by_id bigint, run bigint, served boolean)
LANGUAGE plpgsql VOLATILE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_home bigint := (SELECT m.namespace_id FROM public.lineage_model m WHERE m.id = register_told.model);
  v_served boolean := coalesce((
    SELECT s.uri <> '' FROM public.lineage_trackingserver s WHERE s.namespace_id = v_home ORDER BY s.id DESC LIMIT 1), false);
  v_run bigint;
  v public.lineage_modelversion%ROWTYPE;
BEGIN
  IF v_served AND NOT has_server_read THEN
    RETURN;
  END IF;
  IF register_told.run_id <> '' THEN
    SELECT r.id INTO v_run FROM public.lineage_run r WHERE r.namespace_id = v_home AND r.run_key = register_told.run_id;
    IF v_run IS NULL THEN
      INSERT INTO public.lineage_run AS r (namespace_id, job_name, run_key, state)
        VALUES (v_home, job, register_told.run_id, 'running') ON CONFLICT DO NOTHING RETURNING r.id INTO v_run;
    END IF;
    IF v_run IS NULL THEN  -- another registered it meanwhile, and has committed by now
      SELECT r.id INTO STRICT v_run FROM public.lineage_run r
        WHERE r.namespace_id = v_home AND r.run_key = register_told.run_id;
    END IF;
  END IF;
  PERFORM muniment.lock_roots(ARRAY['model'], ARRAY[register_told.model], true);
  IF EXISTS (
      SELECT 1 FROM public.lineage_modelversion o
      WHERE o.model_id = register_told.model AND o.artifact_uri = register_told.source AND o.source_run_id IS NOT DISTINCT FROM v_run
        AND (o.digest_value = '' OR o.filled_later @> ARRAY['digest']::varchar[])) THEN
    RETURN;
  END IF;
  INSERT INTO public.lineage_modelversion AS o (model_id, artifact_uri, source_run_id, digest_algorithm, digest_value, code_commit,
      supplier, metrics, parameters, features_used, model_card)
    VALUES (register_told.model, register_told.source, v_run, '', '', '', '', '{}', '{}', '{}', '{}') RETURNING o.* INTO v;
  INSERT INTO public.lineage_mlflowregistration (model_version_id, source, run_id, run_link, model_id)
    VALUES (v.id, register_told.source, register_told.run_id, register_told.run_link, register_told.model_id);
  RETURN QUERY SELECT v.id, v.number, v.recorded_at, v.recorded_by_id, v_run, v_served;
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
