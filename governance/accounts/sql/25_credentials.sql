-- Credentials are not governed; that one was reset is on record, and has a consequence: whoever reset it, or reads the
-- mailbox the link went to, could sign as someone else. So a reset suspends signing until a second person lifts that.

-- Whether signing is suspended: the newest of reset and restoring is a reset.
CREATE OR REPLACE FUNCTION muniment.signing_suspended(principal bigint) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN coalesce((SELECT e.kind = 'password_reset' FROM public.governance_credentialevent e
                   WHERE e.principal_id = signing_suspended.principal AND e.kind IN ('password_reset', 'signing_restored')
                   ORDER BY e.id DESC LIMIT 1), false);
END $$;

CREATE OR REPLACE FUNCTION muniment.check_credential_event() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
  v_reset_by bigint[];
BEGIN
  -- The principal is the root: a reset and a restoring must not pass each other.
  PERFORM 1 FROM public.governance_principal p WHERE p.id = NEW.principal_id FOR NO KEY UPDATE;
  -- The id was drawn before the wait for the lock, and the newest id is the one that counts (as for flags).
  IF EXISTS (SELECT 1 FROM public.governance_credentialevent e WHERE e.principal_id = NEW.principal_id AND e.id > NEW.id) THEN
    RAISE EXCEPTION USING ERRCODE = '40001', MESSAGE = 'Something else was recorded on these credentials meanwhile.',
      DETAIL = 'credentials-overtaken', HINT = 'Try again.';
  END IF;
  IF NEW.kind <> 'signing_restored' THEN
    RETURN NEW;
  END IF;
  IF NOT muniment.signing_suspended(NEW.principal_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU008', MESSAGE = 'Nothing suspends this person''s signing.',
      DETAIL = 'signing-not-suspended', HINT = 'Nothing is left to do.';
  END IF;
  -- Whoever reset it since signing was last restored: who did could reset it once more as the person themselves.
  v_reset_by := ARRAY(
    SELECT unnest(muniment.persons_behind(e.recorded_by_id)) FROM public.governance_credentialevent e
    WHERE e.principal_id = NEW.principal_id AND e.kind = 'password_reset' AND e.id > coalesce((
      SELECT max(o.id) FROM public.governance_credentialevent o
      WHERE o.principal_id = NEW.principal_id AND o.kind = 'signing_restored'), 0));
  IF NOT muniment.is_person(v_actor)
     OR NOT muniment.holds_role(v_actor, ARRAY['administrator'], NULL, clock_timestamp()) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', MESSAGE = 'Only an administrator of everything lets someone sign again.',
      DETAIL = 'not-an-administrator', HINT = 'Ask an administrator of everything.';
  END IF;
  IF v_actor = ANY (v_reset_by || NEW.principal_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006',
      MESSAGE = 'A second person lets someone sign again: neither they themselves nor who reset their password.',
      DETAIL = 'second-person', HINT = 'Ask another administrator.';
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_credential_event ON public.governance_credentialevent;
CREATE TRIGGER r_credential_event BEFORE INSERT ON public.governance_credentialevent
  FOR EACH ROW EXECUTE FUNCTION muniment.check_credential_event();
ALTER TABLE public.governance_credentialevent ENABLE ALWAYS TRIGGER r_credential_event;
