-- May it keep serving: another question than whether it may be promoted. Facts are asked as they stand (artifact,
-- provenance, terms, sensitivity, findings, and no evidence that failed since); of the signatures only those it was
-- approved on, and only whether what they were given on is still so. That a voter has left their role since, that evidence
-- has grown old, or that the policy asks for more signatures now, ends nothing that is live.

-- One fact's answer; an error blocks and says so, but a deadlock or a full disk is no verdict.
CREATE OR REPLACE FUNCTION muniment.fact_answer(c muniment.gate_context, p_kind text, p_params jsonb)
RETURNS muniment.gate_answer LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a muniment.gate_answer;
BEGIN
  a := CASE p_kind
    WHEN 'artifact' THEN muniment.gate_artifact(c, p_params)
    WHEN 'provenance' THEN muniment.gate_provenance(c, p_params)
    WHEN 'terms' THEN muniment.gate_terms(c, p_params)
    WHEN 'sensitivity' THEN muniment.gate_sensitivity(c, p_params)
    WHEN 'findings' THEN muniment.gate_findings(c, p_params)
    WHEN 'evidence' THEN muniment.failed_evidence(c, p_params)
  END;
  IF a.status IS NULL OR a.reason IS NULL OR a.params IS NULL OR a.rests_on IS NULL THEN
    RETURN muniment.gate_failure('00000', 'no answer');
  END IF;
  RETURN a;
EXCEPTION WHEN OTHERS THEN
  IF left(SQLSTATE, 2) IN ('40', '53', '55', '57', '58', 'XX') THEN
    RAISE;
  END IF;
  RETURN muniment.gate_failure(SQLSTATE, SQLERRM);
END $$;

-- Of a requirement on evidence, the failures alone: of all its gaps, not of the fifty that an answer shows.
CREATE OR REPLACE FUNCTION muniment.failed_evidence(c muniment.gate_context, p_params jsonb) RETURNS muniment.gate_answer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_found jsonb := muniment.evidence_found(c, p_params);
BEGIN
  RETURN muniment.answered('evidence-met', jsonb_build_object('plan_kind', p_params ->> 'plan_kind'),
    jsonb_path_query_array(v_found -> 'problems', '$[*] ? (@.reason == "evidence-failed")'), v_found -> 'rests_on');
END $$;

-- What has changed since a promotion that went live on a retraining envelope: the aspects that the envelope's basis no
-- longer holds for. A signature that was waived is as much about them as one that was given.
CREATE OR REPLACE FUNCTION muniment.outgrown_envelope(c muniment.gate_context, p_promotion bigint) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p public.approvals_changeplan%ROWTYPE;
  v_basis jsonb;
BEGIN
  SELECT x.* INTO p FROM public.approvals_changeplan x JOIN public.approvals_changeplanuse u ON u.change_plan_id = x.id
    WHERE u.promotion_id = p_promotion AND u.number > 0;
  IF NOT FOUND THEN
    RETURN '{}';
  END IF;
  SELECT u.basis INTO STRICT v_basis FROM public.approvals_changeplanuse u WHERE u.change_plan_id = p.id AND u.number = 0;
  RETURN ARRAY(
    SELECT DISTINCT CASE WHEN e ->> 'key' = 'use' THEN 'use' WHEN e ->> 'key' IN ('data', 'sources', 'schema') THEN 'data'
                         WHEN e ->> 'key' IN ('terms', 'flags') THEN 'privacy' ELSE 'subject' END
    FROM jsonb_array_elements(muniment.edges_of_making(c, p, v_basis) || muniment.edges_of_data(c, p, v_basis)
                              || muniment.edges_of_privacy(c, v_basis)) e
    WHERE e -> 'inside' IS DISTINCT FROM 'true'::jsonb);
END $$;

-- The signatures a release was approved on, as far as they bound to content that has changed since.
CREATE OR REPLACE FUNCTION muniment.standing_signatures(release bigint, p_at timestamptz)
RETURNS TABLE (key text, kind text, status text, reason text, params jsonb, rests_on jsonb)
LANGUAGE plpgsql STABLE ROWS 8 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT * FROM muniment.standing_in(muniment.gate_context_of(release, NULL, p_at));
END $$;

