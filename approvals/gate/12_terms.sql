-- terms: for each dataset above the version, terms in force that permit this purpose, in these places, still.

CREATE OR REPLACE FUNCTION muniment.bloc_members(bloc text) RETURNS text[] LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE bloc
    WHEN 'EU' THEN string_to_array('AT,BE,BG,CY,CZ,DE,DK,EE,ES,FI,FR,GR,HR,HU,IE,IT,LT,LU,LV,MT,NL,PL,PT,RO,SE,SI,SK', ',')
    WHEN 'EEA' THEN string_to_array('EU,AT,BE,BG,CY,CZ,DE,DK,EE,ES,FI,FR,GR,HR,HU,IE,IS,IT,LI,LT,LU,LV,MT,NL,NO,PL,PT,RO,SE,SI,SK', ',')
    ELSE '{}' END
$$;

-- Whether a place (ISO 3166 code or bloc) lies wholly within one of the places listed.
CREATE OR REPLACE FUNCTION muniment.lies_within(place text, listed text[]) RETURNS boolean LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT place = ANY (listed) OR split_part(place, '-', 1) = ANY (listed)
    OR EXISTS (SELECT 1 FROM unnest(listed) l
               WHERE split_part(place, '-', 1) = ANY (muniment.bloc_members(l)))
$$;

-- Whether a place has anything in common with one of the places listed.
CREATE OR REPLACE FUNCTION muniment.touches(place text, listed text[]) RETURNS boolean LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT muniment.lies_within(place, listed)
    OR EXISTS (SELECT 1 FROM unnest(listed) l WHERE muniment.lies_within(l, ARRAY[place])
                 OR muniment.bloc_members(l) && muniment.bloc_members(place))
$$;

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
    IF muniment.touches(v_place, t.forbidden_geographies) THEN
      v_problems := v_problems || muniment.problem('geography-forbidden', v_base || jsonb_build_object('place', v_place));
    ELSIF cardinality(t.permitted_geographies) > 0 AND NOT muniment.lies_within(v_place, t.permitted_geographies) THEN
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
  t public.lineage_collectionterms%ROWTYPE;
  v_problems jsonb := '[]';
  v_rests jsonb := '[]';
BEGIN
  IF c.purpose = '' THEN
    v_problems := v_problems || muniment.problem('purpose-missing', jsonb_build_object('model', c.model_name));
  END IF;
  IF cardinality(c.datasets) = 0 THEN
    v_problems := v_problems || muniment.problem('training-data-missing', jsonb_build_object('model', c.model_name));
  END IF;
  FOR d IN SELECT s.id, s.name FROM public.lineage_dataset s WHERE s.id = ANY (c.datasets) ORDER BY s.id LOOP
    SELECT * INTO t FROM public.lineage_collectionterms WHERE id = muniment.terms_in_force(d.id, c.at);
    -- A withdrawal counts whatever its clock says: a clock set back must not hide it.
    IF FOUND AND NOT EXISTS (SELECT 1 FROM public.lineage_termswithdrawal w WHERE w.terms_id = t.id) THEN
      v_problems := v_problems || muniment.terms_problems(t, d.name, c.purpose, c.geographies, c.at);
      v_rests := v_rests || jsonb_build_object('kind', 'terms', 'id', t.id, 'digest', t.document_digest);
      CONTINUE;
    END IF;
    SELECT * INTO t FROM public.lineage_collectionterms x
      WHERE x.dataset_id = d.id AND x.effective_from <= c.at ORDER BY x.number DESC LIMIT 1;
    v_problems := v_problems || CASE
      WHEN t.id IS NULL THEN muniment.problem('terms-missing', jsonb_build_object('dataset', d.name, 'dataset_id', d.id))
      WHEN EXISTS (SELECT 1 FROM public.lineage_termswithdrawal w WHERE w.terms_id = t.id) THEN
        muniment.problem('terms-withdrawn', jsonb_build_object(
          'dataset', d.name, 'dataset_id', d.id, 'terms', t.id, 'number', t.number))
      ELSE muniment.problem('terms-over', jsonb_build_object(
          'dataset', d.name, 'dataset_id', d.id, 'terms', t.id, 'number', t.number)) END;
  END LOOP;
  RETURN muniment.answered('terms-met', jsonb_build_object('datasets', cardinality(c.datasets), 'purpose', c.purpose),
    v_problems, v_rests);
END $$;
