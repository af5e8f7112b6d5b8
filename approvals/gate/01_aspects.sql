-- What a vote binds to: each aspect of a release as one digest. A vote keeps the digests of the moment of signing; the
-- gate compares. What goes into them only grows (a closure and the count of its corrections, epochs that only count up, facts that
-- are filled in once), so an aspect that changed and changed back stays changed: A, B, A does not revive a vote.

-- What voids what. `binds` is what a requirement's votes are bound to by its policy; what they rest on stands below that:
-- every judgement is one of the artifact; every judgement but that of the use alone is one of the data it was made from.
CREATE OR REPLACE FUNCTION muniment.aspects_bound(binds text[]) RETURNS text[] LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT binds || ARRAY['subject', 'requirement']
         || CASE WHEN binds <@ ARRAY['use', 'requirement', 'role'] AND 'use' = ANY (binds)
              THEN '{}'::text[] ELSE ARRAY['data'] END
$$;

-- Times only move terms from not begun to begun, so the numbers below never shrink.
CREATE OR REPLACE FUNCTION muniment.privacy_epochs(c muniment.gate_context) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT coalesce(sum(x.epoch + x.withdrawn), 0) FROM (
      SELECT max(t.epoch) AS epoch, count(w.id) AS withdrawn FROM public.lineage_collectionterms t
      LEFT JOIN public.lineage_termswithdrawal w ON w.terms_id = t.id
      WHERE t.dataset_id = ANY (c.datasets) AND t.effective_from <= c.at GROUP BY t.dataset_id) x
  ) + (
    SELECT coalesce(sum(x.epoch), 0) FROM (
      SELECT max(f.epoch) AS epoch FROM public.lineage_sensitivityflag f
      WHERE f.dataset_version_id = ANY (c.closure) GROUP BY f.dataset_version_id) x
  ) + (
    SELECT coalesce(sum(x.epoch), 0) FROM (
      SELECT max(e.epoch) AS epoch FROM public.lineage_columnlineage e
      WHERE e.target_id = ANY (c.closure) GROUP BY e.target_id) x);
END $$;

-- Corrections of links by which something is above a model version, or ever was: of what its runs read and of what came out
-- of them, followed over voided links too. Only grows: a link that is voided and restored has two.
CREATE OR REPLACE FUNCTION muniment.corrections_above(model_version bigint) RETURNS SETOF bigint LANGUAGE plpgsql STABLE
ROWS 5 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM public.lineage_linkcorrection) THEN
    RETURN;
  END IF;
  RETURN QUERY
    WITH RECURSIVE up (kind, id) AS (
      SELECT 'model_version', model_version
      UNION
      SELECT n.kind, n.id FROM up CROSS JOIN LATERAL (
        SELECT 'run', v.source_run_id FROM public.lineage_modelversion v
          WHERE up.kind = 'model_version' AND v.id = up.id AND v.source_run_id IS NOT NULL
        UNION ALL
        SELECT 'model_version', v.parent_version_id FROM public.lineage_modelversion v
          WHERE up.kind = 'model_version' AND v.id = up.id AND v.parent_version_id IS NOT NULL
        UNION ALL
        SELECT 'run', o.run_id FROM public.lineage_runoutput o
          WHERE up.kind = 'model_version' AND o.model_version_id = up.id
        UNION ALL
        SELECT 'run', o.run_id FROM public.lineage_runoutput o
          WHERE up.kind = 'dataset_version' AND o.dataset_version_id = up.id
        UNION ALL
        SELECT 'dataset_version', i.dataset_version_id FROM public.lineage_runinput i
          WHERE up.kind = 'run' AND i.run_id = up.id AND i.dataset_version_id IS NOT NULL
        UNION ALL
        SELECT 'model_version', i.model_version_id FROM public.lineage_runinput i
          WHERE up.kind = 'run' AND i.run_id = up.id AND i.model_version_id IS NOT NULL AND i.role <> 'baseline'
      ) AS n (kind, id)
    )
    SELECT c.id FROM up JOIN public.lineage_linkcorrection c ON c.run_id = up.id
      LEFT JOIN public.lineage_runinput i ON i.id = c.run_input_id
      LEFT JOIN public.lineage_runoutput o ON o.id = c.run_output_id
      LEFT JOIN public.lineage_columnlineage e ON e.id = c.column_lineage_id
      WHERE up.kind = 'run' AND (c.run_input_id IS NOT NULL
        OR o.dataset_version_id IN (SELECT x.id FROM up x WHERE x.kind = 'dataset_version')
        OR o.model_version_id IN (SELECT x.id FROM up x WHERE x.kind = 'model_version')
        OR e.target_id IN (SELECT x.id FROM up x WHERE x.kind = 'dataset_version'));
