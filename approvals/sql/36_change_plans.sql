-- Retraining envelopes: written for a version and a place, carried by one release of it, in force from its promotion under
-- full sign-off, used by promotions that the gate let pass on it, revoked by those who oversee.

-- What is wrong with the bands of a plan, or NULL: the code, the sentence and what to do.
CREATE OR REPLACE FUNCTION muniment.band_faults(p public.approvals_changeplan, model bigint) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  b jsonb;
  v_name text;
BEGIN
  IF jsonb_typeof(p.bands) <> 'array' OR jsonb_array_length(p.bands) NOT BETWEEN 1 AND 50 THEN
    RETURN ARRAY['bands', 'An envelope has 1 to 50 bands that measured values must lie in.', 'Name what is measured, and its limits.'];
  END IF;
  FOR b IN SELECT e FROM jsonb_array_elements(p.bands) e LOOP
    IF jsonb_typeof(b) <> 'object' OR b - ARRAY['plan', 'metric', 'slice', 'dataset_role', 'low', 'high', 'change_low',
         'change_high', 'whole_interval', 'independent'] <> '{}' OR coalesce(b ->> 'metric', '') !~ '[^[:space:]]'
       OR jsonb_typeof(b -> 'plan') IS DISTINCT FROM 'number' OR coalesce(b ->> 'plan', '') !~ '^[0-9]{1,18}$'
       OR coalesce(jsonb_typeof(b -> 'whole_interval'), 'boolean') <> 'boolean'
       OR coalesce(jsonb_typeof(b -> 'independent'), 'boolean') <> 'boolean' THEN
      RETURN ARRAY['band-form', 'A band names a plan, a metric and limits, and nothing it does not know.', 'Correct the band.'];
    ELSIF NOT EXISTS (
        SELECT 1 FROM public.approvals_plan n WHERE n.id = (b ->> 'plan')::bigint
          AND (n.model_id = model OR n.dataset_id IN (
            SELECT d.dataset_id FROM public.lineage_datasetversion d
            WHERE d.id = ANY (muniment.training_of(p.model_version_id))))) THEN
      RETURN ARRAY['band-plan', 'The plan of a band is one on this model, or on a dataset the base version was trained on.',
                   'Name such a plan, or lock one.'];
    END IF;
    FOREACH v_name IN ARRAY ARRAY['low', 'high', 'change_low', 'change_high'] LOOP
      -- Text, digit for digit: NaN, Infinity and 1e400 are no bounds.
      IF b ? v_name AND (jsonb_typeof(b -> v_name) <> 'string' OR b ->> v_name !~ '^-?[0-9]{1,30}([.][0-9]{1,30})?$') THEN
        RETURN ARRAY['band-limit', 'The limits of a band are finite decimal numbers, as text.', 'Correct the limit.'];
      END IF;
    END LOOP;
    IF NOT b ?| ARRAY['low', 'high', 'change_low', 'change_high']
       OR (b ->> 'low')::numeric > (b ->> 'high')::numeric OR (b ->> 'change_low')::numeric > (b ->> 'change_high')::numeric THEN
      RETURN ARRAY['band-empty', 'A band has a limit, and what is below lies below what is above.', 'Correct the limits.'];
    END IF;
  END LOOP;
  RETURN NULL;
END $$;

