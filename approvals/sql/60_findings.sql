-- Findings lock what they are about, and are closed by those who oversee, not by those who are overseen.

CREATE OR REPLACE FUNCTION muniment.check_finding() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_namespace bigint;
BEGIN
  PERFORM muniment.lock_subject(NEW.model_id, NEW.model_version_id, NEW.dataset_id, NEW.promotion_id);
  SELECT coalesce(
      (SELECT namespace_id FROM public.lineage_dataset WHERE id = NEW.dataset_id),
      (SELECT m.namespace_id FROM public.lineage_model m WHERE m.id = coalesce(NEW.model_id,
         (SELECT model_id FROM public.lineage_modelversion WHERE id = NEW.model_version_id),
         (SELECT model_id FROM public.approvals_promotion WHERE id = NEW.promotion_id)))) INTO v_namespace;
  IF NEW.namespace_id IS DISTINCT FROM v_namespace THEN
    PERFORM muniment.refuse('MU009', 'other-namespace', 'A finding belongs to the namespace of its subject.',
      'Record it there.');
  END IF;
  -- That a review is overdue is a matter of the clock: it is said once, where it is so.
  IF NEW.kind = 'review_due' AND (NOT coalesce(muniment.review_outstanding(NEW.promotion_id, clock_timestamp()), false) OR EXISTS (
       SELECT 1 FROM public.approvals_finding x WHERE x.promotion_id = NEW.promotion_id AND x.kind = 'review_due')) THEN
    PERFORM muniment.refuse('MU008', 'no-review-overdue', 'No review is overdue there, or it is said already.',
      'Raise a finding of another kind.');
  END IF;
  -- An open breach keeps the next from being told: only evidence opens one (muniment.record_breach).
  IF NEW.plan_id IS NOT NULL AND pg_trigger_depth() < 2 THEN
    PERFORM muniment.refuse('MU009', 'breach-of-plan', 'The breach of a plan is found by the database.',
      'Report the evidence, or raise a finding that names no plan.');
  END IF;
  IF NEW.kind = 'condition' OR NEW.sign_off_id IS NOT NULL THEN
    PERFORM muniment.require_condition_of(NEW);
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_finding ON public.approvals_finding;
CREATE TRIGGER r_finding BEFORE INSERT ON public.approvals_finding FOR EACH ROW EXECUTE FUNCTION muniment.check_finding();
ALTER TABLE public.approvals_finding ENABLE ALWAYS TRIGGER r_finding;

-- Who closes or reopens a finding. One that may hold up a release is closed by a voting role: an auditor oversees and
-- frees nothing. A condition is closed by the role that set it as well.
CREATE OR REPLACE FUNCTION muniment.overseers_of_finding(f public.approvals_finding, event text) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN ARRAY['risk_manager', 'compliance_officer']
    || CASE WHEN event = 'reopened' OR NOT (f.blocks OR f.when_overdue <> 'nothing') THEN ARRAY['auditor'] ELSE '{}' END
    || ARRAY(SELECT g.role::text FROM public.approvals_signoff s JOIN public.governance_rolegrant g ON g.id = s.role_grant_id
             WHERE s.id = f.sign_off_id AND g.role NOT IN ('risk_manager', 'compliance_officer'));
END $$;

-- Persons who had a hand in what a finding is about.
CREATE OR REPLACE FUNCTION muniment.hands_in(model bigint, model_version bigint, dataset bigint, promotion bigint)
RETURNS SETOF bigint LANGUAGE plpgsql STABLE ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    SELECT i.person_id FROM public.lineage_modelversion v CROSS JOIN LATERAL muniment.involved(v.id) i
    WHERE v.model_id = hands_in.model OR v.id = hands_in.model_version OR v.id = (
      SELECT r.model_version_id FROM public.approvals_promotion p JOIN public.approvals_release r ON r.id = p.release_id
      WHERE p.id = hands_in.promotion);
  RETURN QUERY
    SELECT unnest(muniment.persons_behind(h.history_user_id)) FROM public.lineage_historicaldataset h
      WHERE h.id = hands_in.dataset
    UNION
    SELECT unnest(muniment.persons_behind(h.history_user_id)) FROM public.lineage_historicalmodel h
      WHERE h.id = hands_in.model
    UNION
    SELECT unnest(muniment.persons_behind(v.recorded_by_id)) FROM public.lineage_datasetversion v
      WHERE v.dataset_id = hands_in.dataset;
