-- Finds of personal data: masked always, and never without the flag that keeps the gate closed until a steward answers.

-- Whether a text shows no more of a value than a mask may: of an address its first character and the ending of its
-- domain, of a date of birth the year, of anything else two characters (governance/client/muniment_personal.py).
CREATE OR REPLACE FUNCTION muniment.is_masked(p_text text) RETURNS boolean LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT p_text ~ '•' AND (
    p_text ~ '^[^•@[:space:]]?•{3}@•{3}[.][^•@.[:space:][:digit:]]{2,24}$' OR p_text ~ '^([0-9]{4}|••••)-••-••$'
    OR (length(p_text) <= 24 AND length(regexp_replace(p_text, '[• ()+./:,;_-]', '', 'g')) <= 2))
$$;

CREATE OR REPLACE FUNCTION muniment.personal_data_find_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_dataset bigint := (SELECT v.dataset_id FROM public.lineage_datasetversion v WHERE v.id = NEW.dataset_version_id);
  v_flag public.lineage_sensitivityflag%ROWTYPE;
BEGIN
  PERFORM muniment.lock_roots(ARRAY['dataset'], ARRAY[v_dataset], true);
  NEW.recorded_at := clock_timestamp();
  IF NOT EXISTS (SELECT 1 FROM public.lineage_dataprofile p
                 WHERE p.id = NEW.profile_id AND p.dataset_version_id = NEW.dataset_version_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'profile-of-another', TABLE = TG_TABLE_NAME, COLUMN = 'profile_id',
      MESSAGE = 'The profile is of another dataset version.', HINT = 'Name a profile of this version.';
  END IF;
  SELECT f.* INTO v_flag FROM public.lineage_sensitivityflag f
    WHERE f.dataset_version_id = NEW.dataset_version_id AND f."column" = NEW."column" AND f.category = NEW.category
    ORDER BY f.id DESC LIMIT 1;
  -- A "no" that no steward gave is no answer: the find raises the flag first.
  IF v_flag.id IS DISTINCT FROM NEW.flag_id OR (v_flag.present = 'no' AND v_flag.assessment <> 'reviewed') THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'find-without-flag', TABLE = TG_TABLE_NAME, COLUMN = 'flag_id',
      MESSAGE = 'A find stands with the flag in force on its column and category, which says it may be there, or is a steward''s answer.',
      HINT = 'Raise the flag first.';
  END IF;
  IF cardinality(NEW.examples) > 5
     OR EXISTS (SELECT 1 FROM unnest(NEW.examples) e (one) WHERE NOT coalesce(muniment.is_masked(e.one), false)) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'example-not-masked', TABLE = TG_TABLE_NAME, COLUMN = 'examples',
      MESSAGE = 'Examples of personal data are masked with •, at most five of them.', HINT = 'Mask them, or leave them out.';
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_rules ON public.lineage_personaldatafind;
CREATE TRIGGER r_rules BEFORE INSERT ON public.lineage_personaldatafind
  FOR EACH ROW EXECUTE FUNCTION muniment.personal_data_find_rules();
ALTER TABLE public.lineage_personaldatafind ENABLE ALWAYS TRIGGER r_rules;

-- A profile that speaks of personal data comes with its finds, in the same transaction: by whichever door, the flag is
-- raised before anybody can rest on the profile. And no profile brings a value as it is.
CREATE OR REPLACE FUNCTION muniment.finds_with_profile() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_column text;
BEGIN
  -- The ends of a range and the edges are values of some row, as the frequent ones are. Fractions name nobody.
  SELECT c.value ->> 'name' INTO v_column FROM jsonb_array_elements(NEW.columns) c
  WHERE c.value @? '$.personal[*]' AND EXISTS (
    SELECT 1 FROM jsonb_each(c.value) k
    WHERE (k.key = 'top' OR c.value ->> 'type' IN ('string', 'integer', 'date', 'timestamp') AND k.key IN ('min', 'max', 'edges', 'quantiles'))
      AND k.value NOT IN ('null', '[]', '{}'))
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'profile-with-values', TABLE = TG_TABLE_NAME, COLUMN = 'columns',
      MESSAGE = format('The column %s looks like personal data, and the profile keeps values of it.', v_column),
      HINT = 'Leave range, edges and frequent values of that column out.';
  END IF;
  SELECT c.value ->> 'name' INTO v_column
  FROM jsonb_array_elements(NEW.columns) c
  CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(c.value -> 'personal') WHEN 'array' THEN c.value -> 'personal' ELSE '[]' END) p
  WHERE NOT EXISTS (SELECT 1 FROM public.lineage_personaldatafind f
                    WHERE f.profile_id = NEW.id AND f."column" IN (c.value ->> 'name', '') AND f.pattern = p.value ->> 'pattern')
     OR EXISTS (SELECT 1 FROM jsonb_array_elements_text(
                  CASE jsonb_typeof(p.value -> 'examples') WHEN 'array' THEN p.value -> 'examples' ELSE '[]' END) e (one)
                WHERE NOT muniment.is_masked(e.one))
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'profile-without-finds', TABLE = TG_TABLE_NAME, COLUMN = 'columns',
      MESSAGE = format('The profile speaks of personal data in column %s, and no flag was raised for it, or an example is not masked.', v_column),
      HINT = 'Record the profile through the product: it raises the flags.';
  END IF;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS zz_finds ON public.lineage_dataprofile;
CREATE CONSTRAINT TRIGGER zz_finds AFTER INSERT ON public.lineage_dataprofile DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.columns @? '$[*].personal[*]') EXECUTE FUNCTION muniment.finds_with_profile();
ALTER TABLE public.lineage_dataprofile ENABLE ALWAYS TRIGGER zz_finds;
