-- What the server wrote with names of other namespaces in it, as someone reads it: what is not theirs to read keeps its place
-- and loses its name. The record itself stays whole. The app shows such columns by these (GovernedModel.masked).

-- Whether a record, by its kind as the gate names it, lies in a namespace that is not among those read.
CREATE OR REPLACE FUNCTION muniment.is_hidden(p_read bigint[], p_kind text, p_id bigint) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_table text := CASE p_kind
    WHEN 'dataset' THEN 'lineage_dataset' WHEN 'dataset_version' THEN 'lineage_datasetversion'
    WHEN 'terms' THEN 'lineage_collectionterms' WHEN 'flag' THEN 'lineage_sensitivityflag' WHEN 'run' THEN 'lineage_run'
    WHEN 'model_version' THEN 'lineage_modelversion' WHEN 'link_correction' THEN 'lineage_linkcorrection'
    WHEN 'finding' THEN 'approvals_finding' WHEN 'evidence' THEN 'approvals_evidence' END;
BEGIN
  RETURN v_table IS NOT NULL AND coalesce(muniment.namespace_of(v_table, p_id) <> ALL (p_read), false);
END $$;

-- Parameters of a reason or a cause: which of them names a record, of which kind, and which others tell of it.
CREATE OR REPLACE FUNCTION muniment.naming_params() RETURNS TABLE (param text, kind text, tells text[])
LANGUAGE sql IMMUTABLE ROWS 7 SET search_path = pg_catalog, pg_temp AS $$
  VALUES
    ('dataset_id', 'dataset', '{dataset,subject,version,column,terms,number}'::text[]),
    ('dataset_version', 'dataset_version', '{dataset,subject,name,version,column,flag}'),
    ('from_dataset_version', 'dataset_version', '{from_dataset,from_version,from_column,flag}'),
    ('model_version', 'model_version', '{model,name,version}'),
    ('finding', 'finding', '{text,owner}'),
    ('evidence', 'evidence', '{title,reporter,plan,shortfalls}'),
    ('run_id', 'run', '{run}')
$$;

-- A parameter that people read as a name says that it is not theirs; the others are left out.
CREATE OR REPLACE FUNCTION muniment.params_read_by(p_read bigint[], p_params jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n record;
  v_said jsonb := p_params;
BEGIN
  FOR n IN SELECT x.param, x.kind, x.tells FROM muniment.naming_params() x
           WHERE jsonb_typeof(p_params -> x.param) = 'number' LOOP
    IF muniment.is_hidden(p_read, n.kind, (p_params ->> n.param)::bigint) THEN
      v_said := v_said - n.param - n.tells || '{"hidden": true}' || (
        SELECT coalesce(jsonb_object_agg(t, '(of another namespace)'), '{}') FROM unnest(n.tells) t
        WHERE p_params ? t AND t IN ('dataset', 'from_dataset', 'subject', 'model', 'name', 'text', 'title', 'reporter', 'shortfalls', 'run'));
    END IF;
  END LOOP;
  IF jsonb_typeof(p_params -> 'also') = 'array' THEN
    v_said := v_said || jsonb_build_object('also', (
      SELECT coalesce(jsonb_agg(a.one || jsonb_build_object('params', muniment.params_read_by(p_read, a.one -> 'params')) ORDER BY a.n), '[]')
      FROM jsonb_array_elements(p_params -> 'also') WITH ORDINALITY AS a (one, n)));
  END IF;
  RETURN v_said;
END $$;

-- Requirements, as the gate answers them and decisions keep them.
CREATE OR REPLACE FUNCTION muniment.requirements_read_by(p_reader bigint, p_rows jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_read bigint[] := muniment.namespaces_read(p_reader);
BEGIN
  IF array_position(v_read, NULL) IS NOT NULL OR jsonb_typeof(p_rows) IS DISTINCT FROM 'array' THEN
    RETURN p_rows;  -- reads everything
  END IF;
  RETURN (
    SELECT coalesce(jsonb_agg(CASE WHEN x.params = x.one -> 'params' THEN x.one ELSE x.one - 'message' END
             || jsonb_build_object('params', x.params, 'rests_on', (
                  SELECT coalesce(jsonb_agg(CASE WHEN jsonb_typeof(o.one -> 'id') = 'number'
                             AND muniment.is_hidden(v_read, o.one ->> 'kind', (o.one ->> 'id')::bigint)
                           THEN jsonb_build_object('kind', o.one -> 'kind', 'hidden', true) ELSE o.one END ORDER BY o.n), '[]')
                  FROM jsonb_array_elements(coalesce(x.one -> 'rests_on', '[]')) WITH ORDINALITY AS o (one, n)))
             ORDER BY x.n), '[]')
    FROM (SELECT r.one, r.n, muniment.params_read_by(v_read, coalesce(r.one -> 'params', '{}')) AS params
          FROM jsonb_array_elements(p_rows) WITH ORDINALITY AS r (one, n)) x);
END $$;

-- The way from a cause to what serves, whose nodes say the namespace each lies in.
CREATE OR REPLACE FUNCTION muniment.chain_read_by(p_reader bigint, p_chain jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_read bigint[] := muniment.namespaces_read(p_reader);
BEGIN
  IF array_position(v_read, NULL) IS NOT NULL OR jsonb_typeof(p_chain) IS DISTINCT FROM 'array' THEN
    RETURN p_chain;
  END IF;
  RETURN (
    SELECT coalesce(jsonb_agg(CASE WHEN jsonb_typeof(c.node -> 'namespace') = 'number' AND (c.node ->> 'namespace')::bigint <> ALL (v_read)
             THEN c.node || '{"id": null, "page": null, "name": "", "detail": "", "namespace": null, "hidden": true}'
             ELSE c.node END ORDER BY c.n), '[]')
    FROM jsonb_array_elements(p_chain) WITH ORDINALITY AS c (node, n));
END $$;

-- What is said with one reason, or of one cause of a stale vote.
CREATE OR REPLACE FUNCTION muniment.reason_read_by(p_reader bigint, p_params jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_read bigint[] := muniment.namespaces_read(p_reader);
BEGIN
  RETURN CASE WHEN array_position(v_read, NULL) IS NOT NULL THEN p_params ELSE muniment.params_read_by(v_read, p_params) END;
END $$;
