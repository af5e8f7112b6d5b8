-- The words of a text as search keeps and asks them: in lower case, without accents, split at whatever is no letter and
-- no digit. Letters are told by exclusion, since a database of locale C knows ASCII's alone.
CREATE OR REPLACE FUNCTION muniment.search_words(given text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(array_agg(DISTINCT left(w, 128)), '{}') FROM unnest(string_to_array(
    regexp_replace(regexp_replace(lower(normalize(given, NFKD)), '[\u0300-\u036f]', '', 'g'),
      '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f\u3000-\u303f]+', ' ', 'g'), ' ')) w
  WHERE w <> ''
$$;

-- Words with the namespace they belong to among them. No word holds a colon, so none can pass for a namespace.
CREATE OR REPLACE FUNCTION muniment.search_vector(given text, namespace bigint) RETURNS tsvector LANGUAGE sql IMMUTABLE
PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT array_to_tsvector((muniment.search_words(given))[1:2000] || ('ns:' || coalesce(namespace, 0)))
$$;

-- Why people say they act, found by its words: one entry an act and namespace.
CREATE INDEX IF NOT EXISTS act_reason_words ON public.governance_act
  USING gin (muniment.search_vector(left(reason, 2000), namespace_id)) WHERE lead;