END $$;

-- How many, as a list of one; an empty one where there are none, so that votes given before stay as they were.
CREATE OR REPLACE FUNCTION muniment.corrections_counted(model_version bigint) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT CASE WHEN count(*) = 0 THEN '[]'::jsonb ELSE jsonb_build_array(jsonb_build_object('corrections', count(*))) END
          FROM muniment.corrections_above(model_version));
END $$;

-- Model versions that the runs it came out of read, other than to compare: what it was built upon at first hand. One
-- known far above that turns out to be such is as much news as data that turns out to be training data. As a list of one
-- list; an empty one where there are none, so that votes given before this was asked stay as they were.
CREATE OR REPLACE FUNCTION muniment.bases_of(model_version bigint) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT CASE WHEN count(*) = 0 THEN '[]'::jsonb
                ELSE jsonb_build_array(jsonb_agg(DISTINCT i.model_version_id ORDER BY i.model_version_id)) END
    FROM (SELECT source_run_id AS run_id FROM public.lineage_modelversion WHERE id = model_version
          UNION SELECT run_id FROM muniment.run_outputs WHERE model_version_id = model_version) runs
    JOIN muniment.run_inputs i ON i.run_id = runs.run_id
    WHERE i.role <> 'baseline' AND i.model_version_id IS NOT NULL);
END $$;

-- Parameters that were told of a model version after it was registered, each telling of them: those it was registered with
-- never change. As a list of one digest; an empty one where there are none, so that votes given before stay as they were.
CREATE OR REPLACE FUNCTION muniment.parameters_told_later(model_version bigint) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT CASE WHEN count(*) = 0 THEN '[]'::jsonb
                ELSE jsonb_build_array(jsonb_build_object('parameters', muniment.digest_of(jsonb_agg(k.parameters ORDER BY k.id)))) END
    FROM public.lineage_modelversioncompletion k
    WHERE k.model_version_id = parameters_told_later.model_version AND k.parameters <> '{}');
END $$;

CREATE OR REPLACE FUNCTION muniment.release_aspects(c muniment.gate_context) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN jsonb_build_object(
    'subject', muniment.digest_of(jsonb_build_array(c.model_version_id, c.digest, c.code_commit, c.source_commit)
                                   || muniment.change_plan_content(c.change_plan_id)
                                   || muniment.parameters_told_later(c.model_version_id)),
    'data', muniment.digest_of(jsonb_build_array(c.closure, c.ancestors, c.training) || muniment.bases_of(c.model_version_id)
                                || muniment.corrections_counted(c.model_version_id)),
    'privacy', muniment.digest_of(to_jsonb(coalesce(c.privacy_epochs, muniment.privacy_epochs(c)))),
    'use', muniment.digest_of(muniment.use_content(c) || muniment.change_plan_content(c.change_plan_id)));
END $$;

CREATE OR REPLACE FUNCTION muniment.requirement_digest(requirement bigint) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT muniment.digest_of(jsonb_build_array(key, kind, title, params, binds))
    FROM public.approvals_requirement WHERE id = requirement);
END $$;

-- The evidence cited: a later item under the same plan on the same subject changes it. Verdicts do not: plan and values
-- of an item are final.
CREATE OR REPLACE FUNCTION muniment.evidence_digest(cited bigint[]) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT muniment.digest_of(coalesce(jsonb_agg(jsonb_build_array(e.id, EXISTS (
             SELECT 1 FROM public.approvals_evidence n WHERE n.plan_id = e.plan_id AND n.id > e.id
               AND n.model_version_id IS NOT DISTINCT FROM e.model_version_id
               AND n.dataset_version_id IS NOT DISTINCT FROM e.dataset_version_id
               AND n.promotion_id IS NOT DISTINCT FROM e.promotion_id)) ORDER BY e.id), '[]'))
    FROM public.approvals_evidence e WHERE e.id = ANY (cited));
END $$;

-- Everything a vote given now would bind to. The statement a person signs carries the digest of this.
CREATE OR REPLACE FUNCTION muniment.vote_bound(c muniment.gate_context, requirement bigint, cited bigint[], grant_id bigint)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN muniment.release_aspects(c) || jsonb_build_object(
    'evidence', muniment.evidence_digest(cited),
    'requirement', muniment.requirement_digest(requirement),
    'role', muniment.digest_of(to_jsonb(grant_id)),
    'policy_version', c.policy_version_id,
    'publication', muniment.newest_publication(c.environment_id, c.namespace_id),
    'use_epoch', c.use_epoch);
