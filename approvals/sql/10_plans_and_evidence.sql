-- Plans are locked as they are recorded; what belongs to a plan or an item of evidence comes in the same transaction.

CREATE OR REPLACE FUNCTION muniment.check_plan() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.namespace_id IS DISTINCT FROM coalesce((SELECT namespace_id FROM public.lineage_model WHERE id = NEW.model_id),
       (SELECT namespace_id FROM public.lineage_dataset WHERE id = NEW.dataset_id)) THEN
    PERFORM muniment.refuse('MU009', 'other-namespace', 'A plan belongs to the namespace of its subject.',
      'Record it there.');
  END IF;
  -- Whoever holds a plan open holds its subject, and with it every other plan there: of two plans held beside each other one
  -- could be chosen once the figures are known, however early the five minutes below are asked about.
  PERFORM muniment.lock_subject(NEW.model_id, NULL, NEW.dataset_id, NULL);
  NEW.locked_at := clock_timestamp();
  NEW.written_in := muniment.this_transaction();
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_plan ON public.approvals_plan;
CREATE TRIGGER r_plan BEFORE INSERT ON public.approvals_plan FOR EACH ROW EXECUTE FUNCTION muniment.check_plan();
ALTER TABLE public.approvals_plan ENABLE ALWAYS TRIGGER r_plan;

-- A plan that is locked and not yet committed can still be thrown away for another one, once the figures are known: it is
-- held for no longer than an act takes. Its criteria count from when the last of them was written (14_evidence.sql).
CREATE OR REPLACE FUNCTION muniment.plan_not_held() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF clock_timestamp() > NEW.locked_at + interval '5 minutes' THEN
    PERFORM muniment.refuse('MU008', 'plan-held-open', 'This plan was held open for more than five minutes.',
      'Lock it in a transaction of its own, then measure.');
  END IF;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS zz_held ON public.approvals_plan;
CREATE CONSTRAINT TRIGGER zz_held AFTER INSERT ON public.approvals_plan DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION muniment.plan_not_held();
ALTER TABLE public.approvals_plan ENABLE ALWAYS TRIGGER zz_held;

