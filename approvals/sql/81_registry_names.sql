-- Names that go live: an alias or stage that an environment claims is a promotion, whatever letters it is written in, and is
-- never set as a mere fact. What serves keeps its name.

-- What is left of a name when letters that look alike are one letter, and signs between them none.
CREATE OR REPLACE FUNCTION muniment.look_of(name text) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT replace(replace(translate(lower(name), '01i5-_. ', 'olls'), 'rn', 'm'), 'vv', 'w')
$$;

-- The environment that claims an alias, in whatever case; NULL: none does.
CREATE OR REPLACE FUNCTION muniment.environment_of_alias(alias text) RETURNS bigint LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT e.id FROM public.approvals_environment e WHERE lower(alias) = ANY (e.mlflow_aliases) ORDER BY e."order" LIMIT 1
$$;

CREATE OR REPLACE FUNCTION muniment.environment_of_stage(stage text) RETURNS bigint LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT e.id FROM public.approvals_environment e WHERE lower(stage) = ANY (e.mlflow_stages) ORDER BY e."order" LIMIT 1
$$;

-- The claimed alias that this one is or looks like; NULL: none.
CREATE OR REPLACE FUNCTION muniment.claimed_look(alias text) RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT c FROM public.approvals_environment e CROSS JOIN unnest(e.mlflow_aliases) c
  WHERE muniment.look_of(c) = muniment.look_of(alias) ORDER BY c = lower(alias) DESC, c LIMIT 1
$$;

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
