-- What MLflow's clients read: a version, a model and an alias as one answer each, in a time that does not grow with how
-- many versions a model has. PL/pgSQL, whose plans last for the session: planned anew, they would cost more than they take.

-- Places where a version is live as champion, newest answer of all doors: promoted, or as found until something else is.
CREATE OR REPLACE FUNCTION muniment.live_environments(model bigint, model_version bigint) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN ARRAY(
    SELECT l.environment_id FROM public.approvals_liveslot l
      JOIN public.approvals_promotion p ON p.id = l.promotion_id JOIN public.approvals_release r ON r.id = p.release_id
      WHERE l.model_id = live_environments.model AND l.slot = 'champion' AND r.model_version_id = live_environments.model_version
    UNION
    SELECT f.environment_id FROM public.approvals_asfound f
      WHERE f.model_id = live_environments.model AND f.slot = 'champion'
        AND f.model_version_id = live_environments.model_version
        AND NOT EXISTS (SELECT 1 FROM public.approvals_asfoundend x WHERE x.as_found_id = f.id));
END $$;

-- The version that is live somewhere as champion; NULL: none.
CREATE OR REPLACE FUNCTION muniment.champion(model bigint, environment bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN coalesce(
    (SELECT r.model_version_id FROM public.approvals_liveslot l
       JOIN public.approvals_promotion p ON p.id = l.promotion_id JOIN public.approvals_release r ON r.id = p.release_id
       WHERE l.model_id = champion.model AND l.environment_id = champion.environment AND l.slot = 'champion'),
    (SELECT f.model_version_id FROM public.approvals_asfound f
       WHERE f.model_id = champion.model AND f.environment_id = champion.environment AND f.slot = 'champion'
         AND NOT EXISTS (SELECT 1 FROM public.approvals_asfoundend x WHERE x.as_found_id = f.id)));
END $$;

CREATE OR REPLACE FUNCTION muniment.version_of_alias(model bigint, alias text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_environment bigint := muniment.environment_of_alias(version_of_alias.alias);
BEGIN
  IF v_environment IS NOT NULL THEN
    RETURN muniment.champion(version_of_alias.model, v_environment);
  END IF;
  RETURN (SELECT a.model_version_id FROM public.lineage_modelalias a
          WHERE a.model_id = version_of_alias.model AND a.alias = version_of_alias.alias);
END $$;

CREATE OR REPLACE FUNCTION muniment.put_away(model_version bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN coalesce((SELECT a.archived FROM public.lineage_modelversionarchival a
                   WHERE a.model_version_id = put_away.model_version ORDER BY a.id DESC LIMIT 1), false);
END $$;

-- What MLflow calls the stage of a version: of the last environment it is live in that claims one, else Archived or None.
CREATE OR REPLACE FUNCTION muniment.registry_stage(environments bigint[], model_version bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_stage text;
BEGIN
  IF cardinality(environments) > 0 THEN
    SELECT initcap(e.mlflow_stages[1]) INTO v_stage FROM public.approvals_environment e
      WHERE e.id = ANY (environments) AND cardinality(e.mlflow_stages) > 0 ORDER BY e."order" DESC LIMIT 1;
  END IF;
  RETURN coalesce(v_stage, CASE WHEN muniment.put_away(model_version) THEN 'Archived' ELSE 'None' END);
END $$;

CREATE OR REPLACE FUNCTION muniment.milliseconds(moment timestamptz) RETURNS bigint LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN floor(extract(epoch FROM moment) * 1000);
END $$;

-- When something was last said of a version, or of a model.
CREATE OR REPLACE FUNCTION muniment.version_updated(model_version bigint) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT greatest(v.recorded_at,
      (SELECT d.recorded_at FROM public.lineage_modelversiondescription d WHERE d.model_version_id = v.id ORDER BY d.id DESC LIMIT 1),
      (SELECT a.recorded_at FROM public.lineage_modelversionarchival a WHERE a.model_version_id = v.id ORDER BY a.id DESC LIMIT 1),
      (SELECT max(t.recorded_at) FROM public.lineage_modelversiontag t WHERE t.model_version_id = v.id))
    FROM public.lineage_modelversion v WHERE v.id = version_updated.model_version);
END $$;

CREATE OR REPLACE FUNCTION muniment.model_updated(model bigint) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN greatest(
    (SELECT h.history_date FROM public.lineage_historicalmodel h WHERE h.id = model_updated.model
       ORDER BY h.history_date DESC, h.history_id DESC LIMIT 1),
    (SELECT v.recorded_at FROM public.lineage_modelversion v WHERE v.model_id = model_updated.model
       ORDER BY v.number DESC LIMIT 1));
END $$;

CREATE OR REPLACE FUNCTION muniment.registry_versions(model_versions bigint[]) RETURNS TABLE (id bigint, body jsonb)
LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp
-- A list of one is planned anew each time otherwise, for longer than it is read. The plan may be kept since the tables were empty:
-- by keys alone, so that it does for full ones.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT v.id, jsonb_build_object(
      'name', m.name, 'version', v.number::text, 'user_id', p.name,
      'creation_timestamp', muniment.milliseconds(v.recorded_at),
      'last_updated_timestamp', muniment.milliseconds(muniment.version_updated(v.id)),
      'current_stage', muniment.registry_stage(live.places, v.id),
      'description', coalesce((SELECT d.text FROM public.lineage_modelversiondescription d
                               WHERE d.model_version_id = v.id ORDER BY d.id DESC LIMIT 1), ''),
      'source', coalesce(g.source, v.artifact_uri), 'run_id', coalesce(g.run_id, u.run_key, ''),
      'run_link', coalesce(g.run_link, ''), 'model_id', coalesce(g.model_id, ''),
      'status', 'READY', 'status_message', '', 'model_params', '[]'::jsonb, 'model_metrics', '[]'::jsonb,
      'tags', coalesce((SELECT jsonb_agg(jsonb_build_object('key', t.key, 'value', t.value) ORDER BY t.key) FROM (
                          SELECT DISTINCT ON (x.key) x.key, x.value, x.removed FROM public.lineage_modelversiontag x
                          WHERE x.model_version_id = v.id ORDER BY x.key, x.id DESC) t WHERE NOT t.removed), '[]'::jsonb),
      'aliases', coalesce((SELECT jsonb_agg(n.alias ORDER BY n.alias) FROM (
                          SELECT a.alias FROM public.lineage_modelalias a WHERE a.model_version_id = v.id
                            AND muniment.environment_of_alias(a.alias) IS NULL
                          UNION SELECT c FROM public.approvals_environment e CROSS JOIN unnest(e.mlflow_aliases) c
                            WHERE e.id = ANY (live.places)) n), '[]'::jsonb))
    FROM public.lineage_modelversion v
    JOIN public.lineage_model m ON m.id = v.model_id
    JOIN public.governance_principal p ON p.id = v.recorded_by_id
    LEFT JOIN public.lineage_mlflowregistration g ON g.model_version_id = v.id
    LEFT JOIN public.lineage_run u ON u.id = v.source_run_id
    CROSS JOIN LATERAL (SELECT muniment.live_environments(v.model_id, v.id) AS places) live
    WHERE v.id = ANY (model_versions);
END $$;

-- The versions that are live, and the newest that is neither live nor put away.
CREATE OR REPLACE FUNCTION muniment.latest_versions(model bigint) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_live bigint[] := ARRAY(
    SELECT DISTINCT c.version FROM public.approvals_environment e
      CROSS JOIN LATERAL (SELECT muniment.champion(latest_versions.model, e.id) AS version) c
      WHERE cardinality(e.mlflow_stages) > 0 AND c.version IS NOT NULL);
BEGIN
  -- The limit has PostgreSQL walk the index from the newest on, where nearly always the first or second is it.
  RETURN v_live || ARRAY(
    SELECT v.id FROM public.lineage_modelversion v
    WHERE v.model_id = latest_versions.model AND v.id <> ALL (v_live) AND NOT muniment.put_away(v.id)
    ORDER BY v.number DESC LIMIT 1);
END $$;

-- The newest version that is put away and live nowhere; NULL: none.
CREATE OR REPLACE FUNCTION muniment.latest_put_away(model bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT v.id FROM public.lineage_modelversion v
    WHERE v.model_id = latest_put_away.model AND muniment.put_away(v.id)
      AND muniment.registry_stage(muniment.live_environments(v.model_id, v.id), v.id) = 'Archived'
    ORDER BY v.number DESC LIMIT 1);
END $$;

CREATE OR REPLACE FUNCTION muniment.registry_models(models bigint[]) RETURNS TABLE (id bigint, body jsonb)
LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT m.id, jsonb_build_object(
      'name', m.name, 'description', m.description,
      'creation_timestamp', muniment.milliseconds(m.recorded_at),
      'last_updated_timestamp', muniment.milliseconds(muniment.model_updated(m.id)),
      'tags', coalesce((SELECT jsonb_agg(jsonb_build_object('key', t.key, 'value', t.value) ORDER BY t.key)
                        FROM public.lineage_modeltag t WHERE t.model_id = m.id AND NOT t.removed), '[]'::jsonb),
      'aliases', coalesce((SELECT jsonb_agg(jsonb_build_object('alias', n.alias, 'version', n.number::text) ORDER BY n.alias) FROM (
                          SELECT a.alias, v.number FROM public.lineage_modelalias a
                            JOIN public.lineage_modelversion v ON v.id = a.model_version_id
                            WHERE a.model_id = m.id AND muniment.environment_of_alias(a.alias) IS NULL
                          UNION SELECT c, v.number FROM public.approvals_environment e CROSS JOIN unnest(e.mlflow_aliases) c
                            JOIN public.lineage_modelversion v ON v.id = muniment.champion(m.id, e.id)) n), '[]'::jsonb),
      'latest_versions', coalesce((SELECT jsonb_agg(r.body ORDER BY r.id)
                                   FROM muniment.registry_versions(muniment.latest_versions(m.id)) r), '[]'::jsonb))
    FROM public.lineage_model m WHERE m.id = ANY (models);
END $$;

-- What clients ask before almost every write, found by its name and put together in one go. NULL: there is none.
CREATE OR REPLACE FUNCTION muniment.registry_model_named(namespace bigint, name text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT r.body::text FROM muniment.registry_models(ARRAY(SELECT m.id FROM public.lineage_model m
            WHERE m.namespace_id = namespace AND m.name = registry_model_named.name)) r);
END $$;

CREATE OR REPLACE FUNCTION muniment.registry_version_named(namespace bigint, name text, number integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT r.body::text FROM muniment.registry_versions(ARRAY(
            SELECT v.id FROM public.lineage_model m JOIN public.lineage_modelversion v ON v.model_id = m.id
            WHERE m.namespace_id = namespace AND m.name = registry_version_named.name
              AND v.number = registry_version_named.number)) r);
END $$;

CREATE OR REPLACE FUNCTION muniment.registry_alias_named(namespace bigint, name text, alias text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT r.body::text FROM muniment.registry_versions(ARRAY(
            SELECT muniment.version_of_alias(m.id, registry_alias_named.alias) FROM public.lineage_model m
            WHERE m.namespace_id = namespace AND m.name = registry_alias_named.name)) r);
END $$;

CREATE OR REPLACE FUNCTION muniment.registry_version_body(model_version bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT r.body::text FROM muniment.registry_versions(ARRAY[model_version]) r);
END $$;

-- The model of a name, and its version of a number: NULL for what is not there.
CREATE OR REPLACE FUNCTION muniment.registry_ids(namespace bigint, name text, number integer) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_model bigint := (SELECT m.id FROM public.lineage_model m WHERE m.namespace_id = namespace AND m.name = registry_ids.name);
BEGIN
  RETURN ARRAY[v_model, (SELECT v.id FROM public.lineage_modelversion v
                         WHERE v.model_id = v_model AND v.number = registry_ids.number)];
END $$;

-- What setting an alias asks first: [model, version, the environment that claims the alias, the claimed alias it looks like].
CREATE OR REPLACE FUNCTION muniment.registry_alias_asked(namespace bigint, name text, number integer, alias text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_ids bigint[] := muniment.registry_ids(namespace, name, number);
BEGIN
  RETURN json_build_array(v_ids[1], v_ids[2], muniment.environment_of_alias(alias), muniment.claimed_look(alias));
END $$;
