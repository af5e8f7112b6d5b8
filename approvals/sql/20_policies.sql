-- Policies: written by one policy owner, published by another; a version comes whole, in one transaction.
-- The operator's own login loads the defaults of a first start (muniment.is_operator, recorded as such).

CREATE OR REPLACE FUNCTION muniment.require_policy_owner(namespace bigint) RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT muniment.is_operator() AND NOT (muniment.is_person(muniment.actor_id())
       AND muniment.holds_role(muniment.actor_id(), ARRAY['policy_owner'], namespace, clock_timestamp())) THEN
    PERFORM muniment.refuse('MU006', 'not-a-policy-owner', 'Only a policy owner writes and publishes policies there.',
      'Ask a policy owner.');
  END IF;
END $$;

CREATE OR REPLACE FUNCTION muniment.check_environment() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.require_policy_owner(NULL);
  IF TG_OP = 'INSERT' AND NEW.observe_only_until IS NOT NULL THEN
    PERFORM muniment.refuse('MU006', 'second-policy-owner', 'An environment is made with a gate that refuses.',
      'Two policy owners let it observe only afterwards.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_environment ON public.approvals_environment;
CREATE TRIGGER r_environment BEFORE INSERT OR UPDATE ON public.approvals_environment
  FOR EACH ROW EXECUTE FUNCTION muniment.check_environment();
ALTER TABLE public.approvals_environment ENABLE ALWAYS TRIGGER r_environment;

CREATE OR REPLACE FUNCTION muniment.check_policy() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.require_policy_owner(NEW.namespace_id);
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_policy ON public.approvals_policy;
CREATE TRIGGER r_policy BEFORE INSERT ON public.approvals_policy FOR EACH ROW EXECUTE FUNCTION muniment.check_policy();
ALTER TABLE public.approvals_policy ENABLE ALWAYS TRIGGER r_policy;

CREATE OR REPLACE FUNCTION muniment.check_policy_version() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p public.approvals_policy%ROWTYPE;
BEGIN
  SELECT * INTO p FROM public.approvals_policy WHERE id = NEW.policy_id FOR NO KEY UPDATE;
  PERFORM muniment.require_policy_owner(p.namespace_id);
  NEW.number := 1 + coalesce((SELECT max(number) FROM public.approvals_policyversion WHERE policy_id = NEW.policy_id), 0);
  NEW.written_in := muniment.this_transaction();
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_policy_version ON public.approvals_policyversion;
CREATE TRIGGER r_policy_version BEFORE INSERT ON public.approvals_policyversion
  FOR EACH ROW EXECUTE FUNCTION muniment.check_policy_version();
ALTER TABLE public.approvals_policyversion ENABLE ALWAYS TRIGGER r_policy_version;

CREATE OR REPLACE FUNCTION muniment.check_requirement() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM public.approvals_policyversion
                 WHERE id = NEW.policy_version_id AND muniment.written_here(written_in, recorded_at))
     OR EXISTS (SELECT 1 FROM public.approvals_policypublication p WHERE p.policy_version_id = NEW.policy_version_id) THEN
    PERFORM muniment.refuse('MU003', 'policy-version-final', 'A policy version is final: its requirements came with it.',
      'Write a new version.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_requirement ON public.approvals_requirement;
CREATE TRIGGER r_requirement BEFORE INSERT ON public.approvals_requirement
  FOR EACH ROW EXECUTE FUNCTION muniment.check_requirement();
ALTER TABLE public.approvals_requirement ENABLE ALWAYS TRIGGER r_requirement;

-- Published by a second policy owner, and only what can hold: satisfiable, free of contradictions, no looser than what is
-- above it (24_policy_obstacles.sql names each thing). The operator's first default comes before anybody who could sign.
CREATE OR REPLACE FUNCTION muniment.check_publication() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_writer bigint;
  v_codes text[];
  v_sentences text;
  v_hint text;
  p public.approvals_policy%ROWTYPE;
BEGIN
  SELECT pv.recorded_by_id INTO v_writer FROM public.approvals_policyversion pv WHERE pv.id = NEW.policy_version_id;
  SELECT x.* INTO p FROM public.approvals_policyversion pv JOIN public.approvals_policy x ON x.id = pv.policy_id
    WHERE pv.id = NEW.policy_version_id;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-policy-version', 'There is no such policy version.', 'Write it first.');
  END IF;
  PERFORM muniment.lock_environment(p.environment_id);
  PERFORM muniment.require_policy_owner(p.namespace_id);
  IF muniment.is_operator() THEN
    IF EXISTS (SELECT 1 FROM public.approvals_policypublication o
               JOIN public.approvals_policyversion v ON v.id = o.policy_version_id WHERE v.policy_id = p.id) THEN
      PERFORM muniment.refuse('MU006', 'second-policy-owner', 'The operator publishes the first default only.',
        'Let two policy owners publish.');
    END IF;
  ELSIF muniment.person_of(v_writer) = muniment.person_of(muniment.actor_id())
        OR NOT muniment.holds_role(v_writer, ARRAY['policy_owner'], p.namespace_id, clock_timestamp()) THEN
    PERFORM muniment.refuse('MU006', 'second-policy-owner', 'Two policy owners publish: one writes, another publishes.',
      'Ask another policy owner to publish it.');
  END IF;
  -- The id was drawn before the wait for the lock, and the newest id is the one in force (as for flags). Per environment:
  -- what was published there since a vote is told by its id.
  IF EXISTS (SELECT 1 FROM public.approvals_policypublication o
             JOIN public.approvals_policyversion v ON v.id = o.policy_version_id
             JOIN public.approvals_policy x ON x.id = v.policy_id
             WHERE x.environment_id = p.environment_id AND o.id > NEW.id) THEN
    PERFORM muniment.refuse('40001', 'publication-overtaken', 'Another version was published there meanwhile.', 'Try again.');
  END IF;
  IF NOT EXISTS (SELECT 1 FROM public.approvals_policypublication o WHERE o.policy_version_id = NEW.policy_version_id) THEN
    SELECT array_agg(o.code ORDER BY n), string_agg(o.sentence, ' ' ORDER BY n), (array_agg(o.hint ORDER BY n))[1]
      INTO v_codes, v_sentences, v_hint
      FROM muniment.policy_obstacles(NEW.policy_version_id) WITH ORDINALITY AS o (code, sentence, hint, n);
    IF v_codes IS NOT NULL THEN
      PERFORM muniment.refuse('MU009', v_codes[1], v_sentences, v_hint);
    END IF;
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_publication ON public.approvals_policypublication;
CREATE TRIGGER r_publication BEFORE INSERT ON public.approvals_policypublication
  FOR EACH ROW EXECUTE FUNCTION muniment.check_publication();
ALTER TABLE public.approvals_policypublication ENABLE ALWAYS TRIGGER r_publication;

-- What asks less than the version just published above it lapses, in the same transaction, and what is above holds there
-- until a new version of it is published. The environment's lock is held.
CREATE OR REPLACE FUNCTION muniment.lapse_looser() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO public.approvals_policylapse (publication_id, cause_id, loosened)
    SELECT f.publication_id, NEW.id, x.loosened
    FROM public.approvals_policyversion v
    JOIN public.approvals_policy p ON p.id = v.policy_id
    CROSS JOIN LATERAL muniment.policies_in_force(p.environment_id, p.risk_tier::text) f
    CROSS JOIN LATERAL (SELECT muniment.looser_than(muniment.policy_document(v.id),
                                                    muniment.policy_document(f.policy_version_id)) AS loosened) x
    WHERE v.id = NEW.policy_version_id AND muniment.place_above(p.namespace_id, p.slot, f.namespace_id, f.slot)
      AND x.loosened <> '[]'
    ORDER BY f.publication_id;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS r_lapse ON public.approvals_policypublication;
CREATE TRIGGER r_lapse AFTER INSERT ON public.approvals_policypublication
  FOR EACH ROW EXECUTE FUNCTION muniment.lapse_looser();
ALTER TABLE public.approvals_policypublication ENABLE ALWAYS TRIGGER r_lapse;