-- The same of a context that is known: of everything in it only the policy is another one, and the votes.
CREATE OR REPLACE FUNCTION muniment.standing_in(c muniment.gate_context)
RETURNS TABLE (key text, kind text, status text, reason text, params jsonb, rests_on jsonb)
LANGUAGE plpgsql STABLE ROWS 8 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_decision public.approvals_gatedecision%ROWTYPE;
  v_outgrown text[];
BEGIN
  SELECT d.* INTO v_decision FROM public.approvals_gatedecision d
    JOIN public.approvals_promotion p ON p.id = d.promotion_id
    WHERE d.release_id = c.release_id AND p.kind = 'release' ORDER BY d.id LIMIT 1;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'approval', 'signoff', 'UNSATISFIED', 'never-promoted', '{}'::jsonb, '[]'::jsonb;
    RETURN;
  END IF;
  -- Judged by the policy it was approved under: what the active one words otherwise is for the next release.
  c.policy_version_id := v_decision.policy_version_id;
  c.votes := muniment.live_votes(c);
  v_outgrown := muniment.outgrown_envelope(c, v_decision.promotion_id);
  RETURN QUERY
    SELECT d ->> 'key', 'signoff',
           CASE WHEN d ->> 'status' NOT IN ('SATISFIED', 'NOT_APPLICABLE', 'WAIVED') OR s.stale <> '[]' THEN 'UNSATISFIED'
                ELSE d ->> 'status' END,
           CASE WHEN d ->> 'status' NOT IN ('SATISFIED', 'NOT_APPLICABLE', 'WAIVED') THEN 'never-approved'
                WHEN s.stale <> '[]' THEN 'approval-stale' ELSE 'approval-met' END,
           jsonb_build_object('role', coalesce(d -> 'params' ->> 'role', ''), 'ignored', s.stale), d -> 'rests_on'
    FROM jsonb_array_elements(v_decision.requirements) d
    CROSS JOIN LATERAL (
      SELECT coalesce(jsonb_agg(jsonb_build_object('sign_off', v -> 'id', 'name', v -> 'name',
               'why', CASE v ->> 'why' WHEN 'vote-of-older-form' THEN 'vote-of-older-form' ELSE 'vote-stale' END,
               'aspects', v -> 'aspects') ORDER BY v -> 'id'), '[]') AS stale
      FROM jsonb_array_elements(c.votes) v
      WHERE d -> 'rests_on' @> jsonb_build_array(jsonb_build_object('kind', 'sign_off', 'id', v -> 'id'))
        AND v -> 'aspects' ?| ARRAY['subject', 'data', 'privacy', 'use']) v
    CROSS JOIN LATERAL (
      SELECT v.stale || coalesce((
        SELECT jsonb_build_array(jsonb_build_object('sign_off', NULL, 'name', d -> 'params' ->> 'title',
                 'why', 'waiver-outgrown', 'aspects', jsonb_agg(DISTINCT b.aspect)))
        FROM public.approvals_requirement q CROSS JOIN LATERAL unnest(muniment.aspects_bound(q.binds::text[])) AS b (aspect)
        WHERE d ->> 'status' = 'WAIVED' AND q.policy_version_id = v_decision.policy_version_id AND q.key = d ->> 'key'
          AND b.aspect = ANY (v_outgrown) HAVING count(*) > 0), '[]') AS stale) s
    WHERE d ->> 'kind' = 'signoff';
END $$;

-- Every requirement of its keeping to serve, as one list (the form of muniment.gate_rows). `signatures`: whether those are
-- asked too; what is live is asked for its facts alone, what is brought back for both.
CREATE OR REPLACE FUNCTION muniment.serving_rows(release_id bigint, at timestamptz, signatures boolean DEFAULT true)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' SET jit = off
SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN muniment.serving_rows_in(
    muniment.gate_context_of(serving_rows.release_id, NULL, coalesce(serving_rows.at, clock_timestamp())), '{}', signatures);
END $$;

-- The same in a context. `known`: rows by the key of their requirement, where they need not be asked for once more.
CREATE OR REPLACE FUNCTION muniment.serving_rows_in(c muniment.gate_context, known jsonb, signatures boolean)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  q record;
  a muniment.gate_answer;
  v_rows jsonb[] := '{}';
  v_artifact boolean := false;
