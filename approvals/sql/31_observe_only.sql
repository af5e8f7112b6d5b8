-- Observe-only: the gate answers, says what it would have refused, and lets pass. Letting more pass takes two policy
-- owners, letting less pass one. The environment's own column is written here and nowhere else.

-- Whether a change lets more pass than what is in effect.
CREATE OR REPLACE FUNCTION muniment.observes_longer(environment bigint, until timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN until IS NOT NULL AND until > coalesce(
    (SELECT greatest(e.observe_only_until, clock_timestamp()) FROM public.approvals_environment e
     WHERE e.id = observes_longer.environment AND e.observe_only_until IS NOT NULL), clock_timestamp());
END $$;

CREATE OR REPLACE FUNCTION muniment.check_observe_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.lock_environment(NEW.environment_id);
  PERFORM muniment.require_policy_owner(NULL);
  IF NEW.until <= clock_timestamp() OR NEW.until > clock_timestamp() + interval '366 days' THEN
    PERFORM muniment.refuse('MU009', 'observe-until', 'A gate observes until a moment in the future, at most a year ahead.',
      'Give such a moment, or none for the gate to refuse again.');
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.apply_observe_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT muniment.observes_longer(NEW.environment_id, NEW.until) THEN
    UPDATE public.approvals_environment e SET observe_only_until = NEW.until WHERE e.id = NEW.environment_id;
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION muniment.check_observe_confirmation() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o public.approvals_observeonlychange%ROWTYPE;
BEGIN
  SELECT * INTO o FROM public.approvals_observeonlychange WHERE id = NEW.change_id;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-change', 'There is no such change.', 'Ask for one.');
  END IF;
  PERFORM muniment.lock_environment(o.environment_id);
  PERFORM muniment.require_policy_owner(NULL);
  IF muniment.person_of(o.recorded_by_id) = muniment.person_of(muniment.actor_id())
     OR NOT muniment.holds_role(o.recorded_by_id, ARRAY['policy_owner'], NULL, clock_timestamp()) THEN
    PERFORM muniment.refuse('MU006', 'second-policy-owner', 'Two policy owners let a gate observe: one asks, another confirms.',
      'Ask another policy owner to confirm it.');
  ELSIF EXISTS (SELECT 1 FROM public.approvals_observeonlychange n WHERE n.environment_id = o.environment_id AND n.id > o.id) THEN
    PERFORM muniment.refuse('MU008', 'change-overtaken', 'Another change was asked for since.', 'Read again what is asked for now.');
  ELSIF NOT muniment.observes_longer(o.environment_id, o.until)
        OR EXISTS (SELECT 1 FROM public.approvals_observeonlyconfirmation c WHERE c.change_id = o.id) THEN
    PERFORM muniment.refuse('MU008', 'nothing-to-confirm', 'This change awaits no confirmation.', 'Nothing is left to do.');
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.apply_observe_confirmation() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE public.approvals_environment e SET observe_only_until = o.until
    FROM public.approvals_observeonlychange o WHERE o.id = NEW.change_id AND e.id = o.environment_id;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS r_observe_change ON public.approvals_observeonlychange;
CREATE TRIGGER r_observe_change BEFORE INSERT ON public.approvals_observeonlychange
  FOR EACH ROW EXECUTE FUNCTION muniment.check_observe_change();
ALTER TABLE public.approvals_observeonlychange ENABLE ALWAYS TRIGGER r_observe_change;
DROP TRIGGER IF EXISTS r_observe_apply ON public.approvals_observeonlychange;
CREATE TRIGGER r_observe_apply AFTER INSERT ON public.approvals_observeonlychange
  FOR EACH ROW EXECUTE FUNCTION muniment.apply_observe_change();
ALTER TABLE public.approvals_observeonlychange ENABLE ALWAYS TRIGGER r_observe_apply;
DROP TRIGGER IF EXISTS r_observe_confirmation ON public.approvals_observeonlyconfirmation;
CREATE TRIGGER r_observe_confirmation BEFORE INSERT ON public.approvals_observeonlyconfirmation
  FOR EACH ROW EXECUTE FUNCTION muniment.check_observe_confirmation();
ALTER TABLE public.approvals_observeonlyconfirmation ENABLE ALWAYS TRIGGER r_observe_confirmation;
DROP TRIGGER IF EXISTS r_observe_apply ON public.approvals_observeonlyconfirmation;
CREATE TRIGGER r_observe_apply AFTER INSERT ON public.approvals_observeonlyconfirmation
  FOR EACH ROW EXECUTE FUNCTION muniment.apply_observe_confirmation();
ALTER TABLE public.approvals_observeonlyconfirmation ENABLE ALWAYS TRIGGER r_observe_apply;
