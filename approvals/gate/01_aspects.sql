-- What a vote binds to: each aspect of a release as one digest. A vote keeps the digests of the moment of signing; the
-- gate compares. Digests are of jsonb text, which no session setting changes (no times, no floats in it).
-- Ground for epochs (issue 3): an aspect that changes and changes back will then stay changed.
CREATE OR REPLACE FUNCTION muniment.release_aspects(c muniment.gate_context) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_subject jsonb;
  v_data jsonb;
  v_terms jsonb;
  v_flags jsonb;
BEGIN
  SELECT jsonb_build_array(v.id, v.digest_algorithm, v.digest_value, v.artifact_uri, v.code_commit, v.parameters,
                           v.features_used, r.source_commit)
    INTO v_subject FROM public.lineage_modelversion v LEFT JOIN public.lineage_run r ON r.id = v.source_run_id
    WHERE v.id = c.model_version_id;
  SELECT coalesce(jsonb_agg(jsonb_build_array(id, digest_algorithm, digest_value) ORDER BY id), '[]') INTO v_data
    FROM public.lineage_datasetversion WHERE id = ANY (c.closure);
  -- The newest terms that have begun, even if they have run out: time alone fails `terms` and voids no vote.
  SELECT coalesce(jsonb_agg(jsonb_build_array(d.id, t.legal_basis, t.special_condition, t.consent_status,
           t.permitted_purposes, t.forbidden_purposes, t.permitted_geographies, t.forbidden_geographies,
           t.permitted_storage_geographies, t.forbidden_storage_geographies, t.storage_duration_days, w.id) ORDER BY d.id), '[]')
    INTO v_terms
    FROM unnest(c.datasets) AS d (id)
    LEFT JOIN LATERAL (SELECT * FROM public.lineage_collectionterms t
                       WHERE t.dataset_id = d.id AND t.effective_from <= c.at ORDER BY t.number DESC LIMIT 1) t ON true
    LEFT JOIN public.lineage_termswithdrawal w ON w.terms_id = t.id;
  SELECT coalesce(jsonb_agg(jsonb_build_array(f.dataset_version_id, f."column", f.category, f.present, f.special_category,
           f.treatment, f.excluded_from_training) ORDER BY f.dataset_version_id, f."column", f.category), '[]')
    INTO v_flags FROM muniment.flags_standing(c.closure) f;
  RETURN jsonb_build_object(
    'subject', muniment.digest_of(v_subject),
    'data', muniment.digest_of(v_data),
    'privacy', muniment.digest_of(jsonb_build_array(v_data, v_terms, v_flags)),
    'use', muniment.digest_of(jsonb_build_array(c.purpose, c.risk_tier, c.environment_id, c.slot, c.geographies)));
END $$;

CREATE OR REPLACE FUNCTION muniment.requirement_digest(requirement bigint) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT muniment.digest_of(jsonb_build_array(key, kind, title, params, binds))
    FROM public.approvals_requirement WHERE id = requirement);
END $$;

CREATE OR REPLACE FUNCTION muniment.grant_digest(grant_id bigint) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT muniment.digest_of(jsonb_build_array(id, principal_id, role, namespace_id, on_behalf_of_id))
    FROM public.governance_rolegrant WHERE id = grant_id);
END $$;

-- The evidence cited: a later item under the same plan on the same subject changes it.
CREATE OR REPLACE FUNCTION muniment.evidence_digest(cited bigint[]) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT muniment.digest_of(coalesce(jsonb_agg(jsonb_build_array(e.id, muniment.evidence_verdict(e.id), EXISTS (
             SELECT 1 FROM public.approvals_evidence n WHERE n.plan_id = e.plan_id AND n.id > e.id
               AND n.model_version_id IS NOT DISTINCT FROM e.model_version_id
               AND n.dataset_version_id IS NOT DISTINCT FROM e.dataset_version_id
               AND n.promotion_id IS NOT DISTINCT FROM e.promotion_id)) ORDER BY e.id), '[]'))
    FROM public.approvals_evidence e WHERE e.id = ANY (cited));
END $$;

-- Everything a vote given now would bind to. The statement a person signs carries the digest of this.
CREATE OR REPLACE FUNCTION muniment.vote_binding(release bigint, requirement bigint, cited bigint[], grant_id bigint)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN muniment.release_aspects(muniment.gate_context_of(release, NULL, clock_timestamp())) || jsonb_build_object(
    'evidence', muniment.evidence_digest(cited),
    'requirement', muniment.requirement_digest(requirement),
    'role', muniment.grant_digest(grant_id));
END $$;