BEGIN
  c.votes := '[]';
  c.filled := '{}';
  FOR q IN
    SELECT r.key, r.kind, r.params FROM public.approvals_requirement r
      WHERE r.policy_version_id = c.policy_version_id AND r.kind <> 'signoff' ORDER BY r.position
  LOOP
    v_artifact := v_artifact OR q.kind = 'artifact';
    IF known ? q.key THEN
      v_rows := v_rows || (known -> q.key);
      CONTINUE;
    END IF;
    a := muniment.fact_answer(c, q.kind, q.params);
    v_rows := v_rows || jsonb_build_object('key', q.key, 'kind', q.kind, 'status', a.status, 'reason', a.reason,
                                           'params', a.params, 'rests_on', a.rests_on);
  END LOOP;
  -- Recalled bytes serve nowhere, whatever a policy asks.
  IF NOT v_artifact THEN
    a := muniment.fact_answer(c, 'artifact', '{}');
    IF a.reason IN ('digest-recalled', 'digest-contradicted') THEN
      v_rows := v_rows || jsonb_build_object('key', 'artifact', 'kind', 'artifact', 'status', a.status,
        'reason', a.reason, 'params', a.params, 'rests_on', a.rests_on);
    END IF;
  END IF;
  IF signatures AND c.policy_version_id IS NULL THEN  -- nothing is brought back where no policy says what to ask
    v_rows := v_rows || jsonb_build_object('key', 'policy', 'kind', 'policy', 'status', 'UNSATISFIED', 'reason', 'no-policy',
      'params', jsonb_build_object('environment', (SELECT name FROM public.approvals_environment WHERE id = c.environment_id),
                                   'risk_tier', c.risk_tier), 'rests_on', '[]'::jsonb);
  END IF;
  IF signatures THEN
    v_rows := v_rows || ARRAY(
      SELECT jsonb_build_object('key', s.key, 'kind', s.kind, 'status', s.status, 'reason', s.reason,
                                'params', s.params, 'rests_on', s.rests_on)
      FROM muniment.standing_in(c) s);
  END IF;
  RETURN to_jsonb(v_rows);
END $$;

-- Whether an approval is still good for serving: what a rollback, a reinstatement and a fallback ask.
CREATE OR REPLACE FUNCTION muniment.may_serve(release_id bigint, at timestamptz DEFAULT NULL) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT muniment.gate_opens(muniment.serving_rows(may_serve.release_id, may_serve.at))
$$;

-- What live promotions do not meet any more, many at once.
CREATE OR REPLACE FUNCTION muniment.serving_gaps(promotions bigint[], at timestamptz DEFAULT NULL)
RETURNS TABLE (promotion bigint, gaps jsonb) LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    SELECT p.id, (SELECT coalesce(jsonb_agg(r), '[]')
                  FROM jsonb_array_elements(muniment.serving_rows(p.release_id, serving_gaps.at, false)) r
                  WHERE r ->> 'status' NOT IN ('SATISFIED', 'NOT_APPLICABLE', 'WAIVED'))
    FROM public.approvals_promotion p WHERE p.id = ANY (promotions);
END $$;

-- Earlier promotions of the slot of one that could serve in its stead: superseded by another and never found wanting, each
-- version once, newest first.
CREATE OR REPLACE FUNCTION muniment.fallback_candidates(promotion bigint) RETURNS TABLE (id bigint, release_id bigint)
LANGUAGE plpgsql STABLE ROWS 5 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT x.id, x.release_id FROM (
      SELECT DISTINCT ON (r.model_version_id) o.id, o.release_id, e.kind AS ended, r.model_version_id,
             n.model_version_id AS bad
      FROM public.approvals_promotion p
      JOIN public.approvals_release n ON n.id = p.release_id
      JOIN public.approvals_promotion o ON o.model_id = p.model_id AND o.environment_id = p.environment_id
        AND o.slot = p.slot AND o.id < p.id
      JOIN public.approvals_release r ON r.id = o.release_id
      LEFT JOIN public.approvals_promotionend e ON e.promotion_id = o.id
      WHERE p.id = promotion ORDER BY r.model_version_id, o.id DESC) x
    WHERE x.ended = 'superseded' AND x.model_version_id <> x.bad
    ORDER BY x.id DESC LIMIT 20;
END $$;

-- What would serve instead of a promotion now, without locks: for people to see beforehand.
CREATE OR REPLACE FUNCTION muniment.last_good(promotion bigint) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v record;
BEGIN
  FOR v IN SELECT f.id, f.release_id FROM muniment.fallback_candidates(promotion) f LOOP
    IF muniment.may_serve(v.release_id) THEN
      RETURN v.id;
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
