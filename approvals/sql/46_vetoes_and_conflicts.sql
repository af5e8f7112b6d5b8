-- The other way out of a veto, and who steps aside.

-- The head of the role lifts a veto: after the policy's delay, with a reason, not their own, and with no hand in it.
CREATE OR REPLACE FUNCTION muniment.check_veto_lift() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
  v_now timestamptz;
  v_why text;
  v_params jsonb;
  c muniment.gate_context;
  s public.approvals_signoff%ROWTYPE;
  g public.governance_rolegrant%ROWTYPE;
BEGIN
  IF NOT muniment.is_person(v_actor) THEN
    PERFORM muniment.refuse('MU006', 'not-a-person', 'Only persons lift a veto.', 'Let the head of the role sign in and lift it.');
  ELSIF muniment.signing_suspended(v_actor) THEN
    PERFORM muniment.refuse('MU006', 'signing-suspended', 'Your password was reset: signing is suspended for this account.',
      'Ask an administrator who did not reset it to restore signing.');
  END IF;
  SELECT * INTO s FROM public.approvals_signoff WHERE id = NEW.sign_off_id;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-vote', 'There is no such vote.', 'Read the release again.');
  END IF;
  PERFORM muniment.lock_release(s.release_id);
  SELECT * INTO g FROM public.governance_rolegrant WHERE id = NEW.role_grant_id FOR SHARE;
  v_now := clock_timestamp();
  c := muniment.gate_context_of(s.release_id, NULL, v_now);
  -- By the policy in force, whose requirement of that key asks for the veto now.
  SELECT q.params INTO v_params FROM public.approvals_requirement o
    JOIN public.approvals_requirement q ON q.key = o.key AND q.policy_version_id = c.policy_version_id
    WHERE o.id = s.requirement_id AND q.kind = 'signoff' AND (q.params ->> 'veto')::boolean;
  IF EXISTS (SELECT 1 FROM public.approvals_releaseclosure x WHERE x.release_id = s.release_id) THEN
    PERFORM muniment.refuse('MU008', 'release-closed', 'This release is closed; its votes stand.', 'Open a new one.');
  ELSIF v_params IS NULL OR s.vote <> 'reject'
        OR EXISTS (SELECT 1 FROM public.approvals_signoffwithdrawal w WHERE w.sign_off_id = s.id)
        OR EXISTS (SELECT 1 FROM public.approvals_vetolift l WHERE l.sign_off_id = s.id) THEN
    PERFORM muniment.refuse('MU008', 'no-veto', 'No veto stands there.', 'Read the release again.');
  ELSIF muniment.person_of(v_actor) = muniment.person_of(s.recorded_by_id) THEN
    PERFORM muniment.refuse('MU006', 'own-veto', 'Nobody lifts their own veto.', 'Take it back, which needs no delay.');
  END IF;
  PERFORM muniment.check_grant_used(g, v_actor, v_params ->> 'role', c.namespace_id, v_now);
  IF NOT g.is_head THEN
    PERFORM muniment.refuse('MU006', 'not-the-head', format('A veto is lifted by the head of the role %s.', g.role),
      'Ask them, or its author to take it back.');
  END IF;
  SELECT string_agg(DISTINCT i.why, ', ') INTO v_why FROM muniment.involved(c.model_version_id) i
    WHERE i.person_id = muniment.person_of(v_actor);
  IF v_why IS NOT NULL THEN
    PERFORM muniment.refuse('MU006', 'own-work', format('Nobody lifts a veto on their own work: %s.', v_why),
      'Ask another head of the role.');
  ELSIF v_now < muniment.veto_lift_from(s.signed_at, v_params) THEN
    PERFORM muniment.refuse('MU008', 'veto-too-young', format('This veto may be lifted from %s on.',
        to_char(muniment.veto_lift_from(s.signed_at, v_params) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')),
      'Talk to its author meanwhile, who may take it back at once.');
  ELSIF NEW.reauthenticated_at < v_now - interval '5 minutes' OR NEW.reauthenticated_at > v_now + interval '5 seconds' THEN
    PERFORM muniment.refuse('MU006', 'reauthenticate', 'Lifting a veto asks for a proof of who you are, at most five minutes old.',
      'Enter your password again.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_veto_lift ON public.approvals_vetolift;
CREATE TRIGGER r_veto_lift BEFORE INSERT ON public.approvals_vetolift
  FOR EACH ROW EXECUTE FUNCTION muniment.check_veto_lift();
ALTER TABLE public.approvals_vetolift ENABLE ALWAYS TRIGGER r_veto_lift;

-- A conflict of interest is declared by a person, for themselves; it binds every version of the model.
CREATE OR REPLACE FUNCTION muniment.check_conflict() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.lock_roots(ARRAY['model'], ARRAY[NEW.model_id], true);
  IF NOT muniment.is_person(muniment.actor_id()) THEN
    PERFORM muniment.refuse('MU006', 'not-a-person', 'A person declares a conflict of interest, for themselves.',
      'Sign in and declare it.');
  ELSIF NEW.until <= clock_timestamp() THEN
    PERFORM muniment.refuse('MU009', 'ended-already', 'A conflict of interest ends in the future, or not at all.',
      'Leave the end out, or give a later one.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_conflict ON public.approvals_conflictofinterest;
CREATE TRIGGER r_conflict BEFORE INSERT ON public.approvals_conflictofinterest
  FOR EACH ROW EXECUTE FUNCTION muniment.check_conflict();
ALTER TABLE public.approvals_conflictofinterest ENABLE ALWAYS TRIGGER r_conflict;
