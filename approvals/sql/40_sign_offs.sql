-- Votes. Persons sign, each for themselves, on what they were shown, just after proving who they are, and never on work
-- they had a hand in. Django's superuser flag, groups and permissions are not asked: no column here knows them.

CREATE OR REPLACE FUNCTION muniment.check_sign_off() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
  v_now timestamptz;
  v_person bigint := muniment.person_of(v_actor);
  v_for bigint;
  v_why text;
  c muniment.gate_context;
  q public.approvals_requirement%ROWTYPE;
  g public.governance_rolegrant%ROWTYPE;
BEGIN
  IF NOT muniment.is_person(v_actor) THEN
    PERFORM muniment.refuse('MU006', 'not-a-person', 'Only persons sign: service accounts and the system give no vote.',
      'Let a person with the role sign in and sign.');
  END IF;
  IF muniment.signing_suspended(v_actor) THEN
    PERFORM muniment.refuse('MU006', 'signing-suspended', 'Your password was reset: signing is suspended for this account.',
      'Ask an administrator who did not reset it to restore signing.');
  END IF;
  PERFORM muniment.lock_signing(NEW.release_id, jsonb_array_length(NEW.conditions) > 0);
  SELECT * INTO g FROM public.governance_rolegrant WHERE id = NEW.role_grant_id FOR SHARE;
  v_now := clock_timestamp();
  c := muniment.gate_context_of(NEW.release_id, NULL, v_now);
  SELECT * INTO q FROM public.approvals_requirement WHERE id = NEW.requirement_id;
  IF EXISTS (SELECT 1 FROM public.approvals_releaseclosure WHERE release_id = NEW.release_id) THEN
    PERFORM muniment.refuse('MU008', 'release-closed', 'This release is closed.', 'Open a new one.');
  ELSIF q.policy_version_id IS DISTINCT FROM c.policy_version_id OR q.kind <> 'signoff' THEN
    PERFORM muniment.refuse('MU008', 'requirement-not-asked', 'The policy in force does not ask for this signature.',
      'Read the release again; its policy may have changed.');
  END IF;
  PERFORM muniment.check_grant_used(g, v_actor, q.params ->> 'role', c.namespace_id, v_now);
  v_for := coalesce(g.on_behalf_of_id, v_person);
  IF ARRAY[v_person, v_for] && c.involved OR EXISTS (SELECT 1 FROM public.approvals_conflictofinterest k
                                                     WHERE k.model_id = c.model_id AND k.recorded_by_id IN (v_person, v_for)) THEN
    SELECT string_agg(DISTINCT i.why, ', ') INTO v_why FROM muniment.involved(c.model_version_id) i
      WHERE i.person_id IN (v_person, v_for);
  END IF;
  IF v_why = 'conflict of interest' THEN
    PERFORM muniment.refuse('MU006', 'recused', 'You, or the person you act for, declared a conflict of interest on this model.',
      'Someone else with the role signs.');
  ELSIF v_why IS NOT NULL THEN
    PERFORM muniment.refuse('MU006', 'own-work', format('Nobody judges their own work: %s.', v_why),
      'Ask someone with the role who had no hand in this version.');
  END IF;
  -- A vote that counts no more (stale, or its role lost) bars nobody from giving a new one; a rejection stands till taken back.
  IF EXISTS (
       SELECT 1 FROM jsonb_array_elements(muniment.live_votes(c)) v
       WHERE v ->> 'key' = q.key AND (v ->> 'why' IS NULL OR v ->> 'vote' = 'reject')
         AND ARRAY[(v ->> 'person')::bigint, (v ->> 'same')::bigint] && ARRAY[v_person, v_for]) THEN
    PERFORM muniment.refuse('MU008', 'already-voted', 'You have voted on this requirement already.',
      'Withdraw that vote first to give another.');
  ELSIF NEW.reauthenticated_at < v_now - interval '5 minutes' OR NEW.reauthenticated_at > v_now + interval '5 seconds' THEN
    PERFORM muniment.refuse('MU006', 'reauthenticate', 'Signing asks for a proof of who you are, at most five minutes old.',
      'Enter your password again and sign.');
  ELSIF NEW.statement_digest IS DISTINCT FROM encode(sha256(convert_to(NEW.statement, 'UTF8')), 'hex') THEN
    PERFORM muniment.refuse('MU009', 'statement-digest', 'The digest is not that of the statement.',
      'Send the digest of the statement you were shown.');
  ELSIF EXISTS (SELECT 1 FROM unnest(NEW.evidence_seen) x (id)
                WHERE NOT EXISTS (SELECT 1 FROM public.approvals_evidence e WHERE e.id = x.id)) THEN
    PERFORM muniment.refuse('MU009', 'no-such-evidence', 'Evidence is cited that is not on record.',
      'Read the release again.');
  END IF;
  NEW.printed_name := (SELECT display_name FROM public.governance_principal WHERE id = v_actor);
  NEW.signed_at := v_now;
  NEW.bound := muniment.vote_bound(c, NEW.requirement_id, NEW.evidence_seen, NEW.role_grant_id);
  -- The statement carries the digest of all it is about; if that has moved, something else was read than would be signed.
  IF position(muniment.digest_of(NEW.bound) IN NEW.statement) = 0 THEN
    PERFORM muniment.refuse('MU008', 'statement-outdated', 'What you were shown has changed since.',
      'Read the release again and sign what it says now.');
  END IF;
  RETURN NEW;
