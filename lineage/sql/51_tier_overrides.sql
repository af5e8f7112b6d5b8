-- Overrides of a risk tier: a signature, with what signatures ask (21 CFR 11.50, 11.200), never under one's own work.

-- The digest of all that an override is about; the statement that is signed carries it.
CREATE OR REPLACE FUNCTION muniment.override_content(model bigint, tier text, reason text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT encode(sha256(convert_to(jsonb_build_object('model', m.id, 'purpose', m.intended_purpose, 'answers', m.risk_answers,
           'follows', muniment.risk_tier_of(m.risk_answers), 'in_effect', m.risk_tier, 'tier', override_content.tier,
           'reason', override_content.reason)::text, 'UTF8')), 'hex')
  FROM public.lineage_model m WHERE m.id = override_content.model
$$;

-- Whether a person had a hand in a model's record: owned it at any time, or edited it. An earlier override is no edit.
CREATE OR REPLACE FUNCTION muniment.hand_in_model(model bigint, person bigint) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (
    SELECT 1 FROM public.lineage_historicalmodel h WHERE h.id = hand_in_model.model AND (
      h.owner_id = hand_in_model.person OR hand_in_model.person = ANY (muniment.persons_behind(h.history_user_id))
        AND NOT EXISTS (SELECT 1 FROM public.lineage_historicaltieroverride o WHERE o.action_id = h.action_id)))
$$;

CREATE OR REPLACE FUNCTION muniment.check_tier_override() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
  v_now timestamptz;
  m public.lineage_model%ROWTYPE;
  g public.governance_rolegrant%ROWTYPE;
BEGIN
  IF NOT muniment.is_person(v_actor) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'not-a-person', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Only persons sign: service accounts and the system give no signature.',
      HINT = 'Let a risk manager sign in and sign.';
  ELSIF muniment.signing_suspended(v_actor) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'signing-suspended', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Your password was reset: signing is suspended for this account.',
      HINT = 'Ask an administrator who did not reset it to restore signing.';
  END IF;
  PERFORM muniment.lock_roots(ARRAY['model'], ARRAY[NEW.model_id], true);
  v_now := clock_timestamp();
  NEW.recorded_at := v_now;
  SELECT x.* INTO m FROM public.lineage_model x WHERE x.id = NEW.model_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'no-such-model', TABLE = TG_TABLE_NAME,
      MESSAGE = 'There is no such model.', HINT = 'Register it first.';
  END IF;
  SELECT x.* INTO g FROM public.governance_rolegrant x WHERE x.id = NEW.role_grant_id FOR SHARE;
  IF g.principal_id IS DISTINCT FROM v_actor OR g.role IS DISTINCT FROM 'risk_manager'
     OR NOT coalesce(g.namespace_id = m.namespace_id, true) OR NOT muniment.grant_in_force(g.id, v_now) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'override-by-risk-manager', TABLE = TG_TABLE_NAME,
      MESSAGE = 'A risk tier is overridden by a risk manager of the namespace, under a grant of their own that is in force.',
      HINT = 'Ask one of them.';
  ELSIF muniment.hand_in_model(m.id, v_actor)
        OR muniment.hand_in_model(m.id, coalesce(g.on_behalf_of_id, v_actor)) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'own-work', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Nobody overrides the tier of a model they own, owned or edited.',
      HINT = 'Ask a risk manager who had no hand in it.';
  ELSIF EXISTS (SELECT 1 FROM public.lineage_tieroverride o WHERE o.model_id = m.id AND o.id > NEW.id) THEN
    RAISE EXCEPTION USING ERRCODE = '40001', DETAIL = 'override-overtaken', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Another override was signed meanwhile.', HINT = 'Try again.';
  ELSIF NEW.tier = m.risk_tier OR NEW.tier = '' AND NOT EXISTS (
          SELECT 1 FROM public.lineage_tieroverride o WHERE o.model_id = m.id) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU008', DETAIL = 'tier-in-effect', TABLE = TG_TABLE_NAME,
      MESSAGE = 'That is the tier in effect.', HINT = 'Nothing is left to do.';
  ELSIF NEW.reauthenticated_at < v_now - interval '5 minutes' OR NEW.reauthenticated_at > v_now + interval '5 seconds' THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'reauthenticate', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Signing asks for a proof of who you are, at most five minutes old.',
      HINT = 'Enter your password again and sign.';
  ELSIF NEW.statement_digest IS DISTINCT FROM encode(sha256(convert_to(NEW.statement, 'UTF8')), 'hex') THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'statement-digest', TABLE = TG_TABLE_NAME,
      MESSAGE = 'The digest is not that of the statement.', HINT = 'Send the digest of the statement you were shown.';
  ELSIF position(muniment.override_content(m.id, NEW.tier, NEW.reason) IN NEW.statement) = 0 THEN
    RAISE EXCEPTION USING ERRCODE = 'MU008', DETAIL = 'statement-outdated', TABLE = TG_TABLE_NAME,
      MESSAGE = 'What you were shown has changed since.', HINT = 'Read it again and sign what it says now.';
  END IF;
  NEW.derived_tier := muniment.risk_tier_of(m.risk_answers);
  NEW.answers := m.risk_answers;
  NEW.printed_name := (SELECT p.display_name FROM public.governance_principal p WHERE p.id = v_actor);
  NEW.signed_at := v_now;
  RETURN NEW;
END $$;

-- The model's own trigger works the tier out; votes bound to its use go stale as with any other change of tier.
CREATE OR REPLACE FUNCTION muniment.apply_tier_override() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE public.lineage_model m SET risk_tier = m.risk_tier WHERE m.id = NEW.model_id;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS r_rules ON public.lineage_tieroverride;
CREATE TRIGGER r_rules BEFORE INSERT ON public.lineage_tieroverride
  FOR EACH ROW EXECUTE FUNCTION muniment.check_tier_override();
ALTER TABLE public.lineage_tieroverride ENABLE ALWAYS TRIGGER r_rules;
DROP TRIGGER IF EXISTS zz_apply ON public.lineage_tieroverride;
CREATE TRIGGER zz_apply AFTER INSERT ON public.lineage_tieroverride
  FOR EACH ROW EXECUTE FUNCTION muniment.apply_tier_override();
ALTER TABLE public.lineage_tieroverride ENABLE ALWAYS TRIGGER zz_apply;
