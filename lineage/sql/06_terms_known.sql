-- Terms of vocabularies: those published (05_vocabularies.sql) and those the house has added (lineage_vocabularyterm).

-- The broader terms of a term; NULL where nobody knows it.
CREATE OR REPLACE FUNCTION muniment.broader_terms(scheme text, term text) RETURNS text[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  v_published jsonb := muniment.published_terms(scheme) -> term;
BEGIN
  IF v_published IS NOT NULL THEN
    RETURN ARRAY(SELECT jsonb_array_elements_text(v_published));
  END IF;
  RETURN (SELECT t.broader::text[] FROM public.lineage_vocabularyterm t WHERE t.scheme = scheme AND t.term = term);
END $$;

-- A term and everything broader. A term nobody knows has nothing above it.
CREATE OR REPLACE FUNCTION muniment.terms_above(scheme text, term text) RETURNS text[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_found text[] := ARRAY[term];
  v_next integer := 1;
  v_above text;
BEGIN
  WHILE v_next <= cardinality(v_found) LOOP
    FOREACH v_above IN ARRAY coalesce(muniment.broader_terms(scheme, v_found[v_next]), '{}') LOOP
      IF NOT v_above = ANY (v_found) THEN
        v_found := v_found || v_above;
      END IF;
    END LOOP;
    v_next := v_next + 1;
  END LOOP;
  RETURN v_found;
END $$;

-- Whether every term may be written: published, or the house's own and not retired.
CREATE OR REPLACE FUNCTION muniment.all_known(scheme text, terms text[]) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  v_published jsonb := muniment.published_terms(scheme);
BEGIN
  RETURN NOT EXISTS (
    SELECT 1 FROM unnest(terms) AS one (name) WHERE NOT v_published ? one.name AND NOT EXISTS (
      SELECT 1 FROM public.lineage_vocabularyterm t WHERE t.scheme = scheme AND t.term = one.name AND NOT t.retired));
END $$;

-- Whether a category, or one it is a case of, is special: by law, or because the house says so of its own.
CREATE OR REPLACE FUNCTION muniment.special_category(category text) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF muniment.published_terms('personal-data') ? category THEN
    RETURN muniment.special_by_law(category);
  END IF;
  RETURN EXISTS (SELECT 1 FROM public.lineage_vocabularyterm t
                 WHERE t.scheme = 'personal-data' AND t.term = category AND t.special);
END $$;

-- A house's own terms: by those who answer for the rules everywhere, below terms that exist, never under a published prefix.
-- What lies above a term decides what terms of use permit and forbid, so it never changes.
CREATE OR REPLACE FUNCTION muniment.vocabulary_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
BEGIN
  IF NOT muniment.is_person(v_actor)
     OR NOT muniment.holds_role(v_actor, ARRAY['policy_owner', 'compliance_officer'], NULL, clock_timestamp()) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'vocabulary-by-policy-owner', TABLE = TG_TABLE_NAME,
      MESSAGE = 'A policy owner or compliance officer of every namespace adds or retires a term of a vocabulary.',
      HINT = 'Ask one of them.';
  END IF;
  IF TG_OP = 'UPDATE' THEN
    RETURN NEW;
  END IF;
  IF NEW.term ~ '^(dpv|pd|eu-gdpr|odrl|cc|spdx):' THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'vocabulary-prefix', TABLE = TG_TABLE_NAME, COLUMN = 'term',
      MESSAGE = 'This prefix belongs to a published vocabulary.', HINT = 'Use a prefix of your house, such as bank:Name.';
  END IF;
  IF NOT muniment.all_match(NEW.broader, muniment.token_pattern()) OR NOT muniment.all_known(NEW.scheme, NEW.broader) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'vocabulary-broader', TABLE = TG_TABLE_NAME, COLUMN = 'broader',
      MESSAGE = 'A broader term is none of this vocabulary, or stands twice.', HINT = 'Name terms that exist, each once.';
  END IF;
  NEW.special := NEW.scheme = 'personal-data' AND (NEW.special OR EXISTS (
    SELECT 1 FROM unnest(NEW.broader) b, unnest(muniment.terms_above(NEW.scheme, b)) a WHERE muniment.special_category(a)));
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_rules ON public.lineage_vocabularyterm;
CREATE TRIGGER r_rules BEFORE INSERT OR UPDATE ON public.lineage_vocabularyterm
  FOR EACH ROW EXECUTE FUNCTION muniment.vocabulary_rules();
ALTER TABLE public.lineage_vocabularyterm ENABLE ALWAYS TRIGGER r_rules;

-- Refuses a term that nobody knows, naming the column.
CREATE OR REPLACE FUNCTION muniment.require_known(scheme text, terms text[], tab text, field text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- What is no token at all is the table's own constraints' to refuse.
  IF NOT muniment.all_known(scheme, ARRAY(SELECT t FROM unnest(terms) t WHERE t ~ muniment.token_pattern())) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'unknown-term', TABLE = tab, COLUMN = field,
      MESSAGE = format('%s holds a term that is neither published nor added by the house.', field),
      HINT = 'Look the term up in the vocabulary, or have it added.';
  END IF;
END $$;