END $$;

-- The grant a vote is given under: the voter's own, of the role asked for, here, in force.
CREATE OR REPLACE FUNCTION muniment.check_grant_used(g public.governance_rolegrant, voter bigint, wanted text,
                                                     namespace bigint, at timestamptz) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF g.principal_id IS DISTINCT FROM voter THEN
    PERFORM muniment.refuse('MU006', 'grant-of-another', 'The role grant is not yours.', 'Sign under a grant of your own.');
  ELSIF g.role IS DISTINCT FROM wanted OR NOT (g.namespace_id IS NULL OR g.namespace_id = namespace) THEN
    PERFORM muniment.refuse('MU006', 'grant-other-role', format('This signature takes the role %s here.', wanted),
      'Ask someone who holds it.');
  ELSIF NOT muniment.grant_in_force(g.id, at) THEN
    PERFORM muniment.refuse('MU006', 'grant-not-in-force', 'The role grant is not in force.',
      'Ask an administrator; a lost role does not vote.');
  END IF;
END $$;

DROP TRIGGER IF EXISTS r_sign_off ON public.approvals_signoff;
CREATE TRIGGER r_sign_off BEFORE INSERT ON public.approvals_signoff
  FOR EACH ROW EXECUTE FUNCTION muniment.check_sign_off();
ALTER TABLE public.approvals_signoff ENABLE ALWAYS TRIGGER r_sign_off;

CREATE OR REPLACE FUNCTION muniment.check_withdrawal() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_release bigint := (SELECT release_id FROM public.approvals_signoff WHERE id = NEW.sign_off_id);
BEGIN
  PERFORM muniment.lock_release(v_release);
  IF muniment.actor_id() IS DISTINCT FROM (SELECT recorded_by_id FROM public.approvals_signoff WHERE id = NEW.sign_off_id) THEN
    PERFORM muniment.refuse('MU006', 'not-your-vote', 'A vote is taken back by the person who gave it.', 'Ask them.');
  ELSIF EXISTS (SELECT 1 FROM public.approvals_releaseclosure WHERE release_id = v_release) THEN
    PERFORM muniment.refuse('MU008', 'release-closed', 'This release is closed; its votes stand.',
      'Raise a finding, or end the promotion.');
  ELSIF EXISTS (SELECT 1 FROM public.approvals_signoffwithdrawal WHERE sign_off_id = NEW.sign_off_id) THEN
    PERFORM muniment.refuse('MU008', 'already-withdrawn', 'This vote has been taken back.', 'Nothing is left to do.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_withdrawal ON public.approvals_signoffwithdrawal;
CREATE TRIGGER r_withdrawal BEFORE INSERT ON public.approvals_signoffwithdrawal
  FOR EACH ROW EXECUTE FUNCTION muniment.check_withdrawal();
ALTER TABLE public.approvals_signoffwithdrawal ENABLE ALWAYS TRIGGER r_withdrawal;
