-- A challenger is on trial: with a plan, and until a day. What is live is reviewed again and again.

-- A challenger's release says what it is tried on, under a plan of its model, and until when; the other slots have no trial.
CREATE OR REPLACE FUNCTION muniment.check_trial(r public.approvals_release) RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF r.slot <> 'challenger' THEN
    IF r.trial_plan_id IS NOT NULL OR r.trial_ends_at IS NOT NULL THEN
      PERFORM muniment.refuse('MU009', 'no-trial', 'Only a challenger is on trial.', 'Leave trial plan and end out.');
    END IF;
    RETURN;
  END IF;
  IF r.trial_plan_id IS NULL OR r.trial_ends_at IS NULL THEN
    PERFORM muniment.refuse('MU009', 'trial-missing', 'A challenger needs a trial plan and a day on which the trial ends.',
      'Lock a plan of kind ab_test on the model, and name both.');
  ELSIF NOT EXISTS (
      SELECT 1 FROM public.approvals_plan p JOIN public.lineage_modelversion v ON v.model_id = p.model_id
      WHERE p.id = r.trial_plan_id AND v.id = r.model_version_id
        AND p.kind IN ('ab_test', 'performance', 'monitoring_operations', 'monitoring_science', 'monitoring_business')) THEN
    PERFORM muniment.refuse('MU009', 'trial-plan', 'The trial plan is a plan of this model, on an A/B test, performance or monitoring.',
      'Name such a plan, or lock one.');
  ELSIF r.trial_ends_at <= clock_timestamp() OR r.trial_ends_at > clock_timestamp() + interval '366 days' THEN
    PERFORM muniment.refuse('MU009', 'trial-end', 'A trial ends in the future, at most a year ahead.', 'Give such a moment.');
  ELSIF EXISTS (SELECT 1 FROM public.approvals_trial t
                WHERE t.plan_id = r.trial_plan_id AND t.environment_id <> r.environment_id) THEN
    PERFORM muniment.refuse('MU009', 'trial-elsewhere', 'This plan is for a trial in another environment.',
      'Release the challenger there, or lock a plan for this one.');
  ELSIF EXISTS (SELECT 1 FROM public.approvals_trial t CROSS JOIN LATERAL muniment.trial_span(t.id) s
                WHERE t.plan_id = r.trial_plan_id AND s.challenger_id IS NOT NULL) THEN
    PERFORM muniment.refuse('MU008', 'trial-used', 'The trial of this plan has begun already: a plan is for one trial.',
      'Lock a new plan for another challenger.');
  END IF;
END $$;

-- Whether a challenger's trial is over: it may not serve then, whether or not anything has ended its promotion.
CREATE OR REPLACE FUNCTION muniment.trial_over(release bigint, at timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM public.approvals_release r WHERE r.id = release AND r.trial_ends_at <= trial_over.at);
END $$;

-- A challenger goes live beside a champion, and while its trial lasts.
CREATE OR REPLACE FUNCTION muniment.check_challenger() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.slot <> 'challenger' THEN
    RETURN NEW;
  END IF;
  IF muniment.trial_over(NEW.release_id, clock_timestamp()) THEN
    PERFORM muniment.refuse('MU008', 'trial-over', 'The trial of this challenger is over before it began.',
      'Open a release with a later end.');
  ELSIF NOT EXISTS (SELECT 1 FROM public.approvals_liveslot l WHERE l.model_id = NEW.model_id
                    AND l.environment_id = NEW.environment_id AND l.slot = 'champion') THEN
    PERFORM muniment.refuse('MU008', 'no-champion', 'A challenger is tried against a champion, and none is live there.',
      'Promote a champion first, or run this version as shadow.');
  ELSIF EXISTS (
      SELECT 1 FROM public.approvals_release r JOIN public.approvals_trial t ON t.plan_id = r.trial_plan_id
      CROSS JOIN LATERAL muniment.trial_span(t.id) s JOIN public.approvals_promotion p ON p.id = s.challenger_id
      WHERE r.id = NEW.release_id AND p.release_id <> NEW.release_id) THEN
    PERFORM muniment.refuse('MU008', 'trial-used', 'The trial of this plan has begun already: a plan is for one trial.',
      'Lock a new plan for another challenger.');
  END IF;
  RETURN NEW;
END $$;

-- After r_promotion, which locks what is live of the model: a champion that ends meanwhile waits for this.
DROP TRIGGER IF EXISTS s_challenger ON public.approvals_promotion;
CREATE TRIGGER s_challenger BEFORE INSERT ON public.approvals_promotion
  FOR EACH ROW EXECUTE FUNCTION muniment.check_challenger();
ALTER TABLE public.approvals_promotion ENABLE ALWAYS TRIGGER s_challenger;

-- When the review of each promotion is due and when it is overdue, by the policy in force now; none for those without one.
-- A challenger has its end instead. By the clock alone: whether anything reminded anybody does not matter.
CREATE OR REPLACE FUNCTION muniment.reviews_of(promotions bigint[])
RETURNS TABLE (promotion_id bigint, due_at timestamptz, overdue_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT p.id, p.started_at + make_interval(hours => 24 * v.review_days),
           p.started_at + make_interval(hours => 24 * (v.review_days + coalesce(v.review_grace_days, 0)))
    FROM public.approvals_promotion p
    JOIN public.lineage_model m ON m.id = p.model_id
    JOIN public.approvals_policyversion v
      ON v.id = muniment.active_policy_version(p.environment_id, m.risk_tier, m.namespace_id, p.slot)
    WHERE p.id = ANY (promotions) AND p.slot <> 'challenger' AND v.review_days IS NOT NULL;
END $$;

-- What the clock alone says of live promotions: whether a challenger's trial is over, whether a review is overdue, and when
-- that stops it from serving, as the policy in force answers an overdue review: not where someone confirmed that it goes on.
CREATE OR REPLACE FUNCTION muniment.serving_clocks(promotions bigint[], at timestamptz)
RETURNS TABLE (promotion_id bigint, trial_ends_at timestamptz, review_overdue boolean, review_stops_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT p.id, r.trial_ends_at, coalesce(v.overdue_at <= serving_clocks.at, false),
           CASE WHEN a.answer ->> 'fallback' IN ('last_good', 'stop') AND NOT EXISTS (
             SELECT 1 FROM public.approvals_servingnotice n JOIN public.approvals_servingnoticeend e ON e.notice_id = n.id
             WHERE n.promotion_id = p.id AND n.cause = 'review_overdue' AND e.kind = 'confirmed')
           THEN v.overdue_at + make_interval(hours => (a.answer ->> 'notice_hours')::integer) END
    FROM public.approvals_promotion p
    JOIN public.approvals_release r ON r.id = p.release_id
    JOIN public.lineage_model m ON m.id = p.model_id
    LEFT JOIN muniment.reviews_of(promotions) v ON v.promotion_id = p.id
    LEFT JOIN LATERAL (
      SELECT x.responses -> 'review_overdue' AS answer FROM public.approvals_policyversion x
      WHERE v.promotion_id IS NOT NULL
        AND x.id = muniment.active_policy_version(p.environment_id, m.risk_tier, m.namespace_id, p.slot)) a ON true
    WHERE p.id = ANY (promotions);
END $$;

-- Whether the review of a live promotion is overdue.
CREATE OR REPLACE FUNCTION muniment.review_outstanding(promotion bigint, at timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM public.approvals_liveslot l JOIN muniment.reviews_of(ARRAY[promotion]) v ON v.promotion_id = l.promotion_id
                 WHERE v.overdue_at <= review_outstanding.at);
END $$;
