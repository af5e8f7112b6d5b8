-- The gate: one row per requirement of the policy that applies to a release. No policy, no requirement, an error, a NULL:
-- closed. A new kind is one file and one line in the CASE below.
-- `at` moves what runs out by time (terms, retention, evidence, grants, due dates); what is on record is what this
-- statement's snapshot sees.
CREATE OR REPLACE FUNCTION muniment.gate(release_id bigint, policy_version_id bigint DEFAULT NULL,
                                         at timestamptz DEFAULT NULL)
RETURNS TABLE (key text, kind text, status text, reason text, params jsonb, rests_on jsonb)
LANGUAGE plpgsql STABLE ROWS 12 SET search_path = pg_catalog, pg_temp
SET "TimeZone" = 'UTC'  -- a session's own zone may put its clocks back by a fortnight: 90 days would last 104
SET jit = off  -- compiling a plan takes longer than the whole answer
SET plan_cache_mode = force_generic_plan  -- planning anew for each parameter costs more than the answer
AS $$
#variable_conflict use_column
DECLARE
  c muniment.gate_context;
  q record;
  a muniment.gate_answer;
  v_any boolean := false;
  v_artifact boolean := false;
BEGIN
  BEGIN
    c := muniment.gate_context_of(gate.release_id, gate.policy_version_id, coalesce(gate.at, clock_timestamp()));
    c.votes := muniment.live_votes(c);
    c.filled := muniment.filled_requirements(c);
    c.envelope := muniment.envelope_of(c);
  EXCEPTION WHEN OTHERS THEN
    IF left(SQLSTATE, 2) IN ('40', '53', '55', '57', '58', 'XX') THEN
      RAISE;  -- a deadlock or a full disk is no verdict
    END IF;
    a := muniment.gate_failure(SQLSTATE, SQLERRM);
    RETURN QUERY SELECT 'gate', 'gate', a.status, a.reason, a.params, a.rests_on;
    RETURN;
  END;
  FOR q IN SELECT r.id, r.key, r.kind, r.params FROM public.approvals_requirement r
           WHERE r.policy_version_id = c.policy_version_id ORDER BY r.position LOOP
    v_any := true;
    v_artifact := v_artifact OR q.kind = 'artifact';
    BEGIN
      a := CASE q.kind
        WHEN 'artifact' THEN muniment.gate_artifact(c, q.params)
        WHEN 'provenance' THEN muniment.gate_provenance(c, q.params)
        WHEN 'terms' THEN muniment.gate_terms(c, q.params)
        WHEN 'sensitivity' THEN muniment.gate_sensitivity(c, q.params)
        WHEN 'evidence' THEN muniment.gate_evidence(c, q.params)
        WHEN 'signoff' THEN muniment.within_envelope(c, q.id, q.key, muniment.gate_signoff(c, q.id, q.params))
        WHEN 'findings' THEN muniment.gate_findings(c, q.params)
      END;
      IF a.status IS NULL OR a.reason IS NULL OR a.params IS NULL OR a.rests_on IS NULL THEN
        a := muniment.gate_failure('00000', 'no answer');
      END IF;
    EXCEPTION WHEN OTHERS THEN
      IF left(SQLSTATE, 2) IN ('40', '53', '55', '57', '58', 'XX') THEN
        RAISE;
      END IF;
      a := muniment.gate_failure(SQLSTATE, SQLERRM);
    END;
    RETURN QUERY SELECT q.key::text, q.kind::text, a.status, a.reason, a.params, a.rests_on;
  END LOOP;
  -- Recalled bytes go nowhere, and bytes that are not those on record neither, whatever a policy asks.
  IF v_any AND NOT v_artifact THEN
    a := muniment.fact_answer(c, 'artifact', '{}');
    IF a.reason IN ('digest-recalled', 'digest-contradicted', 'gate-error') THEN
      RETURN QUERY SELECT 'artifact', 'artifact', a.status, a.reason, a.params, a.rests_on;
    END IF;
  END IF;
  IF NOT v_any THEN
    a := muniment.answered('policy-met', '{}', jsonb_build_array(muniment.problem(
           CASE WHEN c.policy_version_id IS NULL THEN 'no-policy' ELSE 'policy-empty' END,
           jsonb_build_object('environment', (SELECT name FROM public.approvals_environment WHERE id = c.environment_id),
                              'risk_tier', c.risk_tier))), '[]');
    RETURN QUERY SELECT 'policy', 'policy', a.status, a.reason, a.params, a.rests_on;
  END IF;
END $$;

-- A requirement that could not be worked out: it blocks, and says so.
CREATE OR REPLACE FUNCTION muniment.gate_failure(state text, message text) RETURNS muniment.gate_answer
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ('ERROR', 'gate-error', jsonb_build_object('sqlstate', state, 'error', left(message, 500)), '[]'::jsonb)::muniment.gate_answer
$$;

-- Open only if there is an answer and every one lets pass.
CREATE OR REPLACE FUNCTION muniment.gate_opens(requirements jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(jsonb_typeof(requirements) = 'array' AND jsonb_array_length(requirements) > 0
    AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements(requirements) r
                    WHERE coalesce(r ->> 'status', '') NOT IN ('SATISFIED', 'NOT_APPLICABLE', 'WAIVED')), false)
$$;

-- The gate's rows as one list.
CREATE OR REPLACE FUNCTION muniment.gate_rows(release_id bigint, at timestamptz) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('key', g.key, 'kind', g.kind, 'status', g.status, 'reason', g.reason,
            'params', g.params, 'rests_on', g.rests_on) ORDER BY g.n), '[]')
          FROM muniment.gate(gate_rows.release_id, NULL, gate_rows.at) WITH ORDINALITY
            AS g (key, kind, status, reason, params, rests_on, n));
END $$;