-- What is wrong with the parameters that may vary, or NULL.
CREATE OR REPLACE FUNCTION muniment.parameter_faults(parameters jsonb) RETURNS text[] LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s record;
BEGIN
  IF jsonb_typeof(parameters) <> 'object' OR (SELECT count(*) FROM jsonb_object_keys(parameters)) > 100 THEN
    RETURN ARRAY['parameters', 'Parameters that may vary are an object of at most 100 names.', 'Correct it.'];
  END IF;
  FOR s IN SELECT e.key, e.value FROM jsonb_each(parameters) e LOOP
    IF jsonb_typeof(s.value) <> 'object' OR s.key !~ '[^[:space:]]' OR NOT (
         s.value ? 'one_of' AND s.value - 'one_of' = '{}' AND jsonb_typeof(s.value -> 'one_of') = 'array'
           AND jsonb_array_length(s.value -> 'one_of') BETWEEN 1 AND 200
           AND NOT jsonb_path_exists(s.value, 'strict $.one_of[*] ? (@.type() == "object" || @.type() == "array")')
         OR s.value ?| ARRAY['min', 'max'] AND s.value - ARRAY['min', 'max'] = '{}'
           AND NOT EXISTS (SELECT 1 FROM jsonb_each(s.value) b WHERE jsonb_typeof(b.value) <> 'string'
                             OR b.value #>> '{}' !~ '^-?[0-9]{1,30}([.][0-9]{1,30})?$')) THEN
      RETURN ARRAY['parameter-form', format('Parameter %s: give min, max or both as decimal text, or one_of with values.', left(s.key, 100)),
                   'Correct it.'];
    ELSIF (s.value ->> 'min')::numeric > (s.value ->> 'max')::numeric THEN
      RETURN ARRAY['parameter-empty', format('Parameter %s: no value lies between its limits.', left(s.key, 100)), 'Correct the limits.'];
    END IF;
  END LOOP;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION muniment.check_change_plan() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  m public.lineage_model%ROWTYPE;
  v_faults text[];
  v_unknown text;
BEGIN
  SELECT x.* INTO m FROM public.lineage_model x JOIN public.lineage_modelversion v ON v.model_id = x.id
    WHERE v.id = NEW.model_version_id;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-version', 'There is no such model version.', 'Register it first.');
  ELSIF NOT muniment.holds_role(muniment.actor_id(), ARRAY['model_owner', 'pipeline'], m.namespace_id, clock_timestamp()) THEN
    PERFORM muniment.refuse('MU006', 'not-for-this-role', 'Model owners and pipelines propose what may change by retraining.', 'Ask one of them.');
  ELSIF NEW.ends_at <= clock_timestamp() OR NEW.ends_at > clock_timestamp() + interval '732 days' THEN
    PERFORM muniment.refuse('MU009', 'envelope-end', 'An envelope ends in the future, at most two years ahead.', 'Give such a moment.');
  END IF;
  v_faults := coalesce(muniment.parameter_faults(NEW.parameters), muniment.band_faults(NEW, m.id));
  IF v_faults IS NOT NULL THEN
    PERFORM muniment.refuse('MU009', v_faults[1], v_faults[2], v_faults[3]);
  END IF;
  SELECT string_agg(k, ', ' ORDER BY k) INTO v_unknown FROM unnest(NEW.keeps) k WHERE NOT EXISTS (
    SELECT 1 FROM public.approvals_requirement q WHERE q.key = k AND q.kind = 'signoff' AND q.policy_version_id =
      muniment.active_policy_version(NEW.environment_id, m.risk_tier, m.namespace_id, NEW.slot));
  IF v_unknown IS NOT NULL THEN
    PERFORM muniment.refuse('MU009', 'keeps-unknown', format('The policy in force there asks for no signature called %s.', left(v_unknown, 300)),
      'Name signatures that it asks for.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_change_plan ON public.approvals_changeplan;
CREATE TRIGGER r_change_plan BEFORE INSERT ON public.approvals_changeplan
  FOR EACH ROW EXECUTE FUNCTION muniment.check_change_plan();
ALTER TABLE public.approvals_changeplan ENABLE ALWAYS TRIGGER r_change_plan;

-- A release brings a plan of its own version and place, which never was in force and is not revoked.
CREATE OR REPLACE FUNCTION muniment.check_change_plan_of(r public.approvals_release) RETURNS void LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p public.approvals_changeplan%ROWTYPE;
BEGIN
  IF r.change_plan_id IS NULL THEN
    RETURN;
  END IF;
  SELECT x.* INTO p FROM public.approvals_changeplan x WHERE x.id = r.change_plan_id;
  IF NOT FOUND OR (p.model_version_id, p.environment_id, p.slot) <> (r.model_version_id, r.environment_id, r.slot) THEN
    PERFORM muniment.refuse('MU009', 'envelope-elsewhere', 'The envelope is of another version, environment or slot than the release.',
      'Propose one for this version and place.');
  ELSIF muniment.change_plan_state(p.id, clock_timestamp()) ->> 'ended' IS DISTINCT FROM 'plan-not-in-force' THEN
    PERFORM muniment.refuse('MU008', 'envelope-used', 'This envelope was in force already, or is revoked.', 'Propose a new one.');
  ELSIF p.ends_at <= clock_timestamp() THEN
    PERFORM muniment.refuse('MU008', 'envelope-over', 'This envelope is over before it began.', 'Propose one with a later end.');
  END IF;
END $$;

-- A promotion that rests on plans holds them: nobody revokes one meanwhile, and two retrains count their uses one by one.
CREATE OR REPLACE FUNCTION muniment.lock_change_plans(p_release bigint, p_model bigint, p_environment bigint, p_slot text)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM 1 FROM public.approvals_changeplan p
    WHERE p.id IN (SELECT r.change_plan_id FROM public.approvals_release r WHERE r.id = p_release
                   UNION SELECT muniment.change_plan_at(p_model, p_environment, p_slot))
    ORDER BY p.id FOR NO KEY UPDATE;
END $$;

-- What has ended the plan of a place just now is told to people, once: where `p_before`, what had ended it before, is empty
-- and something has since. Its last use and its revocation have messages of their own, its moment has reminders.
CREATE OR REPLACE FUNCTION muniment.tell_of_ended_plan(p_plan bigint, p_before text[], p_after text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF p_before = '{}' AND p_after <> '{}' AND p_after[1] <> 'plan-spent' THEN
    PERFORM muniment.tell('change_plan.ended', jsonb_build_object('change_plan', p_plan, 'why', p_after[1]),
                          format('change_plan:%s', p_plan));
  END IF;
END $$;

-- A promotion that ends otherwise than by the next one ends the plan that it rests on.
CREATE OR REPLACE FUNCTION muniment.end_change_plan() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_plan bigint := (SELECT u.change_plan_id FROM public.approvals_changeplanuse u WHERE u.promotion_id = NEW.promotion_id);
  v_endings text[];
BEGIN
  IF v_plan IS NOT NULL AND NEW.kind NOT IN ('superseded', 'rolled_back') AND NOT EXISTS (
       SELECT 1 FROM public.approvals_changeplanuse u JOIN public.approvals_promotionend e ON e.promotion_id = u.promotion_id
       WHERE u.change_plan_id = v_plan AND e.kind <> 'superseded' AND e.id <> NEW.id) THEN
    v_endings := muniment.change_plan_endings(v_plan, clock_timestamp());
    -- The recall that ends a promotion of the base version is on record already, and is what this end is told as.
    PERFORM muniment.tell_of_ended_plan(v_plan, array_remove(array_remove(v_endings, 'plan-serving-ended'),
      CASE NEW.kind WHEN 'recalled' THEN 'plan-base-recalled' END), v_endings);
  END IF;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS r_end_change_plan ON public.approvals_promotionend;
CREATE TRIGGER r_end_change_plan AFTER INSERT ON public.approvals_promotionend
  FOR EACH ROW EXECUTE FUNCTION muniment.end_change_plan();
ALTER TABLE public.approvals_promotionend ENABLE ALWAYS TRIGGER r_end_change_plan;

-- So does the recall of a base version that serves no longer, since a retrain took its place.
CREATE OR REPLACE FUNCTION muniment.tell_of_recalled_bases(p_starts bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_plan bigint;
  v_endings text[];
BEGIN
  FOR v_plan IN SELECT p.id FROM unnest(p_starts) AS s (key)
      JOIN public.approvals_changeplan p ON p.model_version_id = s.key >> 2 WHERE s.key & 3 = 2 ORDER BY p.id LOOP
    v_endings := muniment.change_plan_endings(v_plan, clock_timestamp());
    PERFORM muniment.tell_of_ended_plan(v_plan, array_remove(v_endings, 'plan-base-recalled'), v_endings);
  END LOOP;
END $$;

-- After a promotion through an open gate: the release's own plan comes into force if everyone signed, and a plan whose
-- waivers let it pass is used once more; with the last use people are told. Nothing observe-only let through does either.
CREATE OR REPLACE FUNCTION muniment.count_change_plan(p_promotion bigint, p_release bigint, p_rows jsonb, p_at timestamptz)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_plan bigint := (SELECT r.change_plan_id FROM public.approvals_release r WHERE r.id = p_release);
  v_waived bigint := (jsonb_path_query_first(p_rows, '$[*] ? (@.reason == "inside-envelope").params.plan') #>> '{}')::bigint;
  v_number smallint;  -- of the use
BEGIN
  IF v_waived IS NOT NULL THEN
    INSERT INTO public.approvals_changeplanuse (change_plan_id, promotion_id, number, basis)
      SELECT u.change_plan_id, p_promotion, max(u.number) + 1, jsonb_build_object('edges',
               muniment.envelope_edges(muniment.gate_context_of(p_release, NULL, p_at), v_waived))
      FROM public.approvals_changeplanuse u WHERE u.change_plan_id = v_waived GROUP BY u.change_plan_id
      RETURNING number INTO v_number;
    IF v_number = (SELECT p.uses FROM public.approvals_changeplan p WHERE p.id = v_waived) THEN
      PERFORM muniment.tell('change_plan.spent', jsonb_build_object('change_plan', v_waived), format('change_plan:%s', v_waived));
    END IF;
  ELSIF v_plan IS NOT NULL AND muniment.change_plan_state(v_plan, p_at, p_release) ->> 'ended' = 'plan-not-in-force'
        AND jsonb_path_exists(p_rows, '$[*] ? (@.kind == "signoff")')
        AND NOT jsonb_path_exists(p_rows, '$[*] ? (@.kind == "signoff" && @.status != "SATISFIED")')
        AND (SELECT p.ends_at > p_at FROM public.approvals_changeplan p WHERE p.id = v_plan) THEN
    INSERT INTO public.approvals_changeplanuse (change_plan_id, promotion_id, number, basis)
      VALUES (v_plan, p_promotion, 0, muniment.change_plan_basis(muniment.gate_context_of(p_release, NULL, p_at)));
  END IF;
END $$;

CREATE OR REPLACE FUNCTION muniment.check_change_plan_use() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF pg_trigger_depth() < 2 THEN
    PERFORM muniment.refuse('MU006', 'use-by-promotion', 'An envelope is used by a promotion that the gate let pass, and by nothing else.',
      'Promote a retrain.');
  ELSIF NEW.number > (SELECT p.uses FROM public.approvals_changeplan p WHERE p.id = NEW.change_plan_id) THEN
    PERFORM muniment.refuse('MU008', 'envelope-spent', 'The uses of this envelope are spent.', 'Have the release judged in full.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_change_plan_use ON public.approvals_changeplanuse;
CREATE TRIGGER r_change_plan_use BEFORE INSERT ON public.approvals_changeplanuse
  FOR EACH ROW EXECUTE FUNCTION muniment.check_change_plan_use();
ALTER TABLE public.approvals_changeplanuse ENABLE ALWAYS TRIGGER r_change_plan_use;

CREATE OR REPLACE FUNCTION muniment.check_change_plan_revocation() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_namespace bigint;
BEGIN
  PERFORM muniment.require_read_committed();
  PERFORM 1 FROM public.approvals_changeplan p WHERE p.id = NEW.change_plan_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-envelope', 'There is no such retraining envelope.', 'Look at the envelopes there are.');
  END IF;
  SELECT m.namespace_id INTO v_namespace FROM public.approvals_changeplan p
    JOIN public.lineage_modelversion v ON v.id = p.model_version_id JOIN public.lineage_model m ON m.id = v.model_id
    WHERE p.id = NEW.change_plan_id;
  IF NOT (muniment.is_person(muniment.actor_id()) AND muniment.holds_role(muniment.actor_id(),
       ARRAY['risk_manager', 'compliance_officer'], v_namespace, clock_timestamp())) THEN
    PERFORM muniment.refuse('MU006', 'not-for-this-role', 'Risk managers and compliance officers revoke an envelope.', 'Ask one of them.');
  ELSIF EXISTS (SELECT 1 FROM public.approvals_changeplanrevocation r WHERE r.change_plan_id = NEW.change_plan_id) THEN
    PERFORM muniment.refuse('MU008', 'envelope-revoked', 'This envelope is revoked already.', 'Nothing is left to do.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_change_plan_revocation ON public.approvals_changeplanrevocation;
CREATE TRIGGER r_change_plan_revocation BEFORE INSERT ON public.approvals_changeplanrevocation
  FOR EACH ROW EXECUTE FUNCTION muniment.check_change_plan_revocation();
ALTER TABLE public.approvals_changeplanrevocation ENABLE ALWAYS TRIGGER r_change_plan_revocation;
