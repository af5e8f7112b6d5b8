-- May data be used for this purpose, in these places? Asked by the gate for everything a model version was made from, and
-- by `GET /api/v1/use` for a dataset before anything is trained on it.

-- One gap, in a stable code with what Python needs to say it (approvals/gate/messages.py).
CREATE OR REPLACE FUNCTION muniment.problem(reason text, params jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object('reason', reason, 'params', params)
$$;

-- Every code that a place (ISO 3166 code or bloc) lies wholly within, itself first.
CREATE OR REPLACE FUNCTION muniment.codes_over(place text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_country text := split_part(place, '-', 1);
BEGIN
  RETURN ARRAY[place, v_country] || CASE
    WHEN v_country = ANY ('{AT,BE,BG,CY,CZ,DE,DK,EE,ES,FI,FR,GR,HR,HU,IE,IT,LT,LU,LV,MT,NL,PL,PT,RO,SE,SI,SK}'::text[])
      THEN '{EU,EEA}'::text[]
    WHEN v_country = ANY ('{EU,IS,LI,NO}'::text[]) THEN '{EEA}'::text[]
    ELSE '{}'::text[] END;
END $$;

-- The codes that all of the places lie within.
CREATE OR REPLACE FUNCTION muniment.codes_over_all(places text[]) RETURNS text[] LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_place text;
  v_common text[];
BEGIN
  FOREACH v_place IN ARRAY places LOOP
    v_common := CASE WHEN v_common IS NULL THEN muniment.codes_over(v_place)
      ELSE ARRAY(SELECT unnest(v_common) INTERSECT SELECT unnest(muniment.codes_over(v_place))) END;
  END LOOP;
  RETURN coalesce(v_common, '{}');
END $$;

-- Whether a place has anything in common with one of the places listed: lies within it, or holds it.
CREATE OR REPLACE FUNCTION muniment.touches(place text, listed text[]) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_listed text;
BEGIN
  IF muniment.codes_over(place) && listed THEN
    RETURN true;
  END IF;
  FOREACH v_listed IN ARRAY listed LOOP
    IF place = ANY (muniment.codes_over(v_listed)) THEN
      RETURN true;
    END IF;
  END LOOP;
  RETURN false;
END $$;

-- When retention is over; NULL: never. Years that no clock can show (a million days are 2,700 years) count as never.
CREATE OR REPLACE FUNCTION muniment.kept_until(since timestamptz, days integer) RETURNS timestamptz LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT since + make_interval(days => CASE WHEN days <= 1000000 THEN days END)
$$;

-- What stands in one set of terms against a use: [] where nothing does.
CREATE OR REPLACE FUNCTION muniment.terms_problems(t public.lineage_collectionterms, dataset text, purpose text,
                                                   places text[], at timestamptz)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_base jsonb := jsonb_build_object('dataset', dataset, 'dataset_id', t.dataset_id, 'terms', t.id, 'number', t.number);
  v_over text[] := muniment.terms_above('purpose', purpose);
  v_problems jsonb := '[]';
  v_place text;
BEGIN
  -- What is forbidden is forbidden with everything narrower; what is permitted, only where the terms say so.
  IF v_over && t.forbidden_purposes::text[] THEN
    v_problems := v_problems || muniment.problem('purpose-forbidden', v_base || jsonb_build_object('purpose', purpose));
  ELSIF purpose <> '' AND NOT purpose = ANY (t.permitted_purposes)
        AND NOT (t.permits_narrower AND v_over && t.permitted_purposes::text[]) THEN
    v_problems := v_problems || muniment.problem('purpose-not-permitted', v_base || jsonb_build_object(
      'purpose', purpose, 'permitted', to_jsonb(t.permitted_purposes)));
  END IF;
  IF cardinality(places) = 0 AND cardinality(t.permitted_geographies || t.forbidden_geographies) > 0 THEN
    v_problems := v_problems || muniment.problem('geography-missing', v_base);
  END IF;
  FOREACH v_place IN ARRAY places LOOP
    IF cardinality(t.forbidden_geographies) > 0 AND muniment.touches(v_place, t.forbidden_geographies) THEN
      v_problems := v_problems || muniment.problem('geography-forbidden', v_base || jsonb_build_object('place', v_place));
    ELSIF cardinality(t.permitted_geographies) > 0 AND NOT muniment.codes_over(v_place) && t.permitted_geographies::text[] THEN
      v_problems := v_problems || muniment.problem('geography-not-permitted', v_base || jsonb_build_object(
        'place', v_place, 'permitted', to_jsonb(t.permitted_geographies)));
    END IF;
  END LOOP;
  IF t.legal_basis = 'eu-gdpr:A6-1-a' AND t.consent_status NOT IN ('dpv:ConsentGiven', 'dpv:RenewedConsentGiven') THEN
    v_problems := v_problems || muniment.problem('consent-not-given', v_base || jsonb_build_object(
      'consent', t.consent_status));
  END IF;
  IF muniment.kept_until(t.effective_from, t.storage_duration_days) <= at THEN
    v_problems := v_problems || muniment.problem('retention-over', v_base || jsonb_build_object(
      'days', t.storage_duration_days));
  END IF;
  RETURN v_problems;
END $$;

-- Every dataset version, model version and run that records were made from, themselves first. The edges are those of
-- closure_of_model_version (20_closure.sql), which begins at a model version; a test holds the two equal.
CREATE OR REPLACE FUNCTION muniment.records_above(dataset_versions bigint[], model_versions bigint[])
RETURNS TABLE (kind text, id bigint) LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_count bigint;
BEGIN
  RETURN QUERY
    WITH RECURSIVE up (kind, id) AS (
      (SELECT 'dataset_version', d FROM unnest(records_above.dataset_versions) d
       UNION ALL SELECT 'model_version', m FROM unnest(records_above.model_versions) m)
      UNION
      SELECT n.kind, n.id FROM up CROSS JOIN LATERAL (
        SELECT 'run', o.run_id FROM muniment.run_outputs o
          WHERE up.kind = 'dataset_version' AND o.dataset_version_id = up.id
        UNION ALL
        SELECT 'run', o.run_id FROM muniment.run_outputs o
          WHERE up.kind = 'model_version' AND o.model_version_id = up.id
        UNION ALL
        SELECT 'run', v.source_run_id FROM public.lineage_modelversion v
          WHERE up.kind = 'model_version' AND v.id = up.id AND v.source_run_id IS NOT NULL
        UNION ALL
        SELECT 'model_version', v.parent_version_id FROM public.lineage_modelversion v
          WHERE up.kind = 'model_version' AND v.id = up.id AND v.parent_version_id IS NOT NULL
        UNION ALL
        SELECT 'dataset_version', i.dataset_version_id FROM muniment.run_inputs i
          WHERE up.kind = 'run' AND i.run_id = up.id AND i.dataset_version_id IS NOT NULL
        UNION ALL
        SELECT 'model_version', i.model_version_id FROM muniment.run_inputs i
          WHERE up.kind = 'run' AND i.run_id = up.id AND i.model_version_id IS NOT NULL AND i.role <> 'baseline'
      ) AS n (kind, id)
    )
    SELECT up.kind, up.id FROM up LIMIT 50001;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count > 50000 THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', MESSAGE = 'More than 50,000 records lie upstream of this dataset version.',
      DETAIL = 'closure-too-large', HINT = 'Register what it was made from in fewer steps, as a version of its own.';
  END IF;
END $$;

CREATE OR REPLACE FUNCTION muniment.closure_of_dataset_version(dataset_version bigint)
RETURNS TABLE (kind text, id bigint) LANGUAGE sql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.kind, c.id FROM muniment.records_above(ARRAY[dataset_version], '{}') c
$$;

-- What a model version was made from at first hand: the runs it came out of, what they read other than to compare, and the
-- version it was tuned from. What lies above these, and they, is all that lies above it.
CREATE OR REPLACE FUNCTION muniment.made_from(model_version bigint)
RETURNS TABLE (runs bigint[], dataset_versions bigint[], model_versions bigint[]) LANGUAGE plpgsql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  runs := ARRAY(
    SELECT v.source_run_id FROM public.lineage_modelversion v WHERE v.id = model_version AND v.source_run_id IS NOT NULL
    UNION SELECT o.run_id FROM muniment.run_outputs o WHERE o.model_version_id = model_version ORDER BY 1);
  dataset_versions := ARRAY(
    SELECT DISTINCT i.dataset_version_id FROM muniment.run_inputs i
    WHERE i.run_id = ANY (runs) AND i.dataset_version_id IS NOT NULL ORDER BY 1);
  model_versions := ARRAY(
    SELECT i.model_version_id FROM muniment.run_inputs i
    WHERE i.run_id = ANY (runs) AND i.model_version_id IS NOT NULL AND i.role <> 'baseline'
    UNION SELECT v.parent_version_id FROM public.lineage_modelversion v
    WHERE v.id = model_version AND v.parent_version_id IS NOT NULL ORDER BY 1);
  RETURN NEXT;
END $$;

-- The datasets of a dataset version and of everything it was made from, over model versions too.
CREATE OR REPLACE FUNCTION muniment.datasets_above(dataset_version bigint) RETURNS bigint[] LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT array_agg(DISTINCT v.dataset_id ORDER BY v.dataset_id)
  FROM muniment.closure_of_dataset_version(dataset_version) c
  JOIN public.lineage_datasetversion v ON c.kind = 'dataset_version' AND v.id = c.id
$$;

-- Each dataset version that one was made from, itself among them: whether its origin is what it was made from (it then owes
-- its digest only), and what provenance it lacks.
CREATE OR REPLACE FUNCTION muniment.completeness_above(dataset_version bigint)
RETURNS TABLE (id bigint, derived boolean, missing text[]) LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_versions bigint[];
  v_models bigint[];
  v_derived bigint[];
BEGIN
  SELECT coalesce(array_agg(c.id) FILTER (WHERE c.kind = 'dataset_version'), '{}'),
         coalesce(array_agg(c.id) FILTER (WHERE c.kind = 'model_version'), '{}')
    INTO v_versions, v_models FROM muniment.closure_of_dataset_version(completeness_above.dataset_version) c;
  v_derived := ARRAY(SELECT o FROM muniment.with_origin_above(v_versions, v_models) AS o);
  RETURN QUERY SELECT g.id, g.id = ANY (v_derived), g.missing FROM muniment.provenance_gaps(v_versions, v_models) g;
END $$;

-- What stands in one set of terms against keeping the data in places: [] where nothing does.
CREATE OR REPLACE FUNCTION muniment.storage_problems(t public.lineage_collectionterms, dataset text, storage text[])
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_base jsonb := jsonb_build_object('dataset', dataset, 'dataset_id', t.dataset_id, 'terms', t.id, 'number', t.number);
  v_problems jsonb := '[]';
  v_place text;
BEGIN
  FOREACH v_place IN ARRAY storage LOOP
    IF cardinality(t.forbidden_storage_geographies) > 0
       AND muniment.touches(v_place, t.forbidden_storage_geographies) THEN
      v_problems := v_problems || muniment.problem('storage-forbidden', v_base || jsonb_build_object('place', v_place));
    ELSIF cardinality(t.permitted_storage_geographies) > 0
          AND NOT muniment.codes_over(v_place) && t.permitted_storage_geographies::text[] THEN
      v_problems := v_problems || muniment.problem('storage-not-permitted', v_base || jsonb_build_object(
        'place', v_place, 'permitted', to_jsonb(t.permitted_storage_geographies)));
    END IF;
  END LOOP;
  RETURN v_problems;
END $$;

-- What stands at a moment against using all of the datasets for a purpose in places, and keeping them in others: [] where
-- nothing does.
DROP FUNCTION IF EXISTS muniment.use_problems(bigint[], text, text[], timestamptz);
CREATE OR REPLACE FUNCTION muniment.use_problems(datasets bigint[], purpose text, places text[], storage text[], at timestamptz)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' AS $$
DECLARE
  d record;
  v_problems jsonb := '[]';
BEGIN
  FOR d IN
    SELECT s.id, s.name, t AS found, t.id AS terms, t.number, x.in_force, x.withdrawn FROM public.lineage_dataset s
    LEFT JOIN muniment.terms_standing(use_problems.datasets, use_problems.at) x ON x.dataset_id = s.id
    LEFT JOIN public.lineage_collectionterms t ON t.id = x.terms_id
    WHERE s.id = ANY (use_problems.datasets) ORDER BY s.id
  LOOP
    v_problems := v_problems || CASE
      WHEN d.terms IS NULL THEN muniment.problem('terms-missing', jsonb_build_object('dataset', d.name, 'dataset_id', d.id))
      -- A withdrawal counts whatever its clock says: a clock set back must not hide it.
      WHEN d.withdrawn OR NOT d.in_force THEN
        muniment.problem(CASE WHEN d.withdrawn THEN 'terms-withdrawn' ELSE 'terms-over' END, jsonb_build_object(
          'dataset', d.name, 'dataset_id', d.id, 'terms', d.terms, 'number', d.number))
      ELSE muniment.terms_problems(d.found, d.name, use_problems.purpose, use_problems.places, use_problems.at)
        || muniment.storage_problems(d.found, d.name, use_problems.storage) END;
  END LOOP;
  RETURN v_problems;
END $$;

-- The first moment from which what is permitted now is known to be permitted no longer: terms run out, retention is over,
-- or other terms begin. NULL: no such moment is on record.
DROP FUNCTION IF EXISTS muniment.use_until(bigint[], text, text[], timestamptz);
CREATE OR REPLACE FUNCTION muniment.use_until(datasets bigint[], purpose text, places text[], storage text[], at timestamptz)
RETURNS timestamptz LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' AS $$
DECLARE
  v_moment timestamptz;
BEGIN
  FOR v_moment IN
    SELECT DISTINCT m.moment FROM public.lineage_collectionterms t
    CROSS JOIN LATERAL (VALUES (t.effective_from), (t.effective_to),
                               (muniment.kept_until(t.effective_from, t.storage_duration_days))) AS m (moment)
    WHERE t.dataset_id = ANY (use_until.datasets) AND m.moment > use_until.at AND m.moment < '9999-01-01'  -- Python's end
    ORDER BY 1
  LOOP
    IF muniment.use_problems(use_until.datasets, use_until.purpose, use_until.places, use_until.storage, v_moment) <> '[]' THEN
      RETURN v_moment;
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