END $$;

CREATE OR REPLACE FUNCTION muniment.check_finding_event() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f public.approvals_finding%ROWTYPE;
  v_open boolean;
  v_now timestamptz;
  v_person bigint := muniment.person_of(muniment.actor_id());
BEGIN
  SELECT * INTO f FROM public.approvals_finding WHERE id = NEW.finding_id;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-finding', 'There is no such finding.', 'Raise it first.');
  END IF;
  PERFORM muniment.lock_subject(f.model_id, f.model_version_id, f.dataset_id, f.promotion_id);
  -- The id was drawn before the wait for the lock, and the newest id is the one that counts (as for flags).
  IF EXISTS (SELECT 1 FROM public.approvals_findingevent e WHERE e.finding_id = f.id AND e.id > NEW.id) THEN
    PERFORM muniment.refuse('40001', 'finding-overtaken', 'Something else was recorded on this finding meanwhile.',
      'Try again.');
  END IF;
  v_now := clock_timestamp();
  v_open := muniment.finding_open(f.id);
  IF NEW.kind = 'recurred' AND pg_trigger_depth() < 2 THEN
    PERFORM muniment.refuse('MU009', 'breach-of-plan', 'That a breach recurred is found by the database.', 'Answer the finding instead.');
  END IF;
  IF NEW.kind IN ('closed', 'reopened') AND NOT (muniment.is_person(muniment.actor_id()) AND muniment.holds_role(
       muniment.actor_id(), muniment.overseers_of_finding(f, NEW.kind), f.namespace_id, v_now)) THEN
    PERFORM muniment.refuse('MU006', 'not-an-overseer',
      format('This takes one of the roles: %s.', array_to_string(muniment.overseers_of_finding(f, NEW.kind), ', ')),
      'Answer it, and ask one of them.');
  ELSIF NEW.kind = 'closed' AND f.owner_id IS NOT NULL AND muniment.person_of(f.owner_id) = v_person THEN
    PERFORM muniment.refuse('MU006', 'own-finding', 'Nobody closes a finding they have to answer.', 'Ask another person.');
  ELSIF NEW.kind = 'closed' AND f.sign_off_id IS NULL AND (f.blocks OR f.when_overdue <> 'nothing')
        AND v_person = ANY (muniment.persons_behind(f.recorded_by_id)) THEN
    PERFORM muniment.refuse('MU006', 'raised-it', 'Who holds a release up by a finding does not let it go on by themselves.',
      'Ask another risk manager or compliance officer to close it.');
  ELSIF NEW.kind = 'closed' AND (f.blocks OR f.when_overdue <> 'nothing')
        AND v_person IN (SELECT * FROM muniment.hands_in(f.model_id, f.model_version_id, f.dataset_id, f.promotion_id)) THEN
    PERFORM muniment.refuse('MU006', 'own-work', 'Nobody closes a finding on their own work that holds up a release.',
      'Ask someone who had no hand in it.');
  ELSIF NEW.kind = 'closed' AND f.kind = 'review_due' AND muniment.review_outstanding(f.promotion_id, v_now) THEN
    PERFORM muniment.refuse('MU008', 'review-outstanding', 'An overdue review is closed by the review, and by nothing else.',
      'Sign and promote the release it takes place in, or end the promotion.');
  ELSIF v_open = (NEW.kind = 'reopened') THEN
    PERFORM muniment.refuse('MU008', CASE WHEN v_open THEN 'finding-open' ELSE 'finding-closed' END,
      CASE WHEN v_open THEN 'This finding is open.' ELSE 'This finding is closed.' END, 'Look at it again.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_finding_event ON public.approvals_findingevent;
CREATE TRIGGER r_finding_event BEFORE INSERT ON public.approvals_findingevent
  FOR EACH ROW EXECUTE FUNCTION muniment.check_finding_event();
ALTER TABLE public.approvals_findingevent ENABLE ALWAYS TRIGGER r_finding_event;
