-- The words of names, each once a namespace and once for all of them (namespace 0), so that a misspelt word is corrected
-- among the words that its reader may read, and names are searched for what is spelt right: a few words are compared where
-- the names that share one are tens of thousands.

-- The words of a name that can be misspelt: no digits, four letters or more. Digests are none. `keep_words` has the same rule
-- written out: a call of this for each record costs it ten times as much.
CREATE OR REPLACE FUNCTION muniment.spelt_words(title text) RETURNS SETOF text LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT w FROM unnest(muniment.search_words(left(title, 120))) w WHERE w !~ E'[0-9''\\\\]' AND length(w) BETWEEN 4 AND 40
$$;

-- What is left of a word's beginning when up to `gone` letters are left out, led by the namespace: two words of which each
-- can lose that many letters and be the same have one of these in common, so that an index finds the one by the other
-- (the symmetric deletions of W. Garbe's SymSpell), and none of another namespace.
CREATE OR REPLACE FUNCTION muniment.word_shapes(word text, namespace bigint, gone integer) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  WITH whole (s) AS (SELECT left(word, 7)),
  one (s) AS (SELECT overlay(s PLACING '' FROM i FOR 1) FROM whole CROSS JOIN generate_series(1, length(s)) i WHERE gone > 0),
  two (s) AS (SELECT overlay(s PLACING '' FROM i FOR 1) FROM one CROSS JOIN generate_series(1, length(s)) i WHERE gone > 1)
  SELECT array_agg(namespace || ':' || s) FROM (SELECT s FROM whole UNION SELECT s FROM one UNION SELECT s FROM two) x
$$;

-- Asked for each record: nearly all names are of known words, and one look into the index tells. What is there in a
-- namespace is there for all of them. Two at once may both keep a new word: it is not unique, since those who wait for
-- each other's words would lock each other out.
CREATE OR REPLACE FUNCTION muniment.keep_words() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_place bigint := coalesce(NEW.namespace_id, 0);
  v_word text;
  v_words text[] := '{}';
BEGIN
  FOREACH v_word IN ARRAY string_to_array(muniment.search_text(left(NEW.title, 120)), ' ') LOOP
    IF length(v_word) BETWEEN 4 AND 40 AND v_word = translate(v_word, E'0123456789''\\\\', '') AND v_word <> ALL (v_words) THEN
      v_words := v_words || v_word;
    END IF;
  END LOOP;
  IF v_words <> '{}' AND cardinality(v_words) > (SELECT count(DISTINCT k.word) FROM public.governance_searchword k
                                                 WHERE k.word = ANY (v_words) AND k.namespace_id = v_place) THEN
    INSERT INTO public.governance_searchword (namespace_id, word, shapes)
      SELECT p.place, w.word, muniment.word_shapes(w.word, p.place, CASE WHEN length(w.word) < 7 THEN 1 ELSE 2 END)
      FROM unnest(v_words) AS w (word) CROSS JOIN (SELECT 0::bigint UNION SELECT v_place) AS p (place)
      WHERE NOT EXISTS (SELECT 1 FROM public.governance_searchword k WHERE k.word = w.word AND k.namespace_id = p.place);
  END IF;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS zz_words ON public.governance_searchentry;
CREATE TRIGGER zz_words AFTER INSERT ON public.governance_searchentry
  FOR EACH ROW EXECUTE FUNCTION muniment.keep_words();
ALTER TABLE public.governance_searchentry ENABLE ALWAYS TRIGGER zz_words;
DROP TRIGGER IF EXISTS zz_words_changed ON public.governance_searchentry;
CREATE TRIGGER zz_words_changed AFTER UPDATE ON public.governance_searchentry
  FOR EACH ROW WHEN (OLD.title IS DISTINCT FROM NEW.title) EXECUTE FUNCTION muniment.keep_words();
ALTER TABLE public.governance_searchentry ENABLE ALWAYS TRIGGER zz_words_changed;

-- As after an upgrade: names were kept before their words were.
INSERT INTO public.governance_searchword (namespace_id, word, shapes)
SELECT x.place, x.word, muniment.word_shapes(x.word, x.place, CASE WHEN length(x.word) < 7 THEN 1 ELSE 2 END)
FROM (SELECT DISTINCT p.place, w.word FROM public.governance_searchentry e
      CROSS JOIN LATERAL muniment.spelt_words(e.title) AS w (word)
      CROSS JOIN LATERAL (VALUES (0::bigint), (coalesce(e.namespace_id, 0))) AS p (place)
      WHERE NOT EXISTS (SELECT 1 FROM public.governance_searchword)) x;

-- Words that are nearly those asked for, of the namespaces given (0: of all). `edits`: found by a letter or two that are
-- left out, put in, changed or swapped; the others share most of their trigrams, where PostgreSQL brings pg_trgm along
-- (contrib; a trusted extension, so that the owner may create it).
CREATE OR REPLACE FUNCTION muniment.near_words(asked text[], namespaces bigint[], most integer)
RETURNS TABLE (given text, near text, edits boolean) LANGUAGE plpgsql STABLE ROWS 20
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_word text;
  v_shapes text[];
BEGIN
  FOREACH v_word IN ARRAY asked LOOP
    SELECT array_agg(s) INTO v_shapes FROM unnest(namespaces) n
      CROSS JOIN LATERAL unnest(muniment.word_shapes(v_word, n, CASE WHEN length(v_word) < 8 THEN 1 ELSE 2 END)) s;
    RETURN QUERY SELECT v_word, k.word, true FROM public.governance_searchword k WHERE k.shapes && v_shapes
      GROUP BY k.word ORDER BY abs(length(k.word) - length(v_word)), k.word LIMIT most;
    RETURN QUERY SELECT v_word, t.word, false FROM muniment.words_by_trigrams(v_word, namespaces, most) AS t (word);
  END LOOP;
END $$;

DO $do$
BEGIN
  DROP INDEX IF EXISTS public.searchentry_title_trigrams;  -- of a release that compared whole names
  BEGIN
    IF EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
      CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
      CREATE INDEX IF NOT EXISTS searchword_trigrams ON public.governance_searchword USING gin (word public.gin_trgm_ops);
    END IF;
  EXCEPTION WHEN insufficient_privilege THEN
    NULL;  -- an operator may forbid extensions: search then corrects a letter or two
  END;
  IF to_regclass('public.searchword_trigrams') IS NULL THEN
    CREATE OR REPLACE FUNCTION muniment.words_by_trigrams(asked text, namespaces bigint[], most integer) RETURNS SETOF text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT NULL::text WHERE false';
  ELSE
    -- Called once, so that its library is loaded: a setting it has not told of yet may be named by a superuser alone.
    PERFORM public.similarity('', '');
    CREATE OR REPLACE FUNCTION muniment.words_by_trigrams(asked text, namespaces bigint[], most integer) RETURNS SETOF text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET pg_trgm.similarity_threshold = 0.5 AS $$
      SELECT k.word FROM public.governance_searchword k
      WHERE k.word OPERATOR(public.%) asked AND k.namespace_id = ANY (namespaces)
      GROUP BY k.word ORDER BY public.similarity(k.word, asked) DESC, k.word LIMIT most
    $$;
  END IF;
END $do$;
