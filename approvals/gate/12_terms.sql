-- terms: for each dataset above the version, terms in force that permit this purpose, in these places, still.
-- What stands in one set of terms against a use is worked out in lineage/sql/32_use.sql, for `GET /api/v1/use` too.
CREATE OR REPLACE FUNCTION muniment.gate_terms(c muniment.gate_context, p_params jsonb) RETURNS muniment.gate_answer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  d record;
  v_problems jsonb := '[]';
  v_rests jsonb[] := '{}';
  v_over text[] := muniment.codes_over_all(c.geographies);
  v_purposes text[] := muniment.terms_above('purpose', c.purpose);
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
           c.purpose = ANY (t.permitted_purposes) AND NOT v_purposes && t.forbidden_purposes::text[]
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
