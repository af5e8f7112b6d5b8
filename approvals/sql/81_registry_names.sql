-- Names that go live: an alias or stage that an environment claims is a promotion, whatever letters it is written in, and is
-- never set as a mere fact. What serves keeps its name.

-- What is left of a name when letters that look alike are one letter, and signs between them none.
CREATE OR REPLACE FUNCTION muniment.look_of(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN replace(replace(translate(lower(name), '01i5-_. ', 'olls'), 'rn', 'm'), 'vv', 'w');
END $$;

-- The environment that claims an alias, in whatever case; NULL: none does.
CREATE OR REPLACE FUNCTION muniment.environment_of_alias(alias text) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT e.id FROM public.approvals_environment e WHERE lower(alias) = ANY (e.mlflow_aliases) ORDER BY e."order" LIMIT 1);
END $$;

CREATE OR REPLACE FUNCTION muniment.environment_of_stage(stage text) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT e.id FROM public.approvals_environment e WHERE lower(stage) = ANY (e.mlflow_stages) ORDER BY e."order" LIMIT 1);
END $$;

-- The claimed alias that this one is or looks like; NULL: none.
CREATE OR REPLACE FUNCTION muniment.claimed_look(alias text) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_look text := muniment.look_of(alias);
BEGIN
  RETURN (SELECT c FROM public.approvals_environment e CROSS JOIN unnest(e.mlflow_aliases) c
          WHERE muniment.look_of(c) = v_look ORDER BY c = lower(alias) DESC, c LIMIT 1);
END $$;

CREATE OR REPLACE FUNCTION muniment.check_alias_unclaimed() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_claimed text := muniment.claimed_look(NEW.alias);
BEGIN
  IF v_claimed IS NULL OR TG_OP = 'UPDATE' AND NEW.model_version_id IS NULL THEN
    RETURN NEW;  -- one that was free before an environment claimed it can still be taken away
  ELSIF v_claimed = lower(NEW.alias) THEN
    PERFORM muniment.refuse('MU008', 'alias-claimed', format('The alias %s goes live: it is set by a promotion alone.', v_claimed),
      'Open a release and promote it.');
  ELSE
    PERFORM muniment.refuse('MU009', 'alias-looks-claimed', format('The alias %s looks like %s, which goes live.', NEW.alias, v_claimed),
      'Choose a name that nobody mistakes for it.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_unclaimed ON public.lineage_modelalias;
CREATE TRIGGER r_unclaimed BEFORE INSERT OR UPDATE ON public.lineage_modelalias
  FOR EACH ROW EXECUTE FUNCTION muniment.check_alias_unclaimed();
ALTER TABLE public.lineage_modelalias ENABLE ALWAYS TRIGGER r_unclaimed;

-- Whoever serves a model asks for it by its name: another under the same name must not be given out instead.
CREATE OR REPLACE FUNCTION muniment.check_rename() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.lock_roots(ARRAY['model'], ARRAY[NEW.id], true);
  IF EXISTS (SELECT 1 FROM public.approvals_liveslot l WHERE l.model_id = NEW.id)
     OR EXISTS (SELECT 1 FROM public.approvals_asfound f WHERE f.model_id = NEW.id
                AND NOT EXISTS (SELECT 1 FROM public.approvals_asfoundend x WHERE x.as_found_id = f.id)) THEN
    PERFORM muniment.refuse('MU008', 'live-keeps-its-name', format('%s is live, and what serves is asked for by its name.', OLD.name),
      'Retire what is live first, or register a model of the other name.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_rename ON public.lineage_model;
CREATE TRIGGER r_rename BEFORE UPDATE OF name ON public.lineage_model
  FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION muniment.check_rename();
ALTER TABLE public.lineage_model ENABLE ALWAYS TRIGGER r_rename;

-- Claims are one each, in lower case: two environments with one alias would go live in whichever comes first, and one in
-- capitals in none. One after another: two that claim the same at once would not see each other.
CREATE OR REPLACE FUNCTION muniment.check_claims() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_fault text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('muniment.environment_claims', 0));
  SELECT c INTO v_fault FROM unnest(NEW.mlflow_aliases || NEW.mlflow_stages) c WHERE c <> lower(c) OR c !~ '^[a-z0-9_-]+$' LIMIT 1;
  IF v_fault IS NOT NULL THEN
    PERFORM muniment.refuse('MU009', 'claim-form', format('An environment claims aliases and stages in lower case, not %s.', v_fault),
      'Write it with a to z, digits, _ and - alone; clients may write it in any case.');
  END IF;
  SELECT c INTO v_fault FROM public.approvals_environment e CROSS JOIN unnest(e.mlflow_aliases) c
    WHERE e.id <> NEW.id AND muniment.look_of(c) = ANY (SELECT muniment.look_of(a) FROM unnest(NEW.mlflow_aliases) a) LIMIT 1;
  IF v_fault IS NULL THEN
    SELECT c INTO v_fault FROM public.approvals_environment e CROSS JOIN unnest(e.mlflow_stages) c
      WHERE e.id <> NEW.id AND c = ANY (NEW.mlflow_stages) LIMIT 1;
  END IF;
  IF v_fault IS NOT NULL THEN
    PERFORM muniment.refuse('MU008', 'claimed-elsewhere', format('Another environment claims %s.', v_fault),
      'Each alias and stage goes live in one environment.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_claims ON public.approvals_environment;
CREATE TRIGGER r_claims BEFORE INSERT OR UPDATE OF mlflow_aliases, mlflow_stages ON public.approvals_environment
  FOR EACH ROW EXECUTE FUNCTION muniment.check_claims();
ALTER TABLE public.approvals_environment ENABLE ALWAYS TRIGGER r_claims;
