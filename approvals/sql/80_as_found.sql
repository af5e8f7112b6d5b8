-- As found: what served before anyone governed it. Not a way round the gate: it takes a window that two policy owners
-- opened and an administrator who is neither of them, holds for places where the gate was never asked, once in a place
-- ever, until a date that is fixed at birth, and ends with the first promotion.

CREATE OR REPLACE FUNCTION muniment.check_onboarding_window() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM 1 FROM public.governance_namespace n WHERE n.id = NEW.namespace_id FOR NO KEY UPDATE;
  PERFORM muniment.require_policy_owner(NEW.namespace_id);
  NEW.recorded_at := clock_timestamp();
  IF NEW.until <= NEW.recorded_at OR NEW.until > NEW.recorded_at + interval '92 days' THEN
    PERFORM muniment.refuse('MU009', 'window-until', 'An onboarding window lasts until a moment in the future, at most 92 days ahead.',
      'Give such a moment.');
  ELSIF EXISTS (SELECT 1 FROM public.approvals_onboardingwindow w WHERE w.namespace_id = NEW.namespace_id
                AND muniment.window_open(w.id, NEW.recorded_at)) THEN
    PERFORM muniment.refuse('MU008', 'window-open', 'A window is open there already.', 'Close it first, or use it.');
  END IF;
  RETURN NEW;
END $$;

