-- Rules of facts, and the locks under which they are decided. Each trigger first queues and locks the fact's root, then
-- dates the row anew (the stamp's moment may lie before a long wait), then decides on what is committed by now.

-- Whether every element is a token such as dpv:Name, without NULL and without repetition. These are asked for each row: in
-- PL/pgSQL, which keeps its plans, and with the usual answer of what is empty.
CREATE OR REPLACE FUNCTION muniment.all_match(elements text[], pattern text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN cardinality(elements) IS NOT DISTINCT FROM 0
    OR (SELECT coalesce(bool_and(coalesce(e ~ pattern, false)) AND count(DISTINCT e) = count(*), true) FROM unnest(elements) e);
END $$;

-- Whether every number in the document is one that a double can hold. PostgreSQL's own jsonb takes 1e400.
CREATE OR REPLACE FUNCTION muniment.all_finite(document jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN document IN ('{}', '[]')
    OR (SELECT coalesce(bool_and(abs((n #>> '{}')::numeric) <= 1.7976931348623157e308), true)
        FROM jsonb_path_query(document, '$.** ? (@.type() == "number")') n);
END $$;

CREATE OR REPLACE FUNCTION muniment.token_pattern() RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$ SELECT '^[a-z][a-z0-9-]{0,31}:[A-Za-z][A-Za-z0-9_-]{0,127}$' $$;

-- Whether every element is a place that there is, without NULL and without repetition: a code that stands for nothing would
-- forbid nothing, and permit where nobody is.
CREATE OR REPLACE FUNCTION muniment.all_places(places text[]) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN cardinality(places) IS NOT DISTINCT FROM 0
    OR (muniment.all_match(places, '^[A-Z]{2,3}(-[A-Z0-9]{1,3})?$')
        AND (SELECT bool_and(muniment.known_place(p)) FROM unnest(places) p));
END $$;

CREATE OR REPLACE FUNCTION muniment.terms_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_field text;
  v_before public.lineage_collectionterms%ROWTYPE;
BEGIN
  PERFORM muniment.lock_roots(ARRAY['dataset'], ARRAY[NEW.dataset_id], true);
  NEW.recorded_at := clock_timestamp();
  SELECT t.* INTO v_before FROM public.lineage_collectionterms t WHERE t.dataset_id = NEW.dataset_id
    ORDER BY t.number DESC LIMIT 1;
  NEW.number := 1 + coalesce(v_before.number, 0);
  NEW.narrows := v_before.id IS NOT NULL AND muniment.terms_narrow(v_before, NEW);
  NEW.epoch := coalesce(v_before.epoch, 1) + NEW.narrows::integer;
  -- Only the first terms come with the data: else the next run of a pipeline would bring back what a steward withdrew.
  IF NEW.number > 1 AND NOT (muniment.is_person(muniment.actor_id()) AND muniment.holds_role(
      muniment.actor_id(), ARRAY['data_steward', 'compliance_officer'],
      (SELECT d.namespace_id FROM public.lineage_dataset d WHERE d.id = NEW.dataset_id), clock_timestamp())) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'terms-by-steward', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Only a data steward or a compliance officer supersedes the terms of a dataset.',
      HINT = 'Ask one of them to record the new terms.';
  END IF;
  v_field := CASE
    WHEN NOT muniment.all_match(NEW.permitted_purposes, muniment.token_pattern()) THEN 'permitted_purposes'
    WHEN NOT muniment.all_match(NEW.forbidden_purposes, muniment.token_pattern()) THEN 'forbidden_purposes'
    WHEN NOT muniment.all_places(NEW.permitted_geographies) THEN 'permitted_geographies'
    WHEN NOT muniment.all_places(NEW.forbidden_geographies) THEN 'forbidden_geographies'
    WHEN NOT muniment.all_places(NEW.permitted_storage_geographies) THEN 'permitted_storage_geographies'
    WHEN NOT muniment.all_places(NEW.forbidden_storage_geographies) THEN 'forbidden_storage_geographies'
    WHEN EXISTS (SELECT 1 FROM unnest(NEW.permitted_purposes) p
                 WHERE muniment.terms_above('purpose', p) && NEW.forbidden_purposes::text[]) THEN 'forbidden_purposes'
    WHEN NEW.permitted_geographies && NEW.forbidden_geographies THEN 'forbidden_geographies'
    WHEN NEW.permitted_storage_geographies && NEW.forbidden_storage_geographies THEN 'forbidden_storage_geographies'
  END;
  IF v_field IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'terms-' || replace(v_field, '_', '-'), TABLE = TG_TABLE_NAME,
      COLUMN = v_field, MESSAGE = format('%s holds what is no token or place, stands twice, or is both permitted and forbidden.', v_field),
      HINT = 'Purposes are written dpv:Name, geographies as ISO 3166 codes of places that there are, each once and on one side only.';
  END IF;
  PERFORM muniment.require_known('purpose', NEW.permitted_purposes, TG_TABLE_NAME, 'permitted_purposes');
  PERFORM muniment.require_known('purpose', NEW.forbidden_purposes, TG_TABLE_NAME, 'forbidden_purposes');
  PERFORM muniment.require_known('purpose', array_remove(ARRAY[NEW.original_purpose]::text[], ''), TG_TABLE_NAME,
                                 'original_purpose');
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.withdrawal_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.lock_roots(ARRAY['dataset'],
    ARRAY(SELECT t.dataset_id FROM public.lineage_collectionterms t WHERE t.id = NEW.terms_id), true);
  NEW.recorded_at := clock_timestamp();
  IF EXISTS (SELECT 1 FROM public.lineage_termswithdrawal w WHERE w.terms_id = NEW.terms_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU008', MESSAGE = 'These terms are withdrawn already.', DETAIL = 'terms-withdrawn',
      TABLE = TG_TABLE_NAME, HINT = 'Record new terms to permit use again.';
  END IF;
  RETURN NEW;
END $$;

-- Whether an answer says more or worse than the one before it (NULL: there was none). Nobody is told anything new by
-- the same answer again, by a milder one, or by who assessed it.
CREATE OR REPLACE FUNCTION muniment.flag_raises(old public.lineage_sensitivityflag, new public.lineage_sensitivityflag)
RETURNS boolean LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_treatments text[] := '{none,masked,pseudonymised}';  -- dropped and anonymised data is no personal data any more
BEGIN
  IF new.present = 'no' THEN
    RETURN false;
  END IF;
  RETURN old.id IS NULL OR old.present <> new.present
    OR (new.special_category AND NOT old.special_category)
    OR (new.excluded_from_training AND NOT old.excluded_from_training)
    OR NOT new.regulation_sets <@ old.regulation_sets OR NOT new.data_subjects <@ old.data_subjects
    OR coalesce(array_position(v_treatments, new.treatment::text), 4) < coalesce(array_position(v_treatments, old.treatment::text), 4);
END $$;

-- A machine may raise a flag; only a data steward makes one milder.
CREATE OR REPLACE FUNCTION muniment.flag_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
  v_dataset bigint;
  v_namespace bigint;
  v_before public.lineage_sensitivityflag%ROWTYPE;
BEGIN
  SELECT d.id, d.namespace_id INTO v_dataset, v_namespace FROM public.lineage_datasetversion v
    JOIN public.lineage_dataset d ON d.id = v.dataset_id WHERE v.id = NEW.dataset_version_id;
  PERFORM muniment.lock_roots(ARRAY['dataset'], ARRAY[v_dataset], true);
  NEW.recorded_at := clock_timestamp();
  SELECT f.* INTO v_before FROM public.lineage_sensitivityflag f
    WHERE f.dataset_version_id = NEW.dataset_version_id AND f."column" = NEW."column" AND f.category = NEW.category
    ORDER BY f.id DESC LIMIT 1;
  -- The id was drawn before the wait for the lock. An answer recorded meanwhile has a greater one and would stay in force
  -- over this newer one: the act is tried again with a new id.
  IF v_before.id > NEW.id THEN
    RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'Another answer on this flag was recorded meanwhile.',
      DETAIL = 'flag-overtaken', TABLE = TG_TABLE_NAME, HINT = 'Try again.';
  END IF;
  NEW.supersedes_id := v_before.id;
  NEW.special_category := NEW.special_category OR muniment.special_category(NEW.category);
  NEW.raises := muniment.flag_raises(v_before, NEW);
  NEW.epoch := NEW.raises::integer + coalesce(
    (SELECT max(f.epoch) FROM public.lineage_sensitivityflag f WHERE f.dataset_version_id = NEW.dataset_version_id), 0);
  IF NOT muniment.all_match(NEW.data_subjects, muniment.token_pattern())
     OR NOT muniment.all_match(NEW.regulation_sets, '.') OR jsonb_typeof(NEW.treatment_parameters) <> 'object' THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'flag-lists', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Data subjects are tokens such as dpv:Patient, each once; treatment parameters are an object.',
      HINT = 'Correct the lists.';
  END IF;
  -- A category answered before stays answerable, also when the house has retired it.
  IF v_before.id IS NULL THEN
    PERFORM muniment.require_known('personal-data', ARRAY[NEW.category]::text[], TG_TABLE_NAME, 'category');
  END IF;
  PERFORM muniment.require_known('data-subject', ARRAY(SELECT unnest(NEW.data_subjects) EXCEPT SELECT unnest(v_before.data_subjects)),
                                 TG_TABLE_NAME, 'data_subjects');
  IF NEW.assessment = 'reviewed' THEN
    IF NOT muniment.is_person(v_actor)
       OR NOT muniment.holds_role(v_actor, ARRAY['data_steward'], v_namespace, clock_timestamp()) THEN
      RAISE EXCEPTION USING ERRCODE = 'MU006', MESSAGE = 'Only a data steward of the namespace reviews a flag.',
        DETAIL = 'not-a-steward', TABLE = TG_TABLE_NAME, HINT = 'Raise it as declared or detected, and ask a data steward.';
    END IF;
  ELSIF v_before.id IS NOT NULL AND v_before.present <> 'no' AND (
      NEW.present = 'no' OR (v_before.present = 'yes' AND NEW.present = 'unknown')
      OR (v_before.special_category AND NOT NEW.special_category)
      OR (v_before.excluded_from_training AND NOT NEW.excluded_from_training)
      OR (NEW.treatment <> 'none' AND NEW.treatment <> v_before.treatment)
      OR NOT v_before.regulation_sets <@ NEW.regulation_sets) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', MESSAGE = 'Only a data steward''s review makes a flag milder.',
      DETAIL = 'only-a-steward-clears', TABLE = TG_TABLE_NAME, HINT = 'Ask a data steward of the namespace to review it.';
  END IF;
  RETURN NEW;
END $$;

-- What a run read is locked by the run; what it wrote also by the thing written, whose closure it becomes part of.
CREATE OR REPLACE FUNCTION muniment.run_link_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_dataset bigint;
  v_home bigint;
  v_run_home bigint;
BEGIN
  IF TG_TABLE_NAME = 'lineage_runinput' THEN
    PERFORM muniment.lock_roots(ARRAY['run'], ARRAY[NEW.run_id], true);
    NEW.recorded_at := clock_timestamp();
    RETURN NEW;
  END IF;
  SELECT v.dataset_id, d.namespace_id INTO v_dataset, v_home FROM public.lineage_datasetversion v
    JOIN public.lineage_dataset d ON d.id = v.dataset_id WHERE v.id = NEW.dataset_version_id;
  IF NEW.model_version_id IS NOT NULL THEN
    SELECT m.namespace_id INTO v_home FROM public.lineage_modelversion v
      JOIN public.lineage_model m ON m.id = v.model_id WHERE v.id = NEW.model_version_id;
  END IF;
  SELECT r.namespace_id INTO v_run_home FROM public.lineage_run r WHERE r.id = NEW.run_id;
  -- Not yet there is not at home either: foreign keys are looked at when the transaction ends.
  IF v_home IS NULL OR v_run_home IS NULL OR v_home <> v_run_home THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'output-elsewhere', TABLE = TG_TABLE_NAME,
      MESSAGE = 'A run writes only into its own namespace.', HINT = 'Register the output in the namespace of the run.';
  END IF;
  PERFORM muniment.lock_roots(ARRAY['model_version', 'dataset', 'run'],
    ARRAY[NEW.model_version_id, v_dataset, NEW.run_id], true);
  NEW.recorded_at := clock_timestamp();
  RETURN NEW;
END $$;

-- Runs move forward: from running to one final state, and what was blank is filled in once.
CREATE OR REPLACE FUNCTION muniment.run_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (OLD.state <> 'running' AND NEW.state <> OLD.state)
     OR (OLD.started_at IS NOT NULL AND NEW.started_at IS DISTINCT FROM OLD.started_at)
     OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)
     OR (OLD.source_commit IS NOT NULL AND NEW.source_commit IS DISTINCT FROM OLD.source_commit) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU008', MESSAGE = 'A run moves only forward; what is recorded of it stays.',
      DETAIL = 'run-forward-only', TABLE = TG_TABLE_NAME, HINT = 'Register another run.';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.model_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Only what is new is looked up: the published list may lose a country that a model bears.
  IF (TG_OP = 'INSERT' OR NEW.deployment_geography IS DISTINCT FROM OLD.deployment_geography)
     AND NOT muniment.all_places(NEW.deployment_geography) OR jsonb_typeof(NEW.risk_answers) <> 'object' THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'model-lists', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Geographies are ISO 3166 codes of places that there are, each once; risk answers are an object.',
      HINT = 'Correct them.';
  END IF;
  IF TG_OP = 'INSERT' OR NEW.intended_purpose <> OLD.intended_purpose THEN
    PERFORM muniment.require_known('purpose', array_remove(ARRAY[NEW.intended_purpose]::text[], ''), TG_TABLE_NAME,
                                   'intended_purpose');
  END IF;
  -- The tier stands by now: triggers fire in order of their names.
  NEW.use_epoch := CASE WHEN TG_OP = 'INSERT' THEN 1 ELSE OLD.use_epoch
    + (NEW.intended_purpose <> OLD.intended_purpose OR NEW.risk_tier <> OLD.risk_tier
       OR NOT (NEW.deployment_geography <@ OLD.deployment_geography
               AND OLD.deployment_geography <@ NEW.deployment_geography))::integer END;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.model_version_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_field text;
BEGIN
  PERFORM muniment.lock_roots(ARRAY['model'], ARRAY[NEW.model_id], true);
  NEW.recorded_at := clock_timestamp();
  NEW.number := 1 + coalesce(
    (SELECT max(v.number) FROM public.lineage_modelversion v WHERE v.model_id = NEW.model_id), 0);
  NEW.filled_later := '{}';
  v_field := CASE
    WHEN jsonb_typeof(NEW.metrics) <> 'object' OR NOT muniment.all_finite(NEW.metrics)
      OR jsonb_path_exists(NEW.metrics, 'strict $.* ? (@.type() != "number")') THEN 'metrics'
    WHEN jsonb_typeof(NEW.parameters) <> 'object' OR NOT muniment.all_finite(NEW.parameters)
      OR jsonb_path_exists(NEW.parameters, 'strict $.* ? (@.type() == "object" || @.type() == "array")') THEN 'parameters'
    WHEN jsonb_typeof(NEW.model_card) <> 'object' OR NOT muniment.all_finite(NEW.model_card) THEN 'model_card'
    WHEN NOT muniment.all_match(NEW.features_used, '.') THEN 'features_used'
  END;
  IF v_field IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'model-version-' || replace(v_field, '_', '-'),
      TABLE = TG_TABLE_NAME, COLUMN = v_field, MESSAGE = format('%s does not have the form of a record.', v_field),
      HINT = 'Metrics are finite numbers by name; parameters text, finite numbers, true, false or null by name; features stand once.';
  END IF;
  IF NEW.source_run_id IS NOT NULL AND NOT EXISTS (
       SELECT 1 FROM public.lineage_run r JOIN public.lineage_model m ON m.id = NEW.model_id
       WHERE r.id = NEW.source_run_id AND r.namespace_id = m.namespace_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'run-elsewhere', TABLE = TG_TABLE_NAME, COLUMN = 'source_run_id',
      MESSAGE = 'The source run belongs to another namespace.', HINT = 'Register the run in the namespace of the model.';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.dataset_version_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF jsonb_typeof(NEW.schema) <> 'array'
     OR jsonb_path_exists(NEW.schema, 'strict $[*] ? (@.type() != "object")')
     OR jsonb_path_exists(NEW.schema, 'lax $[*] ? (!exists(@.name ? (@.type() == "string")))')
     OR (SELECT count(*) <> count(DISTINCT c ->> 'name') FROM jsonb_array_elements(NEW.schema) c) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'dataset-version-schema', TABLE = TG_TABLE_NAME, COLUMN = 'schema',
      MESSAGE = 'The schema is a list of columns, each an object with a name of its own.', HINT = 'Correct the schema.';
  ELSIF NEW.origin_geography <> '' AND NOT muniment.known_place(NEW.origin_geography) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'dataset-version-place', TABLE = TG_TABLE_NAME,
      COLUMN = 'origin_geography', MESSAGE = format('There is no place %s.', NEW.origin_geography),
      HINT = 'Write an ISO 3166 code such as DE or US-CA, or a bloc such as EU.';
  END IF;
  RETURN NEW;
END $$;

DO $$
DECLARE
  v_rule record;
BEGIN
  FOR v_rule IN SELECT * FROM (VALUES
      ('lineage_collectionterms', 'BEFORE INSERT', 'terms_rules'),
      ('lineage_termswithdrawal', 'BEFORE INSERT', 'withdrawal_rules'),
      ('lineage_sensitivityflag', 'BEFORE INSERT', 'flag_rules'),
      ('lineage_runinput', 'BEFORE INSERT', 'run_link_rules'),
      ('lineage_runoutput', 'BEFORE INSERT', 'run_link_rules'),
      ('lineage_run', 'BEFORE UPDATE', 'run_rules'),
      ('lineage_model', 'BEFORE INSERT OR UPDATE', 'model_rules'),
      ('lineage_modelversion', 'BEFORE INSERT', 'model_version_rules'),
      ('lineage_datasetversion', 'BEFORE INSERT', 'dataset_version_rules')
    ) AS rules (tab, event, rule)
  LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS r_rules ON public.%I', v_rule.tab);
    EXECUTE format('CREATE TRIGGER r_rules %s ON public.%I FOR EACH ROW EXECUTE FUNCTION muniment.%I()',
                   v_rule.event, v_rule.tab, v_rule.rule);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER r_rules', v_rule.tab);
  END LOOP;
END $$;
