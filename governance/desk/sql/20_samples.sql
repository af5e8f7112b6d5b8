-- Samples: the database counts the population and draws from it, so that nobody picks what is "drawn".

-- The ids of a population: acts, or the rows of a governed table, recorded in [from_at, until_at) in a namespace (NULL: all).
CREATE OR REPLACE FUNCTION muniment.sample_population(kind text, namespace bigint, from_at timestamptz, until_at timestamptz)
RETURNS SETOF text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF kind = 'governance_act' THEN
    RETURN QUERY SELECT DISTINCT a.action_id::text FROM public.governance_act a
      WHERE a.lead AND a.at >= from_at AND a.at < until_at
        AND (sample_population.namespace IS NULL OR a.namespace_id = sample_population.namespace);
  ELSIF EXISTS (SELECT 1 FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
                WHERE t.tgname = 'z_record' AND c.relname = kind AND c.relnamespace = 'public'::regnamespace) THEN
    RETURN QUERY EXECUTE format('SELECT t.id::text FROM public.%I t WHERE t.recorded_at >= $1 AND t.recorded_at < $2'
      ' AND ($3 IS NULL OR muniment.namespace_of(%L, t.id) = $3)', kind, kind) USING from_at, until_at, namespace;
  ELSE
    RAISE EXCEPTION USING ERRCODE = 'MU009', MESSAGE = format('There is no such population: %s.', kind),
      DETAIL = 'no-such-population', HINT = 'Name a governed table, or governance_act for acts.';
  END IF;
END $$;

CREATE OR REPLACE FUNCTION muniment.draw_sample() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT muniment.holds_role(muniment.actor_id(), ARRAY['auditor'], NEW.namespace_id, clock_timestamp()) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', MESSAGE = 'Only an auditor of the namespace draws a sample of it.',
      DETAIL = 'not-an-auditor', TABLE = TG_TABLE_NAME, HINT = 'Ask an auditor; a sample of everything takes one of everything.';
  END IF;
  IF NEW.until_at > clock_timestamp() THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', MESSAGE = 'The period ends in the future: its population is not there yet.',
      DETAIL = 'period-not-over', TABLE = TG_TABLE_NAME, COLUMN = 'until_at', HINT = 'End the period in the past.';
  END IF;
  NEW.method := 'sha256-order';
  SELECT count(*), encode(sha256(convert_to(coalesce(string_agg(p.id, E'\n' ORDER BY p.id COLLATE "C"), ''), 'UTF8')), 'hex'),
         coalesce((array_agg(p.id ORDER BY p.rank, p.id COLLATE "C"))[1:NEW.size], '{}')
    INTO NEW.population_size, NEW.population_digest, NEW.drawn
    FROM (SELECT s.id, sha256(convert_to(NEW.seed || ':' || s.id, 'UTF8')) AS rank
          FROM muniment.sample_population(NEW.kind, NEW.namespace_id, NEW.from_at, NEW.until_at) AS s (id)) p;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_draw ON public.governance_sample;
CREATE TRIGGER r_draw BEFORE INSERT ON public.governance_sample FOR EACH ROW EXECUTE FUNCTION muniment.draw_sample();
ALTER TABLE public.governance_sample ENABLE ALWAYS TRIGGER r_draw;
