-- Facts of a model version that come after its registration: one after another under its lock. Digest and commit are
-- filled in where they were blank, once; afterwards only the tracking server's reading may say otherwise, and that is
-- kept as a contradiction: the bytes that lie there are not those on record.

CREATE OR REPLACE FUNCTION muniment.check_completion() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
  v_kind text := (SELECT p.kind FROM public.governance_principal p WHERE p.id = v_actor);
  v_home bigint;
  v public.lineage_modelversion%ROWTYPE;
BEGIN
  PERFORM muniment.lock_roots(ARRAY['model_version'], ARRAY[NEW.model_version_id], true);
  NEW.recorded_at := clock_timestamp();
  SELECT x.* INTO v FROM public.lineage_modelversion x WHERE x.id = NEW.model_version_id;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-version', 'There is no such model version.', 'Register it first.');
  END IF;
  SELECT m.namespace_id INTO v_home FROM public.lineage_model m WHERE m.id = v.model_id;
  IF (NEW.how = 'tracking') <> (v_kind = 'system') THEN
    PERFORM muniment.refuse('MU006', 'completion-by-worker', 'Only the worker that reads tracking servers says what it read there.',
      'Say what you know in your own name.');
  ELSIF (NEW.how = 'tracking') <> (NEW.tracking_server_id IS NOT NULL) OR NEW.how = 'tracking' AND NOT EXISTS (
      SELECT 1 FROM public.lineage_trackingserver s WHERE s.id = NEW.tracking_server_id AND s.namespace_id = v_home
        AND s.uri <> '' AND NOT EXISTS (
          SELECT 1 FROM public.lineage_trackingserver n WHERE n.namespace_id = v_home AND n.id > s.id)) THEN
    PERFORM muniment.refuse('MU008', 'server-not-in-force', 'What is read from a tracking server comes from the one in force.',
      'Read it from the server that is named now.');
  ELSIF v_kind <> 'system' AND NOT muniment.holds_role(v_actor,
          (CASE WHEN NEW.how = 'owner' THEN ARRAY['model_owner'] ELSE ARRAY['pipeline', 'model_owner'] END), v_home, clock_timestamp()) THEN
    PERFORM muniment.refuse('MU006', 'completion-by-maker', 'Pipelines and model owners of the namespace complete a version.',
      'Ask one of them.');
  ELSIF NEW.digest_value = '' AND NEW.code_commit = '' AND NEW.training = '{}' AND NEW.metrics = '{}' AND NEW.parameters = '{}'
        AND NEW.run_id IS NULL THEN
    PERFORM muniment.refuse('MU009', 'completion-empty', 'This record says nothing.', 'Give a digest, a commit, data, metrics or parameters.');
  ELSIF jsonb_typeof(NEW.metrics) <> 'object' OR NOT muniment.all_finite(NEW.metrics)
        OR jsonb_path_exists(NEW.metrics, 'strict $.* ? (@.type() != "number")')
        OR jsonb_typeof(NEW.parameters) <> 'object' OR NOT muniment.all_finite(NEW.parameters)
        OR jsonb_path_exists(NEW.parameters, 'strict $.* ? (@.type() == "object" || @.type() == "array")') THEN
    PERFORM muniment.refuse('MU009', 'completion-form', 'Metrics are finite numbers by name; parameters text, finite numbers, true, false or null by name.',
      'Correct them.');
  ELSIF EXISTS (
      SELECT 1 FROM unnest(NEW.training) AS t (id) WHERE NOT EXISTS (
        SELECT 1 FROM public.lineage_runinput i
        WHERE i.dataset_version_id = t.id AND i.role = 'training' AND i.run_id = NEW.run_id))
    OR NEW.run_id IS NOT NULL AND NEW.run_id IS DISTINCT FROM v.source_run_id AND NOT EXISTS (
      SELECT 1 FROM public.lineage_runoutput o WHERE o.run_id = NEW.run_id AND o.model_version_id = v.id) THEN
    PERFORM muniment.refuse('MU009', 'completion-not-linked', 'It names training data or a run that the version is not linked to.',
      'Link them first: the lineage is read from runs.');
  END IF;
  NEW.contradicts := array_remove(ARRAY[
    CASE WHEN NEW.digest_value <> '' AND v.digest_value <> ''
           AND (NEW.digest_value, NEW.digest_algorithm) <> (v.digest_value, v.digest_algorithm) THEN 'digest' END,
    CASE WHEN NEW.code_commit <> '' AND v.code_commit <> '' AND NEW.code_commit <> v.code_commit THEN 'code_commit' END], NULL);
  IF NEW.contradicts <> '{}' AND NEW.how <> 'tracking' THEN
    PERFORM muniment.refuse('MU008', (CASE WHEN 'digest' = ANY (NEW.contradicts) THEN 'digest-on-record' ELSE 'commit-on-record' END),
      'The version is on record with another ' || (CASE WHEN 'digest' = ANY (NEW.contradicts) THEN 'digest' ELSE 'code commit' END)
        || '; that never changes.',
      'Register what differs as a new version.');
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.fill_version() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE public.lineage_modelversion v SET
      digest_algorithm = (CASE WHEN v.digest_value = '' THEN NEW.digest_algorithm ELSE v.digest_algorithm END),
      digest_value = (CASE WHEN v.digest_value = '' THEN NEW.digest_value ELSE v.digest_value END),
      code_commit = (CASE WHEN v.code_commit = '' THEN NEW.code_commit ELSE v.code_commit END),
      filled_later = v.filled_later
        || array_remove(ARRAY[(CASE WHEN v.digest_value = '' AND NEW.digest_value <> '' THEN 'digest' END),
                              (CASE WHEN v.code_commit = '' AND NEW.code_commit <> '' THEN 'code_commit' END)], NULL)::varchar[]
    WHERE v.id = NEW.model_version_id
      AND (v.digest_value = '' AND NEW.digest_value <> '' OR v.code_commit = '' AND NEW.code_commit <> '');
  RETURN NULL;