CREATE OR REPLACE FUNCTION muniment.check_criterion() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM public.approvals_plan
                 WHERE id = NEW.plan_id AND muniment.written_here(written_in, recorded_at))
     OR EXISTS (SELECT 1 FROM public.approvals_evidence e WHERE e.plan_id = NEW.plan_id) THEN
    PERFORM muniment.refuse('MU003', 'plan-locked', 'This plan is locked: its criteria came with it.',
      'Record a new plan; evidence measured after it can count.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_criterion ON public.approvals_plancriterion;
CREATE TRIGGER r_criterion BEFORE INSERT ON public.approvals_plancriterion
  FOR EACH ROW EXECUTE FUNCTION muniment.check_criterion();
ALTER TABLE public.approvals_plancriterion ENABLE ALWAYS TRIGGER r_criterion;

CREATE OR REPLACE FUNCTION muniment.check_evidence() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p public.approvals_plan%ROWTYPE;
  v_model bigint;
  v_dataset bigint;
  v_namespace bigint;
BEGIN
  SELECT * INTO p FROM public.approvals_plan WHERE id = NEW.plan_id;
  SELECT dataset_id INTO v_dataset FROM public.lineage_datasetversion WHERE id = NEW.dataset_version_id;
  PERFORM muniment.lock_subject(NULL, NEW.model_version_id, v_dataset, NEW.promotion_id);
  SELECT model_id INTO v_model FROM public.lineage_modelversion WHERE id = NEW.model_version_id;
  IF NEW.promotion_id IS NOT NULL THEN
    SELECT model_id INTO v_model FROM public.approvals_promotion WHERE id = NEW.promotion_id;
  END IF;
  v_namespace := coalesce((SELECT namespace_id FROM public.lineage_model WHERE id = v_model),
                          (SELECT namespace_id FROM public.lineage_dataset WHERE id = v_dataset));
  IF NEW.namespace_id IS DISTINCT FROM v_namespace THEN
    PERFORM muniment.refuse('MU009', 'other-namespace', 'Evidence belongs to the namespace of its subject.',
      'Record it there.');
  END IF;
  IF p.model_id IS DISTINCT FROM v_model OR p.dataset_id IS DISTINCT FROM v_dataset THEN
    PERFORM muniment.refuse('MU009', 'other-subject', 'The plan is about another model or dataset.',
      'Report it under a plan of this subject.');
  END IF;
  IF NEW.run_started_at > clock_timestamp() + interval '5 seconds' THEN  -- clocks of two machines differ a little
    PERFORM muniment.refuse('MU009', 'run-in-future', 'The run cannot begin after its evidence is recorded.',
      'Give the moment measuring began.');
  END IF;
  -- The gate looks into them, and evidence that makes it stumble would stay for good.
  IF jsonb_typeof(NEW.attachments) <> 'array'
     OR jsonb_path_exists(NEW.attachments, 'strict $[*] ? (@.type() != "object")') THEN
    PERFORM muniment.refuse('MU009', 'attachments', 'Attachments are a list of objects {uri, digest}.', 'Correct the list.');
  END IF;
  NEW.written_in := muniment.this_transaction();
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_evidence ON public.approvals_evidence;
CREATE TRIGGER r_evidence BEFORE INSERT ON public.approvals_evidence
  FOR EACH ROW EXECUTE FUNCTION muniment.check_evidence();
ALTER TABLE public.approvals_evidence ENABLE ALWAYS TRIGGER r_evidence;

CREATE OR REPLACE FUNCTION muniment.check_evidence_part() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_namespace bigint;
BEGIN
  SELECT namespace_id INTO v_namespace FROM public.approvals_evidence
    WHERE id = NEW.evidence_id AND muniment.written_here(written_in, recorded_at);
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU003', 'evidence-recorded', 'This evidence is recorded: its values came with it.',
      'Report a new item of evidence.');
  END IF;
  -- A checklist is judgement, and judgement has a name: no pipeline, no account, no other role.
  IF TG_TABLE_NAME = 'approvals_evidenceanswer'
     AND NOT (muniment.is_person(muniment.actor_id())
              AND muniment.holds_role(muniment.actor_id(), ARRAY['validator'], v_namespace, clock_timestamp())) THEN
    PERFORM muniment.refuse('MU006', 'not-a-validator', 'A checklist is answered by a named validator.',
      'Ask a validator of this namespace to answer it.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_value ON public.approvals_evidencevalue;
CREATE TRIGGER r_value BEFORE INSERT ON public.approvals_evidencevalue
  FOR EACH ROW EXECUTE FUNCTION muniment.check_evidence_part();
ALTER TABLE public.approvals_evidencevalue ENABLE ALWAYS TRIGGER r_value;
DROP TRIGGER IF EXISTS r_answer ON public.approvals_evidenceanswer;
CREATE TRIGGER r_answer BEFORE INSERT ON public.approvals_evidenceanswer
  FOR EACH ROW EXECUTE FUNCTION muniment.check_evidence_part();
ALTER TABLE public.approvals_evidenceanswer ENABLE ALWAYS TRIGGER r_answer;

-- Sources stand in the recorder's place when it is asked who is independent, so only the system names any: whoever could
-- name others as the sources of their own report would be rid of it.
CREATE OR REPLACE FUNCTION muniment.check_evidence_source() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e public.approvals_evidence%ROWTYPE;
  p public.lineage_dataprofile%ROWTYPE;
BEGIN
  SELECT * INTO e FROM public.approvals_evidence
    WHERE id = NEW.evidence_id AND muniment.written_here(written_in, recorded_at);
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU003', 'evidence-recorded', 'This evidence is recorded: its sources came with it.',
      'Report a new item of evidence.');
  END IF;
  IF (SELECT kind FROM public.governance_principal WHERE id = e.recorded_by_id) <> 'system' THEN
    PERFORM muniment.refuse('MU006', 'not-worked-out', 'Who reports evidence vouches for it in their own name.',
      'Leave the sources out: only evidence that the server works out names whose figures it rests on.');
  END IF;
  IF (SELECT kind FROM public.governance_principal WHERE id = NEW.principal_id) = 'system' THEN
    PERFORM muniment.refuse('MU006', 'system-vouches', 'The system vouches for nothing that somebody handed in.',
      'Name who handed the figures in; what the server measured itself needs no source.');
  END IF;
  IF NEW.profile_id IS NOT NULL THEN
    SELECT * INTO p FROM public.lineage_dataprofile WHERE id = NEW.profile_id;
    IF p.namespace_id IS DISTINCT FROM e.namespace_id OR p.recorded_by_id <> NEW.principal_id THEN
      PERFORM muniment.refuse('MU009', 'other-profile', 'The profile is of another namespace, or from somebody else.',
        'Name who recorded the profile.');
    END IF;
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_source ON public.approvals_evidencesource;
CREATE TRIGGER r_source BEFORE INSERT ON public.approvals_evidencesource
  FOR EACH ROW EXECUTE FUNCTION muniment.check_evidence_source();
ALTER TABLE public.approvals_evidencesource ENABLE ALWAYS TRIGGER r_source;
