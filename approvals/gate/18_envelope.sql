-- The retraining envelope: a retrain of what was approved with a plan of what may change is compared with that plan, edge
-- by edge. Inside every edge, signatures that the plan leaves out are waived; across any, the review is full and says which.
-- Nothing widens by time: what the base version was is kept as it was approved (the basis), terms count by their epochs,
-- flags and measured values by everything ever said, and what ended a plan ended it for good.

-- What use means, beside the plan a release may carry.
CREATE OR REPLACE FUNCTION muniment.use_content(c muniment.gate_context) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN jsonb_build_array(c.use_epoch, c.purpose, c.risk_tier, c.environment_id, c.slot, c.geographies);
END $$;

-- The content of the plan that a release carries, as a list of one digest; an empty one where it carries none, so that
-- votes given before there were plans stay as they were.
CREATE OR REPLACE FUNCTION muniment.change_plan_content(change_plan bigint) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN coalesce((
    SELECT jsonb_build_array(muniment.digest_of(jsonb_build_array(p.id, p.model_version_id, p.environment_id, p.slot, p.title,
             p.description, p.parameters, p.code_commits, p.new_data, p.bands, p.keeps, p.uses, extract(epoch FROM p.ends_at))))
    FROM public.approvals_changeplan p WHERE p.id = change_plan), '[]');
END $$;

-- Every value ever said of each parameter of a version: {name: [values]}.
CREATE OR REPLACE FUNCTION muniment.parameters_said(model_version bigint) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_object_agg(x.name, x.said), '{}') FROM (
      SELECT s.name, jsonb_agg(DISTINCT s.value ORDER BY s.value) AS said FROM (
        SELECT e.key AS name, e.value FROM public.lineage_modelversion v, jsonb_each(v.parameters) e WHERE v.id = model_version
        UNION ALL
        SELECT e.key, e.value FROM public.lineage_modelversioncompletion k, jsonb_each(k.parameters) e
          WHERE k.model_version_id = model_version) s
      GROUP BY s.name) x);
END $$;

-- Columns and types of a dataset version, whatever their order.
CREATE OR REPLACE FUNCTION muniment.columns_of(dataset_version bigint) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_array(s ->> 'name', coalesce(s ->> 'type', '')) ORDER BY s ->> 'name', s ->> 'type'), '[]')
    FROM public.lineage_datasetversion v, jsonb_array_elements(v.schema) s WHERE v.id = dataset_version);
END $$;

-- The epoch of the terms of each dataset: grows when terms narrow or are withdrawn, never else.
CREATE OR REPLACE FUNCTION muniment.terms_epochs(datasets bigint[], at timestamptz) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_object_agg(x.dataset_id, x.epoch), '{}') FROM (
      SELECT t.dataset_id, max(t.epoch) + count(w.id) AS epoch FROM public.lineage_collectionterms t
      LEFT JOIN public.lineage_termswithdrawal w ON w.terms_id = t.id
      WHERE t.dataset_id = ANY (datasets) AND t.effective_from <= terms_epochs.at GROUP BY t.dataset_id) x);
END $$;

-- What is said to be in datasets: [[dataset, column, category, treatment, excluded]]. `ever`: every yes there ever was;
-- else the answers in force that are not no.
CREATE OR REPLACE FUNCTION muniment.flags_on(dataset_versions bigint[], ever boolean) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_agg(DISTINCT x.flag ORDER BY x.flag), '[]') FROM (
      SELECT jsonb_build_array(v.dataset_id, f."column", f.category, f.treatment, f.excluded_from_training) AS flag
      FROM public.lineage_sensitivityflag f JOIN public.lineage_datasetversion v ON v.id = f.dataset_version_id
      WHERE f.dataset_version_id = ANY (dataset_versions)
        AND CASE WHEN ever THEN f.present = 'yes' ELSE f.present <> 'no' AND NOT EXISTS (
              SELECT 1 FROM public.lineage_sensitivityflag n WHERE n.dataset_version_id = f.dataset_version_id
                AND n.category = f.category AND n."column" = f."column" AND n.id > f.id) END) x);
END $$;

