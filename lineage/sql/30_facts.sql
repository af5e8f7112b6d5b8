-- Questions about facts that the gate, the pages and the API ask alike.

-- Questions about many records take them as one array: a function called for each of fifty ancestors cost the gate ten
-- times what one query costs. The hot ones are PL/pgSQL, whose plans last for the session.

-- Names of the required provenance fields that are blank, per dataset version. A version that a run produced from other
-- records has its origin there and owes its digest only; a run that read nothing explains nothing, and counts for no origin.
CREATE OR REPLACE FUNCTION muniment.provenance_gaps(dataset_versions bigint[], model_versions bigint[] DEFAULT '{}')
RETURNS TABLE (id bigint, missing text[])
LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_derived bigint[] := '{}';
BEGIN
  -- Where everything says where it comes from, nobody needs to know what was made from what.
  IF EXISTS (SELECT 1 FROM public.lineage_datasetversion v WHERE v.id = ANY (dataset_versions) AND (
               btrim(v.source) = '' OR btrim(v.origin) = '' OR v.origin_geography = '' OR v.date IS NULL
               OR v.generation_period_start IS NULL OR v.generation_period_end IS NULL OR btrim(v.generation_method) = '')) THEN
    v_derived := ARRAY(SELECT o FROM muniment.with_origin_above(dataset_versions, model_versions) AS o);
  END IF;
  RETURN QUERY
    SELECT v.id, array_remove(ARRAY[
        CASE WHEN v.digest_value = '' THEN 'digest' END,
        CASE WHEN NOT derived.yes AND btrim(v.source) = '' THEN 'source' END,
        CASE WHEN NOT derived.yes AND btrim(v.origin) = '' THEN 'origin' END,
        CASE WHEN NOT derived.yes AND v.origin_geography = '' THEN 'origin_geography' END,
        CASE WHEN NOT derived.yes AND v.date IS NULL THEN 'date' END,
        CASE WHEN NOT derived.yes AND (v.generation_period_start IS NULL OR v.generation_period_end IS NULL)
          THEN 'generation_period' END,
        CASE WHEN NOT derived.yes AND btrim(v.generation_method) = '' THEN 'generation_method' END
      ], NULL)
    FROM public.lineage_datasetversion v
    CROSS JOIN LATERAL (SELECT v.id = ANY (v_derived) AS yes) derived
    WHERE v.id = ANY (dataset_versions);
END $$;

CREATE OR REPLACE FUNCTION muniment.provenance_missing(dataset_version bigint) RETURNS text[] LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT g.missing FROM muniment.provenance_gaps(ARRAY[dataset_version]) g
$$;

-- The terms with the highest number begun by a moment, per dataset that has any; whether they are in force then, and
-- whether they were ever withdrawn. Older terms were superseded and do not come back: a withdrawal must never widen what
-- is permitted.
CREATE OR REPLACE FUNCTION muniment.terms_standing(datasets bigint[], at timestamptz)
RETURNS TABLE (dataset_id bigint, terms_id bigint, in_force boolean, withdrawn boolean)
LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT d.id, t.id,
           (t.effective_to IS NULL OR terms_standing.at < t.effective_to)
             AND (w.id IS NULL OR w.recorded_at > terms_standing.at),
           w.id IS NOT NULL
    FROM (SELECT DISTINCT x.id FROM unnest(datasets) AS x (id)) d
    CROSS JOIN LATERAL (
      SELECT c.id, c.effective_to FROM public.lineage_collectionterms c
      WHERE c.dataset_id = d.id AND c.effective_from <= terms_standing.at ORDER BY c.number DESC LIMIT 1
    ) t
    LEFT JOIN public.lineage_termswithdrawal w ON w.terms_id = t.id;
END $$;

-- The terms in force at a moment, unless ended or withdrawn by then: else NULL.
CREATE OR REPLACE FUNCTION muniment.terms_in_force(dataset bigint, at timestamptz) RETURNS bigint LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT t.terms_id FROM muniment.terms_standing(ARRAY[dataset], at) t WHERE t.in_force
$$;

