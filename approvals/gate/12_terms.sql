-- terms: for each dataset above the version, terms in force that permit this purpose, in these places, still.

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

-- What stands in one set of terms against a use: [] where nothing does.
CREATE OR REPLACE FUNCTION muniment.terms_problems(t public.lineage_collectionterms, dataset text, purpose text,
                                                   places text[], at timestamptz)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_base jsonb := jsonb_build_object('dataset', dataset, 'dataset_id', t.dataset_id, 'terms', t.id, 'number', t.number);
  v_problems jsonb := '[]';
  v_place text;
BEGIN
  IF purpose = ANY (t.forbidden_purposes) THEN
    v_problems := v_problems || muniment.problem('purpose-forbidden', v_base || jsonb_build_object('purpose', purpose));
  ELSIF purpose <> '' AND NOT purpose = ANY (t.permitted_purposes) THEN
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
  IF t.effective_from + make_interval(days => t.storage_duration_days) <= at THEN
    v_problems := v_problems || muniment.problem('retention-over', v_base || jsonb_build_object(
      'days', t.storage_duration_days));
  END IF;
  RETURN v_problems;
END $$;

CREATE OR REPLACE FUNCTION muniment.gate_terms(c muniment.gate_context, p_params jsonb) RETURNS muniment.gate_answer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  d record;
  v_problems jsonb := '[]';
  v_rests jsonb[] := '{}';
  v_over text[] := muniment.codes_over_all(c.geographies);
BEGIN
  IF c.purpose = '' THEN
    v_problems := v_problems || muniment.problem('purpose-missing', jsonb_build_object('model', c.model_name));
  END IF;
  IF cardinality(c.datasets) = 0 THEN
    v_problems := v_problems || muniment.problem('training-data-missing', jsonb_build_object('model', c.model_name));
  END IF;
  FOR d IN
    SELECT s.id, s.name, t.id AS terms, t.number, t.document_digest, t AS found, x.in_force, x.withdrawn,
           -- Most terms permit the use plainly; only the others are gone through one by one.
           c.purpose = ANY (t.permitted_purposes) AND NOT c.purpose = ANY (t.forbidden_purposes)
             AND cardinality(t.forbidden_geographies) = 0
             AND (cardinality(t.permitted_geographies) = 0 OR t.permitted_geographies::text[] && v_over)
             AND t.legal_basis <> 'eu-gdpr:A6-1-a' AND t.storage_duration_days IS NULL AS plain
    FROM public.lineage_dataset s
    LEFT JOIN muniment.terms_standing(c.datasets, c.at) x ON x.dataset_id = s.id
    LEFT JOIN public.lineage_collectionterms t ON t.id = x.terms_id
    WHERE s.id = ANY (c.datasets) ORDER BY s.id
  LOOP
    -- A withdrawal counts whatever its clock says: a clock set back must not hide it.
    IF d.in_force AND NOT d.withdrawn THEN
      IF d.plain IS NOT TRUE THEN
        v_problems := v_problems || muniment.terms_problems(d.found, d.name, c.purpose, c.geographies, c.at);
      END IF;
      v_rests := v_rests || jsonb_build_object('kind', 'terms', 'id', d.terms, 'digest', d.document_digest);
      CONTINUE;
    END IF;
    v_problems := v_problems || CASE
      WHEN d.terms IS NULL THEN muniment.problem('terms-missing', jsonb_build_object('dataset', d.name, 'dataset_id', d.id))
      ELSE muniment.problem(CASE WHEN d.withdrawn THEN 'terms-withdrawn' ELSE 'terms-over' END, jsonb_build_object(
          'dataset', d.name, 'dataset_id', d.id, 'terms', d.terms, 'number', d.number)) END;
  END LOOP;
  RETURN muniment.answered('terms-met', jsonb_build_object('datasets', cardinality(c.datasets), 'purpose', c.purpose),
    v_problems, to_jsonb(v_rests));
END $$;
