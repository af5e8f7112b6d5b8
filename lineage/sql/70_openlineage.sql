-- What producers claim: whose a name is, what an event may touch, and that its text stays what it was.

-- The accounts that report for an OpenLineage namespace.
CREATE OR REPLACE FUNCTION muniment.reports_for(p_namespace bigint, p_source text) RETURNS SETOF bigint
LANGUAGE sql STABLE ROWS 2 SET search_path = pg_catalog, pg_temp AS $$
  SELECT n.producer_id FROM public.lineage_openlineagenamespace n
  WHERE n.namespace_id = p_namespace AND n.source = p_source AND n.active
$$;

-- Whether a dataset bears an OpenLineage name that others report for, and none that the account does.
CREATE OR REPLACE FUNCTION muniment.is_anothers_dataset(p_dataset bigint, p_account bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(bool_or(EXISTS (SELECT 1 FROM muniment.reports_for(d.namespace_id, d.source)))
    AND NOT bool_or(p_account IN (SELECT muniment.reports_for(d.namespace_id, d.source))), false)
  FROM public.lineage_openlineagedataset d WHERE d.dataset_id = p_dataset
$$;

CREATE OR REPLACE FUNCTION muniment.arranges_names(p_namespace bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT muniment.is_person(muniment.actor_id()) AND muniment.holds_role(
    muniment.actor_id(), ARRAY['data_steward', 'administrator'], p_namespace, clock_timestamp())
$$;

CREATE OR REPLACE FUNCTION muniment.openlineage_namespace_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- One after another, so that of two who come first one is.
  PERFORM pg_advisory_xact_lock(1836412533, hashtext(NEW.namespace_id || ' ' || NEW.source));
  IF NOT EXISTS (SELECT 1 FROM public.governance_principal p WHERE p.id = NEW.producer_id AND p.kind = 'service'
                 AND p.home_namespace_id = NEW.namespace_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'producer-elsewhere', TABLE = TG_TABLE_NAME, COLUMN = 'producer_id',
      MESSAGE = 'A producer is a service account at home in the namespace.', HINT = 'Name one of its service accounts.';
  END IF;
  IF NOT muniment.arranges_names(NEW.namespace_id) AND (TG_OP = 'UPDATE' OR NEW.producer_id <> muniment.actor_id()
      OR EXISTS (SELECT 1 FROM public.lineage_openlineagenamespace n
                 WHERE n.namespace_id = NEW.namespace_id AND n.source = NEW.source)) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'another-producers-namespace', TABLE = TG_TABLE_NAME,
      MESSAGE = 'This OpenLineage namespace is given to a producer already.',
      HINT = 'Ask a data steward or an administrator of the namespace to assign it.';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.openlineage_dataset_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_dataset public.lineage_dataset%ROWTYPE;
BEGIN
  SELECT d.* INTO v_dataset FROM public.lineage_dataset d WHERE d.id = NEW.dataset_id;
  IF v_dataset.namespace_id IS DISTINCT FROM NEW.namespace_id THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'dataset-elsewhere', TABLE = TG_TABLE_NAME, COLUMN = 'dataset_id',
      MESSAGE = 'The dataset belongs to another namespace.', HINT = 'Name a dataset of this namespace.';
  END IF;
  IF v_dataset.recorded_by_id <> muniment.actor_id() AND NOT muniment.arranges_names(NEW.namespace_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'another-accounts-dataset', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Another account made this dataset.',
      HINT = 'Ask a data steward or an administrator of the namespace to give it this name.';
  END IF;
  IF NOT muniment.arranges_names(NEW.namespace_id) THEN
    -- One name after another, so that of two given at once the second sees the first.
    PERFORM pg_advisory_xact_lock(1836412534, hashtext(NEW.dataset_id::text));
    -- Whoever made a dataset by reading it must not come into it by a name of its own: the writer of the first name has it.
    IF EXISTS (SELECT 1 FROM public.lineage_openlineagedataset d WHERE d.dataset_id = NEW.dataset_id
        AND NOT EXISTS (SELECT 1 FROM muniment.reports_for(d.namespace_id, d.source) r WHERE r = muniment.actor_id()
                        AND r IN (SELECT muniment.reports_for(NEW.namespace_id, NEW.source)))) THEN
      RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'named-dataset', TABLE = TG_TABLE_NAME,
        MESSAGE = 'The dataset has an OpenLineage name already, and you do not report for both namespaces.',
        HINT = 'Ask a data steward or an administrator of the namespace to give it this name as well.';
    END IF;
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.openlineage_event_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM public.governance_principal p WHERE p.id = muniment.actor_id() AND p.kind = 'service'
                 AND p.home_namespace_id = NEW.namespace_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'event-by-producer', TABLE = TG_TABLE_NAME,
      MESSAGE = 'An event is kept where the service account that sends it is at home.', HINT = 'Send it with its key.';
  END IF;
  RETURN NEW;
END $$;

-- What is said is said where its subject is: of runs and data of the same namespace, and never of another producer's.
CREATE OR REPLACE FUNCTION muniment.report_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_row jsonb := to_jsonb(NEW);
  v_dataset bigint := (v_row ->> 'dataset_id')::bigint;
  v_of_version bigint;
BEGIN
  SELECT v.dataset_id INTO v_of_version FROM public.lineage_datasetversion v WHERE v.id = NEW.dataset_version_id;
  IF NEW.dataset_version_id IS NOT NULL AND v_dataset IS NOT NULL AND v_of_version IS DISTINCT FROM v_dataset THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'version-of-another', TABLE = TG_TABLE_NAME,
      COLUMN = 'dataset_version_id', MESSAGE = 'The version is of another dataset.', HINT = 'Name a version of the dataset.';
  END IF;
  v_dataset := coalesce(v_dataset, v_of_version);
  -- Not yet there is not there: foreign keys are looked at when the transaction ends, and the rules here would ask nothing.
  IF (NEW.dataset_version_id IS NOT NULL AND v_of_version IS NULL)
     OR (v_dataset IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM public.lineage_dataset d WHERE d.id = v_dataset AND d.namespace_id = NEW.namespace_id))
     OR (NEW.run_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM public.lineage_run r WHERE r.id = NEW.run_id AND r.namespace_id = NEW.namespace_id))
     OR (NEW.event_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM public.lineage_openlineageevent e
          WHERE e.id = NEW.event_id AND e.namespace_id = NEW.namespace_id AND e.recorded_by_id = muniment.actor_id())) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'report-elsewhere', TABLE = TG_TABLE_NAME,
      MESSAGE = 'A report is about runs and data of its own namespace, and rests on an event of its own account.',
      HINT = 'Report it where its subject is.';
  END IF;
  -- What the product itself measured from the version's own bytes is nobody's claim (71_profiles.sql).
  IF (v_row ->> 'how') IS DISTINCT FROM 'measured' THEN
    PERFORM muniment.require_own_data(v_dataset, TG_TABLE_NAME);
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.require_own_data(p_dataset bigint, p_table text) RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF muniment.is_anothers_dataset(p_dataset, muniment.actor_id()) AND NOT muniment.is_person(muniment.actor_id()) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'another-producers-dataset', TABLE = p_table,
      MESSAGE = 'Another producer reports for this dataset: it can be read, and nothing else is taken from this account.',
      HINT = 'Ask a data steward or an administrator of the namespace to assign the OpenLineage namespace to both.';
  END IF;
END $$;

-- What an event says was written belongs to its producer. Links by other ways are for those who register facts.
CREATE OR REPLACE FUNCTION muniment.claimed_output_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.require_own_data(
    (SELECT v.dataset_id FROM public.lineage_datasetversion v WHERE v.id = NEW.dataset_version_id), TG_TABLE_NAME);
  RETURN NEW;
END $$;

-- The product's own runs have keys that can be guessed. So a run of such a key is what it should be, whoever made it: there is
-- the thing that it is named after, and it binds nothing else.
CREATE OR REPLACE FUNCTION muniment.own_run_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_id text := substring(NEW.run_key FROM '([1-9][0-9]{0,17})$');
BEGIN
  IF NOT (CASE
      WHEN NEW.run_key = 'any-version-' || v_id THEN NEW.job_name = 'any version of a dataset' AND EXISTS (
        SELECT 1 FROM public.lineage_datasetversion v JOIN public.lineage_dataset d ON d.id = v.dataset_id
        WHERE d.id = v_id::bigint AND d.namespace_id = NEW.namespace_id AND v.label = 'any version')
      WHEN NEW.run_key = 'model version ' || v_id THEN EXISTS (
        SELECT 1 FROM public.lineage_modelversion v JOIN public.lineage_model m ON m.id = v.model_id
        WHERE v.id = v_id::bigint AND m.namespace_id = NEW.namespace_id)
      ELSE false END) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'own-run', TABLE = TG_TABLE_NAME, COLUMN = 'run_key',
      MESSAGE = 'Muniment keeps keys that begin like this for runs of its own.', HINT = 'Send another key.';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.own_run_link_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_key text;
  v_id bigint;
  v_right boolean;
BEGIN
  SELECT r.run_key INTO v_key FROM public.lineage_run r WHERE r.id = NEW.run_id;
  IF NOT FOUND THEN  -- linked before it is there, it could be given one of our keys afterwards
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'no-such-run', TABLE = TG_TABLE_NAME, COLUMN = 'run_id',
      MESSAGE = 'There is no such run.', HINT = 'Register it first.';
  ELSIF v_key !~ '^(any-version-|model version )' THEN
    RETURN NEW;
  END IF;
  v_id := substring(v_key FROM '([1-9][0-9]{0,17})$')::bigint;
  IF v_key LIKE 'any-version-%' THEN
    SELECT NEW.role = (CASE WHEN TG_TABLE_NAME = 'lineage_runinput' THEN 'source' ELSE 'output' END)
           AND (v.label = 'any version' AND v.digest_value = '') = (TG_TABLE_NAME = 'lineage_runoutput') INTO v_right
    FROM public.lineage_datasetversion v WHERE v.id = NEW.dataset_version_id AND v.dataset_id = v_id;
  ELSE
    v_right := TG_TABLE_NAME = 'lineage_runinput' OR (NEW.role = 'output' AND NEW.model_version_id = v_id);
  END IF;
  IF v_right IS NOT TRUE THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'own-run', TABLE = TG_TABLE_NAME, COLUMN = 'run_id',
      MESSAGE = 'This run is Muniment''s own: it binds only what it is named after.', HINT = 'Link a run of your own.';
  END IF;
  RETURN NEW;
END $$;

-- The text of an event is the one whose digest is on record, from its first day on.
CREATE OR REPLACE FUNCTION muniment.openlineage_intake_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_namespace bigint;
  v_digest text;
BEGIN
  IF TG_OP = 'INSERT' THEN
    -- By its key alone: a plan made for the empty table would take any index on a column that is asked besides.
    SELECT e.namespace_id, e.body_digest INTO v_namespace, v_digest
      FROM public.lineage_openlineageevent e WHERE e.id = NEW.event_id;
    IF v_namespace IS DISTINCT FROM NEW.namespace_id
       OR v_digest IS DISTINCT FROM encode(sha256(convert_to(NEW.body, 'UTF8')), 'hex') THEN
      RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'event-text', TABLE = TG_TABLE_NAME,
        MESSAGE = 'This is not the text whose digest is on record.', HINT = 'Keep the text with its own event.';
    END IF;
  ELSIF NEW.event_id <> OLD.event_id OR NEW.namespace_id <> OLD.namespace_id OR NEW.body <> OLD.body THEN
    RAISE EXCEPTION USING ERRCODE = 'MU005', DETAIL = 'event-text', TABLE = TG_TABLE_NAME,
      MESSAGE = 'The text of an event never changes.', HINT = 'Send another event.';
  -- The app makes no triggers: deeper than one level is the replay's own.
  ELSIF OLD.state <> 'waiting' AND NEW.state = 'waiting' AND pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION USING ERRCODE = 'MU005', DETAIL = 'replay-not-recorded', TABLE = TG_TABLE_NAME,
      MESSAGE = 'An event is worked off again by a recorded replay.', HINT = 'Record an OpenLineageReplay.';
  END IF;
  RETURN NEW;
END $$;

-- Keep events that came in, each once, with their texts, in one go: a list of objects. One that the account sent before is that
-- one. Returns where each stands on record. Plans are kept from the first call on, when the tables may be empty and any plan is
-- as good: so each event is looked up by a question of its own, which no plan turns round.
DROP FUNCTION IF EXISTS muniment.keep_events(bigint, text[], text[], timestamptz[], text[], text[], text[], text[], text[]);
CREATE OR REPLACE FUNCTION muniment.keep_events(home bigint, events jsonb)
RETURNS TABLE (claim text, id bigint, new boolean, history_id bigint, ledger_entry bigint, action_id uuid, recorded_at timestamptz)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  v_actor bigint := muniment.actor_id();
  v_made bigint[];
BEGIN
  WITH made AS (
    INSERT INTO public.lineage_openlineageevent AS e (namespace_id, kind, event_type, event_time, run_key, subject, sender,
        claim_digest, body_digest, body_bytes)
      SELECT home, g.kind, g.type, g.at, g.run_key, g.subject, g.sender, g.claim,
        encode(sha256(convert_to(g.body, 'UTF8')), 'hex'), octet_length(g.body)
      FROM ROWS FROM (jsonb_to_recordset(events)
        AS (kind text, type text, at timestamptz, run_key text, subject text, sender text, claim text, body text))
        WITH ORDINALITY AS g (kind, type, at, run_key, subject, sender, claim, body, place)
      WHERE (SELECT o.id FROM public.lineage_openlineageevent o
             WHERE o.recorded_by_id = v_actor AND o.claim_digest = g.claim) IS NULL
      ORDER BY g.place
      RETURNING e.id)
    SELECT coalesce(array_agg(made.id), '{}') INTO v_made FROM made;
  INSERT INTO public.lineage_openlineageintake (event_id, namespace_id, body, state, attempts, made, notes, fault)
    SELECT k.id, home, k.body, 'waiting', 0, '[]', '[]', ''
    FROM (SELECT (SELECT e.id FROM public.lineage_openlineageevent e
                  WHERE e.recorded_by_id = v_actor AND e.claim_digest = g.claim) AS id, g.body
          FROM jsonb_to_recordset(events) AS g (claim text, body text) OFFSET 0) k
    WHERE k.id = ANY (v_made) ORDER BY k.id;
  RETURN QUERY
    SELECT k.claim, k.id, k.id = ANY (v_made), h.history_id, h.ledger_entry_id, h.action_id, h.history_date
    FROM (SELECT g.claim, (SELECT e.id FROM public.lineage_openlineageevent e
                           WHERE e.recorded_by_id = v_actor AND e.claim_digest = g.claim) AS id
          FROM (SELECT DISTINCT x ->> 'claim' AS claim FROM jsonb_array_elements(events) x) g OFFSET 0) k
    CROSS JOIN LATERAL (
      SELECT x.* FROM public.lineage_historicalopenlineageevent x WHERE x.id = k.id
      ORDER BY x.history_date DESC, x.history_id DESC LIMIT 1) h;
END $$;

CREATE OR REPLACE FUNCTION muniment.check_openlineage_replay() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT muniment.arranges_names((SELECT e.namespace_id FROM public.lineage_openlineageevent e WHERE e.id = NEW.event_id)) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'replay-by-steward', TABLE = TG_TABLE_NAME,
      MESSAGE = 'A data steward or an administrator of the namespace has events worked off again.', HINT = 'Ask one of them.';
  END IF;
  SELECT i.state INTO NEW.state FROM public.lineage_openlineageintake i WHERE i.event_id = NEW.event_id FOR UPDATE;
  IF NEW.state IS NULL OR NEW.state = 'waiting' THEN
    RAISE EXCEPTION USING ERRCODE = 'MU008', DETAIL = 'event-waits', TABLE = TG_TABLE_NAME,
      MESSAGE = 'This event waits to be worked off already.', HINT = 'Look again in a minute.';
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.carry_out_openlineage_replay() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE public.lineage_openlineageintake SET state = 'waiting', attempts = 0, due_at = clock_timestamp()
  WHERE event_id = NEW.event_id;
  RETURN NULL;
END $$;

DO $$
DECLARE
  v_rule record;
BEGIN
  FOR v_rule IN SELECT * FROM (VALUES
      ('lineage_openlineagenamespace', 'r_rules', 'BEFORE INSERT OR UPDATE', '', 'openlineage_namespace_rules'),
      ('lineage_openlineagedataset', 'r_rules', 'BEFORE INSERT', '', 'openlineage_dataset_rules'),
      ('lineage_openlineageevent', 'r_rules', 'BEFORE INSERT', '', 'openlineage_event_rules'),
      ('lineage_reportedfact', 'r_rules', 'BEFORE INSERT', '', 'report_rules'),
      ('lineage_dataprofile', 'r_rules', 'BEFORE INSERT', '', 'report_rules'),
      ('lineage_qualityresult', 'r_rules', 'BEFORE INSERT', '', 'report_rules'),
      ('lineage_runoutput', 'r_rules_of_producers', 'BEFORE INSERT',
       'WHEN (NEW.link_method = ''openlineage'' AND NEW.dataset_version_id IS NOT NULL)', 'claimed_output_rules'),
      ('lineage_run', 'r_rules_of_own_runs', 'BEFORE INSERT',
       'WHEN (NEW.run_key ~ ''^(any-version-|model version )'')', 'own_run_rules'),
      ('lineage_runinput', 'r_rules_of_own_runs', 'BEFORE INSERT', '', 'own_run_link_rules'),
      ('lineage_runoutput', 'r_rules_of_own_runs', 'BEFORE INSERT', '', 'own_run_link_rules'),
      ('lineage_openlineageintake', 'r_rules', 'BEFORE INSERT OR UPDATE', '', 'openlineage_intake_rules'),
      ('lineage_openlineagereplay', 'r_rules', 'BEFORE INSERT', '', 'check_openlineage_replay'),
      ('lineage_openlineagereplay', 's_carry_out', 'AFTER INSERT', '', 'carry_out_openlineage_replay')
    ) AS rules (tab, name, event, condition, rule)
  LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS %I ON public.%I', v_rule.name, v_rule.tab);
    EXECUTE format('CREATE TRIGGER %I %s ON public.%I FOR EACH ROW %s EXECUTE FUNCTION muniment.%I()',
                   v_rule.name, v_rule.event, v_rule.tab, v_rule.condition, v_rule.rule);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER %I', v_rule.tab, v_rule.name);
  END LOOP;
END $$;