-- What a base version is when it is approved: what retrains are compared with from then on.
CREATE OR REPLACE FUNCTION muniment.change_plan_basis(c muniment.gate_context) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v public.lineage_modelversion%ROWTYPE;
BEGIN
  SELECT x.* INTO STRICT v FROM public.lineage_modelversion x WHERE x.id = c.model_version_id;
  RETURN jsonb_build_object(
    'use', muniment.use_content(c), 'use_epoch', c.use_epoch, 'policy_version', c.policy_version_id,
    'publication', muniment.newest_publication(c.environment_id, c.namespace_id),
    'commits', to_jsonb(array_remove(array_remove(ARRAY[c.code_commit, c.source_commit], ''), NULL)),
    'supplier', v.supplier, 'features', muniment.sorted_texts(v.features_used::text[]),
    'parameters', muniment.parameters_said(v.id),
    'training', to_jsonb(c.training), 'datasets', to_jsonb(c.datasets), 'ancestors', to_jsonb(c.ancestors),
    'schemas', (SELECT coalesce(jsonb_object_agg(s.dataset_id, s.schemas), '{}') FROM (
       SELECT d.dataset_id, jsonb_agg(muniment.columns_of(d.id)) AS schemas FROM public.lineage_datasetversion d
       WHERE d.id = ANY (c.training) GROUP BY d.dataset_id) s),
    'bands', muniment.base_values(c), 'terms', muniment.terms_epochs(c.datasets, c.at),
    'flags', muniment.flags_on(c.closure, false), 'flags_ever', muniment.flags_on(c.closure, true),
    'answered', (SELECT coalesce(jsonb_agg(DISTINCT d.dataset_id), '[]') FROM public.lineage_sensitivityflag f
                 JOIN public.lineage_datasetversion d ON d.id = f.dataset_version_id WHERE d.id = ANY (c.closure)));
END $$;

CREATE OR REPLACE FUNCTION muniment.sorted_texts(texts text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_agg(DISTINCT t ORDER BY t), '[]') FROM unnest(texts) t
$$;

-- The plan that came into force in a place last; NULL: none ever did.
CREATE OR REPLACE FUNCTION muniment.change_plan_at(model bigint, environment bigint, slot text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT u.change_plan_id FROM public.approvals_changeplanuse u JOIN public.approvals_promotion n ON n.id = u.promotion_id
    WHERE u.number = 0 AND n.model_id = change_plan_at.model AND n.environment_id = change_plan_at.environment
      AND n.slot = change_plan_at.slot ORDER BY n.id DESC LIMIT 1);
END $$;

-- Everything that has ended a plan, in the order in which it is named; what ended it once keeps it ended, so the first that is
-- ever there is when it ended. `release`: one whose own promotion ends nothing.
CREATE OR REPLACE FUNCTION muniment.change_plan_endings(change_plan bigint, at timestamptz, release bigint DEFAULT NULL)
RETURNS text[] LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p public.approvals_changeplan%ROWTYPE;
  v_base public.approvals_promotion%ROWTYPE;
  v_family bigint[];  -- the base version's promotion, then those of the retrains
BEGIN
  SELECT x.* INTO STRICT p FROM public.approvals_changeplan x WHERE x.id = change_plan_endings.change_plan;
  v_family := ARRAY(SELECT u.promotion_id FROM public.approvals_changeplanuse u WHERE u.change_plan_id = p.id ORDER BY u.number);
  SELECT n.* INTO v_base FROM public.approvals_promotion n WHERE n.id = v_family[1];
  RETURN array_remove(ARRAY[
    CASE WHEN EXISTS (SELECT 1 FROM public.approvals_changeplanrevocation r WHERE r.change_plan_id = p.id)
      THEN 'plan-revoked' END,
    CASE WHEN cardinality(v_family) = 0 THEN 'plan-not-in-force' END,
    CASE WHEN EXISTS (
        SELECT 1 FROM public.lineage_modelversion v JOIN public.lineage_recall k
          ON (k.digest_algorithm, k.digest_value) = (v.digest_algorithm, v.digest_value)
        WHERE v.id = p.model_version_id AND v.digest_value <> '') THEN 'plan-base-recalled' END,
    CASE WHEN EXISTS (SELECT 1 FROM public.approvals_promotionend e
                      WHERE e.promotion_id = ANY (v_family) AND e.kind <> 'superseded') THEN 'plan-serving-ended' END,
    CASE WHEN EXISTS (SELECT 1 FROM public.approvals_promotion n
                      WHERE n.model_id = v_base.model_id AND n.environment_id = v_base.environment_id AND n.slot = v_base.slot
                        AND n.id > v_base.id AND n.id <> ALL (v_family)
                        AND n.release_id IS DISTINCT FROM change_plan_endings.release) THEN 'plan-replaced' END,
    CASE WHEN cardinality(v_family) > p.uses THEN 'plan-spent' END,
    CASE WHEN p.ends_at <= change_plan_endings.at THEN 'plan-over' END], NULL);
