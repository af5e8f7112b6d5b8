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
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_finding ON public.approvals_finding;
CREATE TRIGGER r_finding BEFORE INSERT ON public.approvals_finding FOR EACH ROW EXECUTE FUNCTION muniment.check_finding();
ALTER TABLE public.approvals_finding ENABLE ALWAYS TRIGGER r_finding;

CREATE OR REPLACE FUNCTION muniment.check_finding_event() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f public.approvals_finding%ROWTYPE;
  v_open boolean;
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
  v_open := coalesce((SELECT e.kind FROM public.approvals_findingevent e
                      WHERE e.finding_id = f.id AND e.kind IN ('closed', 'reopened') ORDER BY e.id DESC LIMIT 1),
                     'reopened') = 'reopened';
  IF NEW.kind IN ('closed', 'reopened') AND NOT (muniment.is_person(muniment.actor_id()) AND muniment.holds_role(
       muniment.actor_id(), ARRAY['auditor', 'risk_manager', 'compliance_officer'], f.namespace_id, clock_timestamp())) THEN
    PERFORM muniment.refuse('MU006', 'not-an-overseer',
      'Findings are closed and reopened by auditors, risk managers and compliance officers.', 'Answer it, and ask one of them.');
  ELSIF NEW.kind = 'closed' AND f.owner_id IS NOT NULL
        AND muniment.person_of(f.owner_id) = muniment.person_of(muniment.actor_id()) THEN
    PERFORM muniment.refuse('MU006', 'own-finding', 'Nobody closes a finding they have to answer.', 'Ask another person.');
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