-- The answers in force on dataset versions: the newest per version, column and category.
CREATE OR REPLACE FUNCTION muniment.flags_standing(dataset_versions bigint[])
RETURNS SETOF public.lineage_sensitivityflag LANGUAGE plpgsql STABLE ROWS 200
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    SELECT DISTINCT ON (f.dataset_version_id, f."column", f.category) f.* FROM public.lineage_sensitivityflag f
    WHERE f.dataset_version_id = ANY (dataset_versions)
    ORDER BY f.dataset_version_id, f."column", f.category, f.id DESC;
END $$;

CREATE OR REPLACE FUNCTION muniment.flags_in_force(dataset_version bigint)
RETURNS SETOF public.lineage_sensitivityflag LANGUAGE sql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
  SELECT f.* FROM muniment.flags_standing(ARRAY[dataset_version]) f
$$;

-- Who had a hand in a model version, as persons: a service account stands for the one who answers for it, at any time.
-- `why`: registered (this version), trained (its runs and their links, also those voided since), edited (the model's record,
-- a version's tags, description and later facts, a correction of a link of its runs), owner, former owner (at
-- any time: handing a model over must not lend it a judge). Work on data
-- upstream does not count: else the steward who reviews a dataset could sign for no model made from it.
CREATE OR REPLACE FUNCTION muniment.contributors(model_version bigint)
RETURNS TABLE (person_id bigint, why text) LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH runs AS MATERIALIZED (
    SELECT v.source_run_id AS id FROM public.lineage_modelversion v
      WHERE v.id = model_version AND v.source_run_id IS NOT NULL
    UNION
    SELECT o.run_id FROM public.lineage_runoutput o WHERE o.model_version_id = model_version
  ), hands (principal, why) AS (
    SELECT v.recorded_by_id, 'registered' FROM public.lineage_modelversion v WHERE v.id = model_version
    UNION
    SELECT h.history_user_id, 'trained' FROM runs JOIN public.lineage_historicalrun h ON h.id = runs.id
    UNION
    SELECT i.recorded_by_id, 'trained' FROM runs JOIN public.lineage_runinput i ON i.run_id = runs.id
    UNION
    SELECT o.recorded_by_id, 'trained' FROM runs JOIN public.lineage_runoutput o ON o.run_id = runs.id
    UNION
    SELECT k.recorded_by_id, 'edited' FROM runs JOIN public.lineage_linkcorrection k ON k.run_id = runs.id
    UNION
    SELECT h.history_user_id, 'edited' FROM public.lineage_modelversion v
      JOIN public.lineage_historicalmodel h ON h.id = v.model_id WHERE v.id = model_version
    UNION
    SELECT a.recorded_by_id, 'edited' FROM public.lineage_modelversiontag a WHERE a.model_version_id = model_version
    UNION
    SELECT a.recorded_by_id, 'edited' FROM public.lineage_modelversiondescription a
      WHERE a.model_version_id = model_version
    UNION
    SELECT a.recorded_by_id, 'edited' FROM public.lineage_modelversioncompletion a
      WHERE a.model_version_id = model_version
    UNION
    SELECT h.owner_id, CASE WHEN h.owner_id = m.owner_id THEN 'owner' ELSE 'former owner' END
      FROM public.lineage_modelversion v JOIN public.lineage_model m ON m.id = v.model_id
      JOIN public.lineage_historicalmodel h ON h.id = m.id
      WHERE v.id = model_version AND h.owner_id IS NOT NULL
  )
  SELECT DISTINCT p.person, h.why FROM hands h CROSS JOIN LATERAL (
    SELECT h.principal AS person WHERE NOT EXISTS (
      SELECT 1 FROM public.governance_principal q WHERE q.id = h.principal AND q.kind IN ('service', 'system'))
    UNION
    -- Whoever answered for the account at any time: handing it over afterwards must not launder the work.
    SELECT q.responsible_id FROM public.governance_historicalprincipal q
      WHERE q.id = h.principal AND q.responsible_id IS NOT NULL
  ) p;
END $$;