END $$;

-- How a plan stands: {plan, title, uses, used, ends_at, keeps, ended}; `ended` is why it is not in force, NULL while it is.
CREATE OR REPLACE FUNCTION muniment.change_plan_state(change_plan bigint, at timestamptz, release bigint DEFAULT NULL)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' AS $$
BEGIN
  RETURN (
    SELECT jsonb_build_object('plan', p.id, 'title', p.title, 'base', p.model_version_id, 'uses', p.uses,
      'used', greatest((SELECT count(*) FROM public.approvals_changeplanuse u WHERE u.change_plan_id = p.id) - 1, 0),
      'ends_at', p.ends_at, 'keeps', to_jsonb(p.keeps),
      'ended', (muniment.change_plan_endings(p.id, change_plan_state.at, change_plan_state.release))[1])
    FROM public.approvals_changeplan p WHERE p.id = change_plan_state.change_plan);
END $$;

-- One edge: {key, reason, allowed, found, inside, params}.
CREATE OR REPLACE FUNCTION muniment.edge(key text, inside boolean, reason text, allowed jsonb, found jsonb, params jsonb DEFAULT '{}')
RETURNS jsonb LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object('key', key, 'inside', coalesce(inside, false), 'reason', reason, 'allowed', allowed,
                            'found', found, 'params', params)
$$;