-- Whether a window is confirmed, not closed, and its time not over.
CREATE OR REPLACE FUNCTION muniment.window_open(onboarding_window bigint, at timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (
    SELECT 1 FROM public.approvals_onboardingwindow w
    JOIN public.approvals_onboardingconfirmation c ON c.window_id = w.id
    LEFT JOIN public.approvals_onboardingclosure z ON z.window_id = w.id
    WHERE w.id = onboarding_window AND z.id IS NULL AND w.until > at);
END $$;

CREATE OR REPLACE FUNCTION muniment.check_onboarding_confirmation() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  w public.approvals_onboardingwindow%ROWTYPE;
BEGIN
  SELECT x.* INTO w FROM public.approvals_onboardingwindow x WHERE x.id = NEW.window_id;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-window', 'There is no such window.', 'Ask for one.');
  END IF;
  PERFORM 1 FROM public.governance_namespace n WHERE n.id = w.namespace_id FOR NO KEY UPDATE;
  PERFORM muniment.require_policy_owner(w.namespace_id);
  IF muniment.person_of(w.recorded_by_id) = muniment.person_of(muniment.actor_id())
     OR NOT muniment.holds_role(w.recorded_by_id, ARRAY['policy_owner'], w.namespace_id, clock_timestamp()) THEN
    PERFORM muniment.refuse('MU006', 'second-policy-owner', 'Two policy owners open an onboarding window: one asks, another confirms.',
      'Ask another policy owner to confirm it.');
  ELSIF w.until <= clock_timestamp()
        OR EXISTS (SELECT 1 FROM public.approvals_onboardingclosure z WHERE z.window_id = w.id)
        OR EXISTS (SELECT 1 FROM public.approvals_onboardingconfirmation c WHERE c.window_id = w.id)
        OR EXISTS (SELECT 1 FROM public.approvals_onboardingwindow n WHERE n.namespace_id = w.namespace_id AND n.id > w.id) THEN
    PERFORM muniment.refuse('MU008', 'nothing-to-confirm', 'This window awaits no confirmation.',
      'It is open, closed, over, or another was asked for since.');
  END IF;
  RETURN NEW;
END $$;

-- Closing lets less in: one person of those who oversee is enough.
CREATE OR REPLACE FUNCTION muniment.check_onboarding_closure() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_namespace bigint;
BEGIN
  SELECT w.namespace_id INTO v_namespace FROM public.approvals_onboardingwindow w WHERE w.id = NEW.window_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-window', 'There is no such window.', 'Look at the windows there are.');
  ELSIF NOT (muniment.is_person(muniment.actor_id()) AND muniment.holds_role(muniment.actor_id(),
       ARRAY['policy_owner', 'risk_manager', 'compliance_officer', 'administrator'], v_namespace, clock_timestamp())) THEN
    PERFORM muniment.refuse('MU006', 'not-for-this-role',
      'Policy owners, risk managers, compliance officers and administrators close a window.', 'Ask one of them.');
  ELSIF EXISTS (SELECT 1 FROM public.approvals_onboardingclosure z WHERE z.window_id = NEW.window_id) THEN
    PERFORM muniment.refuse('MU008', 'window-closed', 'This window is closed already.', 'Nothing is left to do.');
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.check_as_found() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
  v_now timestamptz;
  v_model bigint;
  v_namespace bigint;
  w public.approvals_onboardingwindow%ROWTYPE;
BEGIN
  SELECT v.model_id, m.namespace_id INTO v_model, v_namespace FROM public.lineage_modelversion v
    JOIN public.lineage_model m ON m.id = v.model_id WHERE v.id = NEW.model_version_id;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-version', 'There is no such model version.', 'Register it first.');
  END IF;
  NEW.model_id := coalesce(NEW.model_id, v_model);
  -- A promotion shares this root: it and an entry as found never pass each other.
  PERFORM muniment.lock_roots(ARRAY['model'], ARRAY[v_model], true);
  SELECT x.* INTO w FROM public.approvals_onboardingwindow x WHERE x.id = NEW.window_id FOR SHARE;
  v_now := clock_timestamp();
  NEW.recorded_at := v_now;
  IF NEW.model_id <> v_model OR w.namespace_id IS DISTINCT FROM v_namespace THEN
    PERFORM muniment.refuse('MU009', 'other-place', 'An entry names the version''s model and a window of its namespace.',
      'Ask for a window in that namespace.');
  ELSIF NOT muniment.window_open(w.id, v_now) THEN
    PERFORM muniment.refuse('MU008', 'window-not-open', 'No onboarding window is open there: nothing comes in as found.',
      'Two policy owners open one; else go through the gate.');
  ELSIF NOT (muniment.is_person(v_actor)
             AND muniment.holds_role(v_actor, ARRAY['administrator'], v_namespace, v_now)) THEN
    PERFORM muniment.refuse('MU006', 'as-found-by-administrator', 'An administrator of the namespace says what is found there.',
      'Ask one.');
  ELSIF v_actor = w.recorded_by_id OR v_actor IN (
          SELECT c.recorded_by_id FROM public.approvals_onboardingconfirmation c WHERE c.window_id = w.id) THEN
    PERFORM muniment.refuse('MU006', 'third-person', 'Whoever opened the window brings nothing in through it.',
      'Ask another administrator.');
  ELSIF NEW.since >= w.recorded_at THEN
    PERFORM muniment.refuse('MU009', 'as-found-since', 'What began to serve after the window was asked for was not found there.',
      'It goes through the gate: open a release.');
  ELSIF NEW.govern_by <= v_now OR NEW.govern_by > v_now + interval '180 days' THEN
    PERFORM muniment.refuse('MU009', 'govern-by', 'It is to be governed by a moment in the future, at most 180 days ahead.',
      'Give such a moment.');
  ELSIF EXISTS (SELECT 1 FROM public.approvals_release r JOIN public.lineage_modelversion o ON o.id = r.model_version_id
                WHERE o.model_id = v_model AND r.environment_id = NEW.environment_id) THEN
    PERFORM muniment.refuse('MU008', 'already-governed', 'The gate was asked about this model there: nothing of it is found any more.',
      'Go on with its release.');
  ELSIF EXISTS (SELECT 1 FROM public.approvals_asfound f WHERE f.model_id = v_model
                AND f.environment_id = NEW.environment_id AND f.slot = NEW.slot) THEN
    PERFORM muniment.refuse('MU008', 'found-before', 'Something was found in this place before; what ended does not come back so.',
      'Go through the gate: open a release.');
  ELSIF EXISTS (SELECT 1 FROM public.lineage_modelversion o JOIN public.lineage_recall c
                  ON c.digest_value = o.digest_value AND c.digest_algorithm = o.digest_algorithm
                WHERE o.id = NEW.model_version_id) THEN
    PERFORM muniment.refuse('MU008', 'digest-recalled', 'This artifact is recalled: it serves nowhere.', 'Take it out of service.');
  END IF;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.check_as_found_end() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_namespace bigint;
BEGIN
  SELECT m.namespace_id INTO v_namespace FROM public.approvals_asfound f JOIN public.lineage_model m ON m.id = f.model_id
    WHERE f.id = NEW.as_found_id FOR NO KEY UPDATE OF f;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-entry', 'There is no such entry.', 'Look at what is live now.');
  ELSIF EXISTS (SELECT 1 FROM public.approvals_asfoundend e WHERE e.as_found_id = NEW.as_found_id) THEN
    PERFORM muniment.refuse('MU008', 'as-found-ended', 'This entry has ended.', 'Look at what is live now.');
  ELSIF pg_trigger_depth() < 2 THEN
    IF NEW.kind IN ('governed', 'recalled') THEN
      PERFORM muniment.refuse('MU008', 'ended-by-the-database', 'This end is written by the promotion or the recall it comes of.',
        'Promote a version, or recall the digest.');
    END IF;
    PERFORM muniment.check_who_ends(NEW.kind, muniment.actor_id(), v_namespace);
  END IF;
  NEW.ended_at := clock_timestamp();
  RETURN NEW;
END $$;

-- What is promoted takes the place of what was found there.
CREATE OR REPLACE FUNCTION muniment.govern_as_found() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO public.approvals_asfoundend (as_found_id, kind, reason)
    SELECT f.id, 'governed', format('Promotion %s took its place.', NEW.id) FROM public.approvals_asfound f
    WHERE f.model_id = NEW.model_id AND f.environment_id = NEW.environment_id AND f.slot = NEW.slot
      AND NOT EXISTS (SELECT 1 FROM public.approvals_asfoundend e WHERE e.as_found_id = f.id);
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION muniment.end_found_of(p_recall public.lineage_recall, p_versions bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO public.approvals_asfoundend (as_found_id, kind, reason)
    SELECT f.id, 'recalled', format('Recall %s: %s', p_recall.id, p_recall.reason) FROM public.approvals_asfound f
    WHERE f.model_version_id = ANY (p_versions)
      AND NOT EXISTS (SELECT 1 FROM public.approvals_asfoundend e WHERE e.as_found_id = f.id) ORDER BY f.id;
END $$;

CREATE OR REPLACE FUNCTION muniment.recall_as_found() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.end_found_of(NEW, ARRAY(
    SELECT v.id FROM public.lineage_modelversion v
    WHERE v.digest_value = NEW.digest_value AND v.digest_algorithm = NEW.digest_algorithm));
  RETURN NULL;
END $$;

DO $$
DECLARE
  v_rule record;
BEGIN
  FOR v_rule IN SELECT * FROM (VALUES
      ('approvals_onboardingwindow', 'r_onboarding', 'BEFORE', 'check_onboarding_window'),
      ('approvals_onboardingconfirmation', 'r_onboarding', 'BEFORE', 'check_onboarding_confirmation'),
      ('approvals_onboardingclosure', 'r_onboarding', 'BEFORE', 'check_onboarding_closure'),
      ('approvals_asfound', 'r_as_found', 'BEFORE', 'check_as_found'),
      ('approvals_asfoundend', 'r_as_found', 'BEFORE', 'check_as_found_end'),
      -- After the recorder (z…): the cause stands in the log before what follows from it.
      ('approvals_promotion', 'zz_as_found', 'AFTER', 'govern_as_found'),
      ('lineage_recall', 'zz_as_found', 'AFTER', 'recall_as_found')
    ) AS rules (tab, name, moment, rule)
  LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS %I ON public.%I', v_rule.name, v_rule.tab);
    EXECUTE format('CREATE TRIGGER %I %s INSERT ON public.%I FOR EACH ROW EXECUTE FUNCTION muniment.%I()',
                   v_rule.name, v_rule.moment, v_rule.tab, v_rule.rule);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER %I', v_rule.tab, v_rule.name);
  END LOOP;
END $$;