END $$;

-- A version stays as it was registered, but for what the trigger above fills in from a record that says it.
CREATE OR REPLACE FUNCTION muniment.version_fills_only() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_fillable text[] := '{digest_algorithm,digest_value,code_commit,filled_later}';
BEGIN
  IF pg_trigger_depth() < 2 OR to_jsonb(NEW) - v_fillable <> to_jsonb(OLD) - v_fillable
     OR (OLD.digest_value <> '' AND (NEW.digest_value, NEW.digest_algorithm) <> (OLD.digest_value, OLD.digest_algorithm))
     OR (OLD.code_commit <> '' AND NEW.code_commit <> OLD.code_commit)
     OR NOT EXISTS (
       SELECT 1 FROM public.lineage_modelversioncompletion c WHERE c.model_version_id = NEW.id
         AND (NEW.digest_value = OLD.digest_value
              OR (c.digest_value, c.digest_algorithm) = (NEW.digest_value, NEW.digest_algorithm))
         AND (NEW.code_commit = OLD.code_commit OR c.code_commit = NEW.code_commit)) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU003', MESSAGE = format('Rows of %s are final once recorded.', TG_TABLE_NAME),
      DETAIL = 'born-final', TABLE = TG_TABLE_NAME, HINT = 'Record what came later as a later fact of the version.';
  END IF;
  RETURN NEW;
END $$;

-- What stands against a version's bytes: the first reading of its tracking server that found others. NULL: nothing.
CREATE OR REPLACE FUNCTION muniment.digest_contradiction(model_version bigint) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT jsonb_build_object('found', c.digest_algorithm || ':' || c.digest_value, 'where', left(c.came_from, 200), 'completion', c.id)
    FROM public.lineage_modelversioncompletion c
    WHERE c.model_version_id = digest_contradiction.model_version AND 'digest' = ANY (c.contradicts) ORDER BY c.id LIMIT 1);
END $$;

DO $$
DECLARE
  v_rule record;
BEGIN
  FOR v_rule IN SELECT * FROM (VALUES
      ('lineage_modelversioncompletion', 'r_rules', 'BEFORE INSERT', 'check_completion'),
      ('lineage_modelversioncompletion', 'zz_fill', 'AFTER INSERT', 'fill_version'),
      ('lineage_modelversion', 'r_fills_only', 'BEFORE UPDATE', 'version_fills_only')
    ) AS rules (tab, name, event, rule)
  LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS %I ON public.%I', v_rule.name, v_rule.tab);
    EXECUTE format('CREATE TRIGGER %I %s ON public.%I FOR EACH ROW EXECUTE FUNCTION muniment.%I()',
                   v_rule.name, v_rule.event, v_rule.tab, v_rule.rule);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER %I', v_rule.tab, v_rule.name);
  END LOOP;
END $$;
