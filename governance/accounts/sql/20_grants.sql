-- Grants: who may give them, which need a second person, when they begin, and that they end once.
-- `session_user` being the tables' owner is the bootstrap and the migrations: the operator's own login, recorded as such.

CREATE OR REPLACE FUNCTION muniment.two_person_roles() RETURNS text[] LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY['data_steward', 'validator', 'risk_manager', 'compliance_officer', 'business_owner', 'policy_owner',
               'auditor', 'administrator']
$$;

-- Roles that sign. Auditors oversee and administrators grant: neither votes.
CREATE OR REPLACE FUNCTION muniment.voting_roles() RETURNS text[] LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT array_remove(array_remove(muniment.two_person_roles(), 'administrator'), 'auditor')
$$;

CREATE OR REPLACE FUNCTION muniment.is_operator() RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT pg_get_userbyid(relowner) = session_user FROM pg_class WHERE oid = 'public.governance_rolegrant'::regclass
$$;

CREATE OR REPLACE FUNCTION muniment.check_grant() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
  v_now timestamptz := clock_timestamp();
  v_two boolean := NEW.role = ANY (muniment.two_person_roles());
  v_holder public.governance_principal%ROWTYPE;
  v_delay interval;
BEGIN
  SELECT voting_grant_delay INTO v_delay FROM public.governance_operatorsetting WHERE id = 1;
  IF v_delay IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', MESSAGE = 'The operator has set no delay for two-person grants.',
      DETAIL = 'no-grant-delay', HINT = 'Run manage.py grant_delay as the owner.';
  END IF;
  -- Grants are serialised per holder: two half-approved grants must not pass each other.
  SELECT * INTO v_holder FROM public.governance_principal WHERE id = NEW.principal_id FOR NO KEY UPDATE;
  -- Foreign keys are looked at when the transaction ends: of a holder who comes later nothing could be asked.
  IF NOT FOUND OR (NEW.on_behalf_of_id IS NOT NULL AND NOT EXISTS (
       SELECT 1 FROM public.governance_principal WHERE id = NEW.on_behalf_of_id AND kind = 'person')) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', MESSAGE = 'A grant has a holder, and is exercised for a person.',
      DETAIL = 'no-such-principal', HINT = 'Register the principal first; name a person to delegate for.';
  END IF;
  IF NOT muniment.is_operator()
     AND NOT muniment.holds_role(v_actor, ARRAY['administrator'], NEW.namespace_id, v_now) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', MESSAGE = 'Only an administrator of that namespace grants, approves and ends roles.',
      DETAIL = 'not-an-administrator', HINT = 'Ask an administrator.';
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.approved_by_id IS NOT NULL OR NEW.ended_by_id IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'MU006', MESSAGE = 'A grant is approved and ended by later acts.',
        DETAIL = 'approved-at-birth', HINT = 'Record the grant first.';
    END IF;
    IF v_holder.kind = 'service' AND NEW.role NOT IN ('pipeline', 'validator', 'auditor', 'viewer') THEN
      RAISE EXCEPTION USING ERRCODE = 'MU006', MESSAGE = format('A service account cannot hold the role %s.', NEW.role),
        DETAIL = 'role-for-persons', HINT = 'Grant it to a person.';
    END IF;
    IF NEW.on_behalf_of_id = NEW.principal_id THEN
      RAISE EXCEPTION USING ERRCODE = 'MU009', MESSAGE = 'Nobody delegates to themselves.', DETAIL = 'self-delegation';
    END IF;
    IF v_two THEN
      NEW.effective_from := CASE WHEN muniment.is_operator() THEN v_now END;
    ELSE
      NEW.effective_from := greatest(coalesce(NEW.effective_from, v_now), v_now);
    END IF;
    IF v_two AND muniment.is_operator() THEN
      NEW.approved_by_id := v_actor;
      NEW.approved_at := v_now;
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.ended_by_id IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'MU008', MESSAGE = 'This grant has ended.', DETAIL = 'grant-ended',
      HINT = 'Record a new grant.';
  END IF;
  IF NEW.ended_by_id IS NOT NULL THEN
    NEW.ended_by_id := v_actor;
    NEW.ended_at := v_now;
    NEW.approved_by_id := OLD.approved_by_id;
    NEW.approved_at := OLD.approved_at;
    NEW.effective_from := OLD.effective_from;
    RETURN NEW;
  END IF;
  -- One in force without an approval was given while its role took one person: a later approval must not delay it.
  IF OLD.approved_by_id IS NOT NULL OR OLD.effective_from IS NOT NULL OR NOT v_two THEN
    RAISE EXCEPTION USING ERRCODE = 'MU008', MESSAGE = 'This grant awaits no approval.', DETAIL = 'grant-not-pending',
      HINT = 'End it and record a new one to change it.';
  END IF;
  IF muniment.person_of(v_actor) = muniment.person_of(OLD.recorded_by_id)
     OR muniment.person_of(v_actor) = muniment.person_of(OLD.principal_id)
     OR NOT muniment.is_person(v_actor) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', MESSAGE = 'A second person approves: neither who granted it nor who receives it.',
      DETAIL = 'second-person', HINT = 'Ask another administrator.';
  END IF;
  NEW.approved_by_id := v_actor;
  NEW.approved_at := v_now;
  NEW.effective_from := v_now + v_delay;
  NEW.ended_by_id := NULL;
  NEW.ended_at := NULL;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_check_grant ON public.governance_rolegrant;
CREATE TRIGGER r_check_grant BEFORE INSERT OR UPDATE ON public.governance_rolegrant
  FOR EACH ROW EXECUTE FUNCTION muniment.check_grant();
ALTER TABLE public.governance_rolegrant ENABLE ALWAYS TRIGGER r_check_grant;

-- Principals: made and changed by administrators; the system's own by the operator alone.
CREATE OR REPLACE FUNCTION muniment.check_principal() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
  v_kind text;
BEGIN
  IF muniment.is_operator() THEN
    RETURN NEW;
  END IF;
  IF NEW.kind = 'system' THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', MESSAGE = 'System principals belong to the operator.',
      DETAIL = 'system-principal', HINT = 'Register a service account instead.';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM public.governance_rolegrant g WHERE g.principal_id = v_actor AND g.role = 'administrator'
                   AND muniment.grant_in_force(g.id, clock_timestamp())) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', MESSAGE = 'Only an administrator makes and changes principals.',
      DETAIL = 'not-an-administrator', HINT = 'Ask an administrator.';
  END IF;
  -- Who is active, and who answers for an account, decides on votes everywhere.
  IF TG_OP = 'UPDATE'
     AND NOT muniment.holds_role(v_actor, ARRAY['administrator'], NULL, clock_timestamp()) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', MESSAGE = 'Only an administrator of everything changes principals.',
      DETAIL = 'not-an-administrator', HINT = 'Ask an administrator of everything.';
  END IF;
  IF NEW.kind = 'service' THEN
    SELECT kind INTO v_kind FROM public.governance_principal WHERE id = NEW.responsible_id;
    IF v_kind IS DISTINCT FROM 'person' THEN
      RAISE EXCEPTION USING ERRCODE = 'MU009', MESSAGE = 'A person answers for a service account, not another account.',
        DETAIL = 'responsible-person', HINT = 'Name the person who answers for it.';
    END IF;
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_check_principal ON public.governance_principal;
CREATE TRIGGER r_check_principal BEFORE INSERT OR UPDATE ON public.governance_principal
  FOR EACH ROW EXECUTE FUNCTION muniment.check_principal();
ALTER TABLE public.governance_principal ENABLE ALWAYS TRIGGER r_check_principal;