END $$;

CREATE OR REPLACE FUNCTION muniment.vote_binding(release bigint, requirement bigint, cited bigint[], grant_id bigint)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN muniment.vote_bound(muniment.gate_context_of(release, NULL, clock_timestamp()), requirement, cited, grant_id);
END $$;

-- The newest publication that may concern releases of a namespace in an environment; 0 where there is none. Publications
-- of an environment come one after another (its lock), in order of their ids.
CREATE OR REPLACE FUNCTION muniment.newest_publication(environment bigint, namespace bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT coalesce(max(pp.id), 0) FROM public.approvals_policy p
    JOIN public.approvals_policyversion pv ON pv.policy_id = p.id
    JOIN public.approvals_policypublication pp ON pp.policy_version_id = pv.id
    WHERE p.environment_id = environment AND (p.namespace_id = namespace OR p.namespace_id IS NULL));
END $$;

-- The version that was in force just after a publication: muniment.active_policy_version, of the past.
CREATE OR REPLACE FUNCTION muniment.policy_version_after(publication bigint, environment bigint, tier text, namespace bigint,
                                                         slot text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT n.policy_version_id FROM public.approvals_policy p
    CROSS JOIN LATERAL (
      SELECT pp.id, pp.policy_version_id FROM public.approvals_policyversion pv
      JOIN public.approvals_policypublication pp ON pp.policy_version_id = pv.id
      WHERE pv.policy_id = p.id AND pp.id <= publication ORDER BY pp.id DESC LIMIT 1) n
    WHERE p.environment_id = environment AND p.risk_tier = tier
      AND (p.namespace_id = namespace OR p.namespace_id IS NULL) AND p.slot IN ('', policy_version_after.slot)
      AND NOT EXISTS (SELECT 1 FROM public.approvals_policylapse l WHERE l.publication_id = n.id AND l.cause_id <= publication)
    ORDER BY (p.namespace_id IS NOT NULL) DESC, (p.slot <> '') DESC LIMIT 1);
END $$;

-- The policy versions a release was judged by at some time since a vote: whatever was in force after each publication
-- since, in the tier of the vote, in the present one, and in those its model has had meanwhile.
CREATE OR REPLACE FUNCTION muniment.versions_since(c muniment.gate_context, vote_version bigint, bound jsonb)
RETURNS SETOF bigint LANGUAGE plpgsql STABLE ROWS 4 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_since bigint := coalesce((bound ->> 'publication')::bigint,  -- the newest when the vote was given
    (SELECT pp.id FROM public.approvals_policypublication pp WHERE pp.policy_version_id = vote_version));
  v_tier text := (SELECT p.risk_tier FROM public.approvals_policyversion pv
                  JOIN public.approvals_policy p ON p.id = pv.policy_id WHERE pv.id = vote_version);
  v_tiers text[] := ARRAY(  -- those entered since, also for a while
    SELECT DISTINCT h.risk_tier FROM public.lineage_historicalmodel h
    WHERE h.id = c.model_id AND h.use_epoch > coalesce((bound ->> 'use_epoch')::integer, 0));
BEGIN
  RETURN QUERY
    SELECT muniment.policy_version_after(e.id, c.environment_id, t.tier, c.namespace_id, c.slot)
    FROM (SELECT DISTINCT x.tier FROM unnest(v_tiers || v_tier || c.risk_tier) AS x (tier)) AS t, (
      SELECT pp.id FROM public.approvals_policy p
      JOIN public.approvals_policyversion pv ON pv.policy_id = p.id
      JOIN public.approvals_policypublication pp ON pp.policy_version_id = pv.id
      WHERE p.environment_id = c.environment_id AND (p.namespace_id = c.namespace_id OR p.namespace_id IS NULL)
        AND pp.id > v_since
      UNION SELECT v_since
    ) AS e (id)
    UNION SELECT c.policy_version_id;
END $$;

-- Whether a requirement of that key read otherwise, or was not asked, at some time since a vote on it.
CREATE OR REPLACE FUNCTION muniment.asked_otherwise(c muniment.gate_context, requirement bigint, bound jsonb)
RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o public.approvals_requirement%ROWTYPE;
BEGIN
  SELECT * INTO STRICT o FROM public.approvals_requirement WHERE id = requirement;
  RETURN EXISTS (
    SELECT 1 FROM muniment.versions_since(c, o.policy_version_id, bound) AS v (id)
    WHERE v.id IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM public.approvals_requirement r WHERE r.policy_version_id = v.id AND r.key = o.key
        AND (r.kind, r.title, r.params, r.binds) = (o.kind, o.title, o.params, o.binds)));
END $$;
