-- A fact changed under a live promotion: the policy's response becomes a notice, in the transaction of the fact, and is
-- carried out: at once where it gives no notice, else when the notice is over and nobody confirmed.

-- Answer one change under one live promotion; the notice's id, or NULL where nothing is live any more or a notice on it
-- stands. For triggers: `muniment.answer_change(promotion, cause, id of the record that is the cause, chain)`, with the cause
-- one of muniment.causes() and the chain as muniment.named_records names records, from the cause to the promotion.
-- `not_before`: the moment the change takes effect, where that is not now.
CREATE OR REPLACE FUNCTION muniment.answer_change(p_promotion bigint, p_cause text, p_cause_id bigint, p_chain jsonb,
                                                  p_not_before timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '800ms' AS $$
BEGIN
  RETURN muniment.answer_one(p_promotion, p_cause, p_cause_id, p_chain, p_not_before);
EXCEPTION WHEN lock_not_available THEN
  PERFORM muniment.refuse('40001', 'answer-overtaken', 'Someone else is at work on what this change reaches.', 'Try again.');
  RETURN NULL;
END $$;

-- The same for one of many: under the caller's lock_timeout, and without a block of its own, which costs.
CREATE OR REPLACE FUNCTION muniment.answer_one(p_promotion bigint, p_cause text, p_cause_id bigint, p_chain jsonb,
                                               p_not_before timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  v_now timestamptz;
  v_policy bigint;
  v_approved bigint;
  v_response jsonb;
  v_due timestamptz;
  v_notice bigint;
BEGIN
  PERFORM 1 FROM public.approvals_promotion p WHERE p.id = p_promotion FOR NO KEY UPDATE;
  IF NOT EXISTS (SELECT 1 FROM public.approvals_liveslot l WHERE l.promotion_id = p_promotion)
     OR EXISTS (SELECT 1 FROM public.approvals_servingnotice n
                WHERE n.promotion_id = p_promotion AND n.cause = p_cause AND n.cause_id = p_cause_id
                  AND NOT EXISTS (SELECT 1 FROM public.approvals_servingnoticeend e WHERE e.notice_id = n.id)) THEN
    RETURN NULL;
  END IF;
  SELECT muniment.active_policy_version(p.environment_id, m.risk_tier, m.namespace_id, p.slot) INTO v_policy
    FROM public.approvals_promotion p JOIN public.lineage_model m ON m.id = p.model_id WHERE p.id = p_promotion;
  SELECT v.responses -> p_cause INTO v_response FROM public.approvals_policyversion v WHERE v.id = v_policy;
  -- Nothing vanishes from under a consumer unless the policy says so.
  v_response := coalesce(v_response, '{"notice_hours": 0, "confirm": null, "fallback": "keep"}');
  -- Approved in another tier, it is answered as that one asks where that is stricter: a model's owner alone answers for
  -- its tier, and no vote was given on it in this one.
  SELECT muniment.active_policy_version(p.environment_id, x.risk_tier, m.namespace_id, p.slot) INTO v_approved
    FROM public.approvals_promotion p JOIN public.lineage_model m ON m.id = p.model_id
    JOIN public.approvals_gatedecision d ON d.promotion_id = p.id
    JOIN public.approvals_policyversion v ON v.id = d.policy_version_id JOIN public.approvals_policy x ON x.id = v.policy_id
    WHERE p.id = p_promotion AND x.risk_tier <> m.risk_tier;
  IF v_approved IS NOT NULL THEN
    IF (SELECT muniment.response_looser(v.responses -> p_cause, v_response) FROM public.approvals_policyversion v
        WHERE v.id = v_approved) THEN
      v_policy := v_approved;
      v_response := (SELECT v.responses -> p_cause FROM public.approvals_policyversion v WHERE v.id = v_approved);
    END IF;
  END IF;
  v_now := clock_timestamp();
  IF v_response ->> 'fallback' <> 'keep' THEN
    v_due := greatest(v_now + make_interval(hours => (v_response ->> 'notice_hours')::integer), p_not_before);
  END IF;
  INSERT INTO public.approvals_servingnotice (promotion_id, cause, cause_id, chain, response, policy_version_id, due_at)
    VALUES (p_promotion, p_cause, p_cause_id, p_chain, v_response, v_policy, v_due) RETURNING id INTO v_notice;
  IF v_due <= clock_timestamp() THEN
    INSERT INTO public.approvals_servingnoticeend (notice_id, kind, reason)
      VALUES (v_notice, 'carried_out', 'The policy gives no notice.');
  ELSE
    PERFORM muniment.tell('serving.noticed', jsonb_build_object('notice', v_notice), format('promotion:%s', p_promotion));
  END IF;
  RETURN v_notice;
END $$;

-- A message for people, in the transaction of what they are told of. The relay looks for new ones every ten seconds.
CREATE OR REPLACE FUNCTION muniment.tell(p_topic text, p_payload jsonb, p_subject text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO public.governance_outboxmessage (topic, subject, payload, action_id, attempts, last_error)
    VALUES (p_topic, p_subject, p_payload, current_setting('muniment.action', true)::uuid, 0, '')
$$;

-- Whether what a notice was given for is still so, in the use it was given for: another purpose, tier or place for a moment
-- clears nothing.
CREATE OR REPLACE FUNCTION muniment.cause_stands(p_notice bigint, p_at timestamptz DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' AS $$
DECLARE
  n record;
  c muniment.gate_context;
  v_params jsonb := '{}';
  v_at timestamptz;
BEGIN
  SELECT s.cause, s.cause_id, s.due_at, s.promotion_id, s.recorded_at, p.release_id INTO n FROM public.approvals_servingnotice s
    JOIN public.approvals_promotion p ON p.id = s.promotion_id WHERE s.id = p_notice;
  -- Judged as of the moment it is due: terms that begin then, and a review overdue then, are not cleared by being early.
  v_at := greatest(coalesce(p_at, clock_timestamp()), n.due_at);
  IF n.cause = 'review_overdue' THEN
    RETURN EXISTS (SELECT 1 FROM muniment.reviews_of(ARRAY[n.promotion_id]) v
                   WHERE v.overdue_at <= v_at);
  ELSIF n.cause = 'finding_raised' THEN
    RETURN coalesce((SELECT e.kind FROM public.approvals_findingevent e
                     WHERE e.finding_id = n.cause_id AND e.kind IN ('closed', 'reopened') ORDER BY e.id DESC LIMIT 1),
                    'reopened') = 'reopened';
  ELSIF n.cause = 'lineage_corrected' THEN
    RETURN NOT muniment.link_corrected_since(n.cause_id);
  ELSIF n.cause = 'use_changed' THEN
    RETURN muniment.use_stands_against(n.release_id, v_at);
  END IF;
  c := muniment.gate_context_of(n.release_id, NULL, v_at);
  IF EXISTS (SELECT 1 FROM public.lineage_historicalmodel h
             WHERE h.id = c.model_id AND h.history_date > n.recorded_at AND h.use_epoch > (
               SELECT o.use_epoch FROM public.lineage_historicalmodel o
               WHERE o.id = h.id AND o.history_date <= n.recorded_at ORDER BY o.history_date DESC, o.history_id DESC LIMIT 1)) THEN
    RETURN true;
  END IF;
  IF n.cause = 'evidence_failed' THEN
    SELECT jsonb_build_object('plan_kind', l.kind, 'environment', v.name, 'subject', CASE
             WHEN e.dataset_version_id IS NOT NULL THEN 'data' WHEN e.promotion_id IS NOT NULL THEN 'promotion' ELSE 'model' END)
      INTO v_params FROM public.approvals_evidence e JOIN public.approvals_plan l ON l.id = e.plan_id,
           public.approvals_environment v WHERE e.id = n.cause_id AND v.id = c.environment_id;
  ELSIF n.cause = 'flag_raised' THEN
    SELECT coalesce(jsonb_agg(q.params) -> 0, '{}') INTO v_params FROM public.approvals_requirement q
      WHERE q.policy_version_id = c.policy_version_id AND q.kind = 'sensitivity';
  END IF;
  RETURN (muniment.fact_answer(c, CASE n.cause
      WHEN 'terms_withdrawn' THEN 'terms' WHEN 'terms_narrowed' THEN 'terms' WHEN 'flag_raised' THEN 'sensitivity'
      WHEN 'source_recalled' THEN 'provenance' WHEN 'digest_contradicted' THEN 'artifact' WHEN 'evidence_failed' THEN 'evidence' END, v_params)).status
    IS DISTINCT FROM 'SATISFIED';
END $$;

-- Who confirms that it keeps serving: persons of the role the policy names, without a hand in the version, in time.
CREATE OR REPLACE FUNCTION muniment.check_confirmation(p_role text, p_model_version bigint, p_namespace bigint,
                                                       p_due timestamptz) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
BEGIN
  IF p_role IS NULL THEN
    PERFORM muniment.refuse('MU006', 'nobody-confirms', 'The policy lets nobody keep it serving.',
      'Remove the cause, or let the response be carried out.');
  ELSIF NOT (muniment.is_person(v_actor)
             AND muniment.holds_role(v_actor, ARRAY[p_role], p_namespace, clock_timestamp())) THEN
    PERFORM muniment.refuse('MU006', 'not-for-this-role', format('The policy asks a %s to confirm.', replace(p_role, '_', ' ')),
      'Ask one of them.');
  ELSIF EXISTS (SELECT 1 FROM muniment.involved(p_model_version) i WHERE i.person_id = muniment.person_of(v_actor)) THEN
    PERFORM muniment.refuse('MU006', 'own-work', 'Nobody keeps their own work serving.',
      'Ask someone with the role who had no hand in this version.');
  ELSIF p_due <= clock_timestamp() THEN
    PERFORM muniment.refuse('MU008', 'notice-over', 'The time to confirm is over.',
      'Let the response be carried out; then a suspension can be lifted.');
  END IF;
END $$;

-- The end of a notice. Carrying it out happens here: the promotion is suspended, and where the policy says so the newest
-- earlier one of the slot that may serve goes live in its stead.
CREATE OR REPLACE FUNCTION muniment.end_serving_notice() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '800ms' AS $$
DECLARE
  n record;
BEGIN
  PERFORM muniment.actor_id();
  SELECT s.promotion_id INTO n FROM public.approvals_servingnotice s WHERE s.id = NEW.notice_id;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-notice', 'There is no such serving notice.', 'Look at what is live now.');
  END IF;
  IF pg_trigger_depth() < 2 THEN
    BEGIN
      PERFORM muniment.lock_promotion(n.promotion_id);
      NEW.fallback_id := muniment.answered_by(NEW);
    EXCEPTION WHEN lock_not_available THEN
      PERFORM muniment.refuse('40001', 'answer-overtaken', 'Someone else is at work on what this answer needs.', 'Try again.');
    END;
  ELSE
    NEW.fallback_id := muniment.answered_by(NEW);
  END IF;
  RETURN NEW;
END $$;

-- Whether a notice may end so, and (where its response is carried out) the promotion that serves instead.
CREATE OR REPLACE FUNCTION muniment.answered_by(p_end public.approvals_servingnoticeend) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n record;
BEGIN
  SELECT s.*, r.model_version_id, m.namespace_id INTO n FROM public.approvals_servingnotice s
    JOIN public.approvals_promotion p ON p.id = s.promotion_id JOIN public.approvals_release r ON r.id = p.release_id
    JOIN public.lineage_model m ON m.id = p.model_id WHERE s.id = p_end.notice_id;
  IF EXISTS (SELECT 1 FROM public.approvals_servingnoticeend e WHERE e.notice_id = p_end.notice_id) THEN
    PERFORM muniment.refuse('MU008', 'notice-ended', 'This notice has ended.', 'Look at what became of it.');
  ELSIF NOT EXISTS (SELECT 1 FROM public.approvals_liveslot l WHERE l.promotion_id = n.promotion_id) THEN
    PERFORM muniment.refuse('MU008', 'promotion-ended', 'This promotion has ended.', 'Look at what is live now.');
  END IF;
  IF p_end.kind = 'confirmed' THEN
    PERFORM muniment.check_confirmation(n.response ->> 'confirm', n.model_version_id, n.namespace_id, n.due_at);
  ELSIF p_end.kind = 'cleared' THEN
    IF muniment.cause_stands(n.id) THEN
      PERFORM muniment.refuse('MU008', 'cause-stands', 'What this notice was given for is still so.',
        'Remove the cause first: new terms, a review, a closed finding, good evidence.');
    END IF;
  ELSE
    IF n.due_at IS NULL OR n.due_at > clock_timestamp() THEN
      PERFORM muniment.refuse('MU008', 'notice-runs', CASE WHEN n.due_at IS NULL
          THEN 'The policy keeps it serving.' ELSE 'The notice is not over yet.' END, 'Wait, or suspend it.');
    ELSIF pg_trigger_depth() < 2 AND NOT muniment.cause_stands(n.id) THEN
      PERFORM muniment.refuse('MU008', 'cause-gone', 'What this notice was given for is no longer so.', 'Clear it.');
    END IF;
    RETURN muniment.carry_out(n.id, n.promotion_id, n.cause, n.response ->> 'fallback');
  END IF;
  RETURN NULL;
END $$;

-- Suspend, and find what serves instead: the id of its promotion, or NULL.
CREATE OR REPLACE FUNCTION muniment.carry_out(p_notice bigint, p_promotion bigint, p_cause text, p_fallback text)
RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v record;
  v_rows text;
  v_stead bigint;
BEGIN
  INSERT INTO public.approvals_promotionend (promotion_id, kind, reason)
    VALUES (p_promotion, 'suspended', format('%s: as the policy says (serving notice %s).',
                                             initcap(left(p_cause, 1)) || replace(substr(p_cause, 2), '_', ' '), p_notice));
  PERFORM muniment.tell('serving.carried-out', jsonb_build_object('notice', p_notice), format('promotion:%s', p_promotion));
  IF p_fallback <> 'last_good' THEN
    RETURN NULL;
  END IF;
  FOR v IN SELECT f.id, f.release_id FROM muniment.fallback_candidates(p_promotion) f LOOP
    CONTINUE WHEN muniment.known_wanting(v.release_id);
    BEGIN
      INSERT INTO public.approvals_promotion (release_id, kind, repeats_id, model_id, environment_id, slot)
        SELECT o.release_id, 'fallback', o.id, o.model_id, o.environment_id, o.slot
        FROM public.approvals_promotion o WHERE o.id = v.id RETURNING id INTO v_stead;
      RETURN v_stead;
    EXCEPTION WHEN SQLSTATE 'MU007' OR SQLSTATE 'MU008' OR SQLSTATE 'MU009' THEN
      -- Found wanting itself (or its trial is over): look further back; a fact is never refused for it.
      GET STACKED DIAGNOSTICS v_rows = PG_EXCEPTION_DETAIL;
      IF SQLSTATE = 'MU007' THEN
        PERFORM muniment.remember_wanting(v.release_id, v_rows::jsonb);
      END IF;
    END;
  END LOOP;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS r_notice_end ON public.approvals_servingnoticeend;
CREATE TRIGGER r_notice_end BEFORE INSERT ON public.approvals_servingnoticeend
  FOR EACH ROW EXECUTE FUNCTION muniment.end_serving_notice();
ALTER TABLE public.approvals_servingnoticeend ENABLE ALWAYS TRIGGER r_notice_end;
