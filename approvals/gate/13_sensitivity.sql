-- sensitivity: every dataset version above is reviewed, nothing is unknown, what is there has its legal ground, what is
-- forbidden is absent or treated, no feature is a column that was excluded from training, and wherever a flag arrives by
-- column lineage a data steward has answered for it.
CREATE OR REPLACE FUNCTION muniment.gate_sensitivity(c muniment.gate_context, p_params jsonb) RETURNS muniment.gate_answer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_features text[] := (SELECT features_used FROM public.lineage_modelversion WHERE id = c.model_version_id);
  v_forbidden text[] := ARRAY(SELECT jsonb_array_elements_text(coalesce(p_params -> 'forbidden_categories', '[]')));
  v_problems jsonb := '[]';
  v_flags bigint[];
  v_looked_at bigint[];
  v_versions bigint[];
  v record;
  f public.lineage_sensitivityflag%ROWTYPE;
  v_base jsonb;
BEGIN
  IF cardinality(c.closure) = 0 THEN
    v_problems := v_problems || muniment.problem('training-data-missing', jsonb_build_object('model', c.model_name));
  END IF;
  SELECT coalesce(array_agg(a.id), '{}'),
         coalesce(array_agg(a.id) FILTER (WHERE a.present <> 'no' OR a.assessment <> 'reviewed' OR a.excluded_from_training), '{}'),
         ARRAY(SELECT unnest(c.closure) EXCEPT SELECT unnest(array_agg(a.dataset_version_id)))
           || coalesce(array_agg(a.dataset_version_id) FILTER (
                WHERE a.present <> 'no' OR a.assessment <> 'reviewed' OR a.excluded_from_training), '{}')
    INTO v_flags, v_looked_at, v_versions FROM (
      SELECT DISTINCT ON (n.dataset_version_id, n."column", n.category) n.id, n.dataset_version_id, n.present, n.assessment,
             n.excluded_from_training
      FROM public.lineage_sensitivityflag n WHERE n.dataset_version_id = ANY (c.closure)
      ORDER BY n.dataset_version_id, n."column", n.category, n.id DESC) a;
  -- Reviewed, absent and not excluded: nothing finds fault with it, and most answers are so. The others one by one.
  IF cardinality(v_versions) > 0 THEN
    FOR v IN
      SELECT x.id, x.label, d.name, t.legal_basis, t.special_condition, a.id AS flag_id, a AS flag
      FROM public.lineage_datasetversion x JOIN public.lineage_dataset d ON d.id = x.dataset_id
      LEFT JOIN muniment.terms_standing(c.datasets, c.at) s ON s.dataset_id = d.id AND s.in_force
      LEFT JOIN public.lineage_collectionterms t ON t.id = s.terms_id
      LEFT JOIN public.lineage_sensitivityflag a ON a.dataset_version_id = x.id AND a.id = ANY (v_looked_at)
      WHERE x.id = ANY (v_versions) ORDER BY x.id, a."column", a.category
    LOOP
      f := v.flag;
      v_base := jsonb_build_object('dataset', v.name, 'version', v.label, 'dataset_version', v.id);
      IF v.flag_id IS NULL THEN
        v_problems := v_problems || muniment.problem('flags-missing', v_base);
        CONTINUE;
      END IF;
      v_problems := v_problems || muniment.flag_problems(f, v_base || jsonb_build_object(
          'column', f."column", 'category', f.category, 'flag', f.id),
        coalesce(v.legal_basis, ''), coalesce(v.special_condition, ''), v_features);
      IF f.present = 'yes' AND f.treatment = 'none' AND muniment.terms_above('personal-data', f.category) && v_forbidden
         AND NOT muniment.answered_in(c.training, f.category, v.id) THEN
        v_problems := v_problems || muniment.problem('category-forbidden', v_base || jsonb_build_object(
          'column', f."column", 'category', f.category, 'flag', f.id));
      END IF;
    END LOOP;
  END IF;
  v_problems := v_problems || muniment.travel_problems(c.closure);
  RETURN muniment.answered('sensitivity-met', jsonb_build_object('versions', cardinality(c.closure)), v_problems,
    (
    SELECT coalesce(jsonb_agg(jsonb_build_object('kind', 'flag', 'id', x)), '[]') FROM unnest(v_flags) x));
END $$;

-- Columns that a flag has reached and no steward has answered for: of one category the oldest flag that is there.
CREATE OR REPLACE FUNCTION muniment.travel_problems(p_closure bigint[]) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_agg(muniment.problem('flag-travelled', jsonb_build_object(
             'dataset', d.name, 'version', v.label, 'dataset_version', v.id, 'column', t.col, 'category', t.category,
             'flag', t.flag_id, 'from_dataset', o.name, 'from_version', x.label, 'from_dataset_version', x.id, 'from_column', f."column"))
             ORDER BY v.id, t.col, t.category), '[]')
    FROM (SELECT DISTINCT ON (a.dataset_version_id, a.col, a.category) a.* FROM muniment.flags_travelled(p_closure) a
          WHERE NOT a.origin AND NOT a.answered ORDER BY a.dataset_version_id, a.col, a.category, a.flag_id) t
    JOIN public.lineage_datasetversion v ON v.id = t.dataset_version_id
    JOIN public.lineage_dataset d ON d.id = v.dataset_id
    JOIN public.lineage_sensitivityflag f ON f.id = t.flag_id
    JOIN public.lineage_datasetversion x ON x.id = f.dataset_version_id
    JOIN public.lineage_dataset o ON o.id = x.dataset_id);
END $$;

-- What stands in one answer by itself.
CREATE OR REPLACE FUNCTION muniment.flag_problems(f public.lineage_sensitivityflag, p_base jsonb, legal_basis text, special_condition text,
                                                  features text[]) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_problems jsonb := '[]';
BEGIN
  IF f.present = 'unknown' THEN
    v_problems := v_problems || muniment.problem('flag-unknown', p_base);
  END IF;
  IF f.assessment <> 'reviewed' THEN
    v_problems := v_problems || muniment.problem('flag-not-reviewed', p_base);
  END IF;
  -- Anonymised or dropped data is no personal data any more; masked and pseudonymised data still is.
  IF f.present = 'yes' AND f.treatment NOT IN ('anonymised', 'dropped') THEN
    IF legal_basis = '' THEN
      v_problems := v_problems || muniment.problem('legal-basis-missing', p_base);
    END IF;
    IF f.special_category AND special_condition = '' THEN
      v_problems := v_problems || muniment.problem('special-condition-missing', p_base);
    END IF;
  END IF;
  IF f.excluded_from_training AND f."column" <> '' AND f."column" = ANY (features) THEN
    v_problems := v_problems || muniment.problem('excluded-column-used', p_base);
  END IF;
  RETURN v_problems;
END $$;

-- A forbidden category that is present upstream is no gap if each training version says of itself that it is absent or
-- treated there; where the version with the category is itself trained on, nothing else can speak for it.
CREATE OR REPLACE FUNCTION muniment.answered_in(training bigint[], p_category text, at_version bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT NOT at_version = ANY (training) AND NOT EXISTS (
    SELECT 1 FROM unnest(training) t (id) WHERE NOT EXISTS (
      SELECT 1 FROM muniment.flags_in_force(t.id) f
      WHERE f.category = p_category AND (f.present = 'no' OR (f.present = 'yes' AND f.treatment <> 'none'))))
$$;