-- Whether one said value of a parameter is one that a plan allows. A number may come as text, as MLflow's clients send it.
CREATE OR REPLACE FUNCTION muniment.parameter_allowed(said jsonb, spec jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_text text := said #>> '{}';
  v_number numeric;
BEGIN
  IF spec ? 'one_of' THEN
    RETURN EXISTS (SELECT 1 FROM jsonb_array_elements(spec -> 'one_of') o WHERE o = said OR o #>> '{}' = v_text);
  END IF;
  IF v_text IS NULL OR v_text !~ '^-?[0-9]{1,60}([.][0-9]{1,60})?([eE][-+]?[0-9]{1,2})?$' THEN
    RETURN false;
  END IF;
  v_number := v_text::numeric;
  RETURN coalesce(v_number >= (spec ->> 'min')::numeric, true) AND coalesce(v_number <= (spec ->> 'max')::numeric, true);
END $$;

CREATE OR REPLACE FUNCTION muniment.edges_of_parameters(c muniment.gate_context, p public.approvals_changeplan, basis jsonb)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_said jsonb := muniment.parameters_said(c.model_version_id);
  v_base jsonb := basis -> 'parameters';
  v_changed jsonb;
  v_edges jsonb := '[]';
  s record;
BEGIN
  FOR s IN SELECT e.key, e.value FROM jsonb_each(p.parameters) e ORDER BY e.key LOOP
    v_edges := v_edges || muniment.edge('parameter:' || s.key,
      v_said ? s.key AND (SELECT bool_and(muniment.parameter_allowed(x, s.value)) FROM jsonb_array_elements(v_said -> s.key) x),
      CASE WHEN v_said ? s.key THEN 'parameter-outside' ELSE 'parameter-unsaid' END,
      s.value, v_said -> s.key, jsonb_build_object('name', s.key));
  END LOOP;
  SELECT coalesce(jsonb_agg(k ORDER BY k), '[]') INTO v_changed FROM (
    SELECT jsonb_object_keys(v_said) AS k UNION SELECT jsonb_object_keys(v_base)) n
    WHERE NOT p.parameters ? n.k AND v_said -> n.k IS DISTINCT FROM v_base -> n.k;
  RETURN v_edges || muniment.edge('parameters', v_changed = '[]', 'parameters-changed', '[]', v_changed);
END $$;

CREATE OR REPLACE FUNCTION muniment.edges_of_making(c muniment.gate_context, p public.approvals_changeplan, basis jsonb)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v public.lineage_modelversion%ROWTYPE;
  v_commits jsonb := to_jsonb(array_remove(array_remove(ARRAY[c.code_commit, c.source_commit], ''), NULL));
  v_allowed jsonb := (basis -> 'commits') || to_jsonb(p.code_commits);
  v_features jsonb;
BEGIN
  SELECT x.* INTO STRICT v FROM public.lineage_modelversion x WHERE x.id = c.model_version_id;
  v_features := muniment.sorted_texts(v.features_used::text[]);
  RETURN jsonb_build_array(
    muniment.edge('version', c.model_version_id > p.model_version_id, 'not-a-retrain',
                  to_jsonb(p.model_version_id), to_jsonb(c.model_version_id)),
    muniment.edge('use', muniment.use_content(c) = basis -> 'use', 'use-other', basis -> 'use', muniment.use_content(c)),
    muniment.edge('code', v_commits <> '[]' AND v_allowed @> v_commits,
                  CASE WHEN v_commits = '[]' THEN 'code-unsaid' ELSE 'code-other' END, v_allowed, v_commits),
    muniment.edge('supplier', v.supplier = basis ->> 'supplier', 'supplier-other', basis -> 'supplier', to_jsonb(v.supplier)),
    muniment.edge('features', v_features = basis -> 'features', 'features-other', basis -> 'features', v_features));
END $$;

CREATE OR REPLACE FUNCTION muniment.edges_of_data(c muniment.gate_context, p public.approvals_changeplan, basis jsonb)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_old bigint[] := ARRAY(SELECT x::bigint FROM jsonb_array_elements_text(basis -> 'training') x);
  v_sources bigint[] := ARRAY(SELECT x::bigint FROM jsonb_array_elements_text(basis -> 'datasets') x);
  v_bases bigint[] := ARRAY(SELECT x::bigint FROM jsonb_array_elements_text(basis -> 'ancestors') x) || p.model_version_id;
  v_names jsonb;
  v_same boolean;
  v_schema jsonb;
BEGIN
  -- The same datasets, each version one of the base's or recorded after all of them.
  SELECT coalesce((SELECT array_agg(DISTINCT d.dataset_id ORDER BY d.dataset_id) FROM public.lineage_datasetversion d WHERE d.id = ANY (c.training))
           = (SELECT array_agg(DISTINCT d.dataset_id ORDER BY d.dataset_id) FROM public.lineage_datasetversion d WHERE d.id = ANY (v_old)), false)
         AND NOT EXISTS (
           SELECT 1 FROM public.lineage_datasetversion d WHERE d.id = ANY (c.training) AND d.id <> ALL (v_old)
             AND (NOT p.new_data OR d.id < (SELECT max(o.id) FROM public.lineage_datasetversion o
                                            WHERE o.id = ANY (v_old) AND o.dataset_id = d.dataset_id)))
         AND (p.new_data OR v_old <@ c.training)
    INTO v_same;
  SELECT coalesce(jsonb_agg(muniment.name_within(c.namespace_id, d.namespace_id, d.name) ORDER BY d.id), '[]') INTO v_names FROM public.lineage_dataset d
    WHERE d.id = ANY (c.datasets) AND d.id <> ALL (v_sources);
  SELECT coalesce(jsonb_agg(DISTINCT muniment.name_within(c.namespace_id, s.namespace_id, s.name)), '[]') INTO v_schema FROM public.lineage_datasetversion v
    JOIN public.lineage_dataset s ON s.id = v.dataset_id
    WHERE v.id = ANY (c.training) AND (muniment.columns_of(v.id) = '[]'
      -- Compared whole: of nested lists @> asks only whether one holds the other.
      OR NOT EXISTS (SELECT 1 FROM jsonb_array_elements(basis -> 'schemas' -> v.dataset_id::text) o
                     WHERE o = muniment.columns_of(v.id)));
  RETURN jsonb_build_array(
    muniment.edge('data', v_same, CASE WHEN p.new_data THEN 'data-other' ELSE 'data-not-the-same' END,
                  muniment.version_names(v_old, c.namespace_id), muniment.version_names(c.training, c.namespace_id)),
    muniment.edge('sources', v_names = '[]' AND c.ancestors <@ v_bases,
                  CASE WHEN v_names = '[]' THEN 'base-models-other' ELSE 'sources-new' END, '[]', v_names),
    muniment.edge('schema', v_schema = '[]' AND c.training <> '{}', 'schema-other', '[]', v_schema));
END $$;

-- A name as whoever reads the model may read it: what lies in another namespace keeps its place, not its name.
CREATE OR REPLACE FUNCTION muniment.name_within(namespace bigint, dataset_namespace bigint, name text) RETURNS text LANGUAGE sql
IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN namespace = dataset_namespace THEN name ELSE '(of another namespace)' END
$$;

-- Dataset versions by name and label, for people.
CREATE OR REPLACE FUNCTION muniment.version_names(dataset_versions bigint[], namespace bigint) RETURNS jsonb LANGUAGE plpgsql
STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT coalesce(jsonb_agg(muniment.name_within(namespace, d.namespace_id, d.name || ' ' || v.label) ORDER BY v.id), '[]')
          FROM public.lineage_datasetversion v
          JOIN public.lineage_dataset d ON d.id = v.dataset_id WHERE v.id = ANY (dataset_versions));
END $$;

CREATE OR REPLACE FUNCTION muniment.edges_of_privacy(c muniment.gate_context, basis jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_epochs jsonb := muniment.terms_epochs(c.datasets, c.at);
  v_narrowed jsonb;
  v_unanswered jsonb;
  v_new jsonb;
BEGIN
  SELECT coalesce(jsonb_agg(muniment.name_within(c.namespace_id, d.namespace_id, d.name) ORDER BY d.id), '[]') INTO v_narrowed FROM public.lineage_dataset d
    WHERE d.id = ANY (c.datasets) AND v_epochs -> d.id::text IS DISTINCT FROM basis -> 'terms' -> d.id::text;
  SELECT coalesce(jsonb_agg(muniment.name_within(c.namespace_id, d.namespace_id, d.name || ' ' || v.label) ORDER BY v.id), '[]')
    INTO v_unanswered
    FROM public.lineage_datasetversion v JOIN public.lineage_dataset d ON d.id = v.dataset_id
    WHERE v.id = ANY (c.closure) AND basis -> 'answered' @> to_jsonb(v.dataset_id)
      AND NOT EXISTS (SELECT 1 FROM public.lineage_sensitivityflag f WHERE f.dataset_version_id = v.id);
  SELECT coalesce(jsonb_agg(DISTINCT muniment.name_within(c.namespace_id, d.namespace_id, x.f ->> 2)), '[]') INTO v_new FROM (
    SELECT f FROM jsonb_array_elements(muniment.flags_on(c.closure, false)) f
      WHERE NOT EXISTS (SELECT 1 FROM jsonb_array_elements(basis -> 'flags') o WHERE o = f)
    UNION ALL
    SELECT f FROM jsonb_array_elements(muniment.flags_on(c.closure, true)) f
      WHERE NOT EXISTS (SELECT 1 FROM jsonb_array_elements(basis -> 'flags_ever') o WHERE o = f)) x
    JOIN public.lineage_dataset d ON d.id = (x.f ->> 0)::bigint;
  RETURN jsonb_build_array(
    muniment.edge('terms', v_narrowed = '[]', 'terms-not-as-wide', '[]', v_narrowed),
    muniment.edge('flags', v_new = '[]' AND v_unanswered = '[]', CASE WHEN v_new = '[]' THEN 'flags-unanswered' ELSE 'flags-new' END,
                  '[]', CASE WHEN v_new = '[]' THEN v_unanswered ELSE v_new END));
END $$;
