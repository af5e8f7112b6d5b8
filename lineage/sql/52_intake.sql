-- Intake: proposals by persons who do business in a namespace, with every question answered as it is worded now; decided
-- once, by someone else who oversees risk there.

CREATE OR REPLACE FUNCTION muniment.check_question_set() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_asked text[] := ARRAY['legal_or_similar_effect', 'no_human_review', 'personal_data', 'safety_component',
                          'special_category_data'];  -- what muniment.risk_tier_of reads
BEGIN
  IF NOT muniment.is_operator() AND NOT (muniment.is_person(muniment.actor_id())
       AND muniment.holds_role(muniment.actor_id(), ARRAY['policy_owner'], NULL, clock_timestamp())) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'not-a-policy-owner', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Only a policy owner of everywhere words the risk questions.', HINT = 'Ask a policy owner.';
  END IF;
  PERFORM pg_advisory_xact_lock(1836412533, 1);  -- numbers without gaps: one set at a time
  NEW.number := 1 + coalesce((SELECT max(s.number) FROM public.lineage_riskquestionset s), 0);
  IF jsonb_typeof(NEW.questions) <> 'array'
     OR jsonb_path_exists(NEW.questions, 'strict $[*] ? (@.type() != "object")')
     OR EXISTS (SELECT 1 FROM jsonb_array_elements(NEW.questions) q
                WHERE coalesce(btrim(q ->> 'text'), '') = '' OR jsonb_typeof(q -> 'text') <> 'string'
                   OR (SELECT count(*) FROM jsonb_object_keys(q)) <> 2)
     OR (SELECT array_agg(q ->> 'key' ORDER BY q ->> 'key') FROM jsonb_array_elements(NEW.questions) q)
        IS DISTINCT FROM v_asked THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'question-set', TABLE = TG_TABLE_NAME,
      MESSAGE = 'A set asks each question of the tier''s rule once, as {key, text}.',
      HINT = format('Word these: %s.', array_to_string(v_asked, ', '));
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.check_intake() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT (muniment.is_person(muniment.actor_id()) AND muniment.holds_role(muniment.actor_id(),
       ARRAY['model_owner', 'business_owner', 'data_steward', 'risk_manager'], NEW.namespace_id, clock_timestamp())) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'intake-by-person', TABLE = TG_TABLE_NAME,
      MESSAGE = 'A model is proposed by a person who does business there: model owner, business owner, steward, risk manager.',
      HINT = 'Ask one of them.';
  END IF;
  -- One version of the questions is in force at a time; who waits here reads the newest afterwards.
  PERFORM pg_advisory_xact_lock_shared(1836412533, 1);
  IF NEW.question_set_id IS DISTINCT FROM
       (SELECT s.id FROM public.lineage_riskquestionset s ORDER BY s.number DESC LIMIT 1) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU008', DETAIL = 'questions-outdated', TABLE = TG_TABLE_NAME,
      MESSAGE = 'The questions are worded anew since.', HINT = 'Read them again and answer what they ask now.';
  ELSIF jsonb_typeof(NEW.risk_answers) <> 'object'
     OR (SELECT array_agg(a.key ORDER BY a.key) FROM jsonb_each(NEW.risk_answers) a WHERE jsonb_typeof(a.value) = 'boolean')
        IS DISTINCT FROM
        (SELECT array_agg(q ->> 'key' ORDER BY q ->> 'key') FROM public.lineage_riskquestionset s,
           jsonb_array_elements(s.questions) q WHERE s.id = NEW.question_set_id)
     OR (SELECT count(*) FROM jsonb_object_keys(NEW.risk_answers)) <> 5 THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'questions-open', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Every question of the set is answered, true or false.', HINT = 'Answer those left open.';
  ELSIF NOT muniment.all_places(NEW.deployment_geography)
     OR cardinality(NEW.deployment_geography) = 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'intake-geography', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Places are ISO 3166 codes or blocs that there are, each once, and at least one.', HINT = 'Say where it is to decide.';
  ELSIF NOT muniment.is_person(NEW.owner_id)
     OR (NEW.decision_owner_id IS NOT NULL AND NOT muniment.is_person(NEW.decision_owner_id)) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'intake-owner', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Persons answer for a model, not accounts.', HINT = 'Name a person who is active.';
  END IF;
  PERFORM muniment.require_known('purpose', ARRAY[NEW.intended_purpose::text], TG_TABLE_NAME, 'intended_purpose');
  NEW.risk_tier := muniment.risk_tier_of(NEW.risk_answers);
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.check_intake_decision() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
  i public.lineage_intake%ROWTYPE;
BEGIN
  SELECT x.* INTO i FROM public.lineage_intake x WHERE x.id = NEW.intake_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'no-such-intake', TABLE = TG_TABLE_NAME,
      MESSAGE = 'There is no such intake.', HINT = 'Propose the model first.';
  ELSIF NOT (muniment.is_person(v_actor) AND muniment.holds_role(v_actor, ARRAY['risk_manager', 'compliance_officer'],
                                                                 i.namespace_id, clock_timestamp())) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'intake-decided-by-overseer', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Risk managers and compliance officers of the namespace decide on proposals.', HINT = 'Ask one of them.';
  ELSIF v_actor = ANY (muniment.persons_behind(i.recorded_by_id)) OR v_actor IN (i.owner_id, i.decision_owner_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'own-work', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Nobody decides on their own proposal, nor on one they are to answer for.', HINT = 'Ask someone else with the role.';
  ELSIF EXISTS (SELECT 1 FROM public.lineage_intakedecision d WHERE d.intake_id = i.id) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU008', DETAIL = 'intake-decided', TABLE = TG_TABLE_NAME,
      MESSAGE = 'This proposal is decided already.', HINT = 'A changed proposal is a new one.';
  END IF;
  RETURN NEW;
END $$;

DO $$
DECLARE
  v_rule record;
BEGIN
  FOR v_rule IN SELECT * FROM (VALUES
      ('lineage_riskquestionset', 'check_question_set'),
      ('lineage_intake', 'check_intake'),
      ('lineage_intakedecision', 'check_intake_decision')
    ) AS rules (tab, rule)
  LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS r_rules ON public.%I', v_rule.tab);
    EXECUTE format('CREATE TRIGGER r_rules BEFORE INSERT ON public.%I FOR EACH ROW EXECUTE FUNCTION muniment.%I()',
                   v_rule.tab, v_rule.rule);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER r_rules', v_rule.tab);
  END LOOP;
END $$;
