-- Monitoring: windows of what is live, the truth that joins them, money, and the breach of a plan's limits.

-- A window says what was observed while its promotion served, once; nobody reports it again until it looks better.
CREATE OR REPLACE FUNCTION muniment.check_window() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p record;
  l record;
  o record;
  v_now timestamptz;
BEGIN
  PERFORM muniment.lock_promotion(NEW.promotion_id);  -- lock: window
  v_now := clock_timestamp() + interval '5 seconds';  -- clocks of two machines differ a little
  SELECT x.model_id, x.started_at, e.ended_at INTO p FROM public.approvals_promotion x
    LEFT JOIN public.approvals_promotionend e ON e.promotion_id = x.id WHERE x.id = NEW.promotion_id;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-promotion', 'There is no such promotion.', 'Look at what is live now.');
  END IF;
  SELECT x.model_id, x.kind INTO l FROM public.approvals_plan x WHERE x.id = NEW.plan_id;
  IF l.model_id IS DISTINCT FROM p.model_id OR NOT starts_with(l.kind, 'monitoring_') THEN
    PERFORM muniment.refuse('MU009', 'other-subject', 'The plan is no monitoring plan of this model.',
      'Report it under one, or lock one.');
  ELSIF NEW.window_end > v_now THEN
    PERFORM muniment.refuse('MU009', 'window-in-future', 'The window is not over yet.', 'Report it once it has ended.');
  ELSIF NEW.window_start < p.started_at THEN
    PERFORM muniment.refuse('MU009', 'window-before-promotion',
      format('The promotion began at %s, after the window did.', to_char(p.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')),
      'Begin the window there: before, something else served.');
  ELSIF NEW.window_end > p.ended_at + interval '5 seconds' THEN
    PERFORM muniment.refuse('MU009', 'window-after-end',
      format('The promotion ended at %s, before the window did.', to_char(p.ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')),
      'End the window there: after it, something else served.');
  ELSIF NEW.window_end - NEW.window_start > interval '366 days' THEN
    PERFORM muniment.refuse('MU009', 'window-too-long', 'A window is at most a year long.', 'Report shorter ones.');
  END IF;
  -- Windows that one account reports of a promotion and plan do not overlap, so the newest that begins before this one's end
  -- is the only one that can. Of one's own: else a long window of good values would shut every other account out.
  SELECT x.window_start, x.window_end INTO o FROM public.approvals_monitoringwindow x
    WHERE x.promotion_id = NEW.promotion_id AND x.plan_id = NEW.plan_id AND x.window_start < NEW.window_end
      AND x.recorded_by_id = muniment.actor_id()
    ORDER BY x.window_start DESC, x.id DESC LIMIT 1;
  IF o.window_end > NEW.window_start AND (o.window_start, o.window_end) IS DISTINCT FROM (NEW.window_start, NEW.window_end) THEN
    PERFORM muniment.refuse('MU008', 'window-overlaps', format('The window overlaps one on record: %s to %s.',
        to_char(o.window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        to_char(o.window_end AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
      'Windows of one plan meet or lie apart, or are the same one.');
  END IF;
  IF NEW.kind = 'predictions' THEN
    IF EXISTS (SELECT 1 FROM public.approvals_monitoringwindow x WHERE x.promotion_id = NEW.promotion_id
                 AND x.plan_id = NEW.plan_id AND x.window_start = NEW.window_start AND x.kind = 'predictions') THEN
      PERFORM muniment.refuse('MU008', 'predictions-counted', 'The predictions of this window are counted already, otherwise.',
        'What was counted stays: else coverage could be mended afterwards.');
    END IF;
    NEW.verdict := '';
    RETURN NEW;
  END IF;
  IF NEW.kind = 'truth' THEN
    PERFORM muniment.check_truth(NEW, v_now);
  ELSIF EXISTS (SELECT 1 FROM public.approvals_monitoringwindow x
                WHERE x.promotion_id = NEW.promotion_id AND x.plan_id = NEW.plan_id AND x.window_start = NEW.window_start
                  AND x.recorded_by_id = NEW.recorded_by_id AND x.kind NOT IN ('predictions', 'truth')) THEN
    PERFORM muniment.refuse('MU008', 'window-reported', 'You have reported this window already, with other figures.',
      'It stays as it is: else a bad one could be reported again until it is good. Say in the finding what was wrong with it.');
  END IF;
  IF NOT EXISTS (SELECT 1 FROM public.approvals_evidence e
                 WHERE e.id = NEW.evidence_id AND muniment.written_here(e.written_in, e.recorded_at)
                   AND e.promotion_id = NEW.promotion_id AND e.plan_id = NEW.plan_id
                   AND e.window_start = NEW.window_start AND e.window_end = NEW.window_end AND e.claim = ''
                   AND e.recorded_by_id = NEW.recorded_by_id) THEN
    PERFORM muniment.refuse('MU009', 'other-evidence', 'The evidence is not of this window, or was there before.',
      'Record both together.');
  END IF;
  -- Final: plans and evidence are, and no value joins evidence that has a window (muniment.check_value_of_window).
  NEW.verdict := muniment.evidence_verdict(NEW.evidence_id);
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_window ON public.approvals_monitoringwindow;
CREATE TRIGGER r_window BEFORE INSERT ON public.approvals_monitoringwindow
  FOR EACH ROW EXECUTE FUNCTION muniment.check_window();
ALTER TABLE public.approvals_monitoringwindow ENABLE ALWAYS TRIGGER r_window;

-- Truth joins a window whose predictions were counted before, as often as more of it becomes known.
CREATE OR REPLACE FUNCTION muniment.check_truth(w public.approvals_monitoringwindow, p_now timestamptz) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_predictions bigint;
BEGIN
  SELECT x.predictions INTO v_predictions FROM public.approvals_monitoringwindow x
    WHERE x.promotion_id = w.promotion_id AND x.plan_id = w.plan_id AND x.window_start = w.window_start
      AND x.window_end = w.window_end AND x.kind = 'predictions';
  IF v_predictions IS NULL THEN
    PERFORM muniment.refuse('MU008', 'no-predictions', 'No predictions were counted for this window, so truth has nothing to join.',
      'Report the number of predictions of the same window first; both may come in one call.');
  ELSIF w.predictions IS DISTINCT FROM v_predictions THEN
    PERFORM muniment.refuse('MU009', 'other-predictions', 'Coverage is worked out from the predictions that were counted.',
      'Leave their number to the server.');
  ELSIF w.known_until < w.window_end OR w.known_until > p_now THEN
    PERFORM muniment.refuse('MU009', 'known-until', 'Truth is known up to a moment between the window''s end and now.',
      'Give that moment.');
  ELSIF EXISTS (SELECT 1 FROM public.approvals_monitoringwindow x
                WHERE x.promotion_id = w.promotion_id AND x.plan_id = w.plan_id AND x.window_start = w.window_start
                  AND x.kind = 'truth' AND x.recorded_by_id = w.recorded_by_id AND x.known_until >= w.known_until) THEN
    PERFORM muniment.refuse('MU008', 'truth-overtaken', 'Truth known up to that moment, or a later one, is on record already.',
      'Report all that is known up to a later moment.');
  END IF;
END $$;

-- No figure joins evidence behind its window's verdict.
CREATE OR REPLACE FUNCTION muniment.check_value_of_window() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM public.approvals_monitoringwindow w WHERE w.evidence_id = NEW.evidence_id) THEN
    PERFORM muniment.refuse('MU003', 'window-recorded', 'The window of this evidence is recorded: its values came before.',
      'Report another window.');
  END IF;
  RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS s_value_of_window ON public.approvals_evidencevalue;
CREATE TRIGGER s_value_of_window BEFORE INSERT ON public.approvals_evidencevalue
  FOR EACH ROW EXECUTE FUNCTION muniment.check_value_of_window();
ALTER TABLE public.approvals_evidencevalue ENABLE ALWAYS TRIGGER s_value_of_window;
DROP TRIGGER IF EXISTS s_answer_of_window ON public.approvals_evidenceanswer;
CREATE TRIGGER s_answer_of_window BEFORE INSERT ON public.approvals_evidenceanswer
  FOR EACH ROW EXECUTE FUNCTION muniment.check_value_of_window();
ALTER TABLE public.approvals_evidenceanswer ENABLE ALWAYS TRIGGER s_answer_of_window;

-- Money: in the model's currency, which is on record before the first amount.
CREATE OR REPLACE FUNCTION muniment.check_money() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_currency text;
  v_window public.approvals_monitoringwindow%ROWTYPE;
  v_counted_until timestamptz;
BEGIN
  PERFORM muniment.lock_roots(ARRAY['model'], ARRAY[NEW.model_id], true);
  SELECT c.currency INTO v_currency FROM public.approvals_modelcurrency c WHERE c.model_id = NEW.model_id;
  IF v_currency IS NULL THEN
    PERFORM muniment.refuse('MU008', 'no-currency', 'The model has no currency on record.', 'Record it first; it is for good.');
  ELSIF NEW.currency IS DISTINCT FROM v_currency THEN
    PERFORM muniment.refuse('MU009', 'other-currency', format('The money of this model is counted in %s.', v_currency),
      'Convert the amount: sums over several currencies mean nothing.');
  ELSIF NEW.period_end > clock_timestamp() + interval '5 seconds' THEN
    PERFORM muniment.refuse('MU009', 'period-in-future', 'The period is not over yet.', 'Enter what was earned or spent, once it was.');
  ELSIF NEW.window_id IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM public.approvals_monitoringwindow w JOIN public.approvals_promotion p ON p.id = w.promotion_id
      JOIN public.approvals_evidence e ON e.id = w.evidence_id
      WHERE w.id = NEW.window_id AND w.kind = 'business' AND p.model_id = NEW.model_id
        AND w.window_start = NEW.period_start AND w.window_end = NEW.period_end
        AND muniment.written_here(e.written_in, e.recorded_at)) THEN
    PERFORM muniment.refuse('MU009', 'other-window', 'The window is none of this model''s business, or was there before.',
      'Enter the amount by itself.');
  ELSIF NEW.window_id IS NOT NULL THEN
    -- Money of a promotion is counted once for each moment, whoever reports it and under whichever plan: two plans that watch
    -- the same earnings, or a plan and the one that replaces it, would count them twice. Windows of a plan that bring money of
    -- a kind do not overlap, so of each plan the newest that begins before this one's end is the only one that can.
    SELECT x.* INTO v_window FROM public.approvals_monitoringwindow x WHERE x.id = NEW.window_id;
    SELECT max(o.window_end) INTO v_counted_until FROM public.approvals_plan l CROSS JOIN LATERAL (
        SELECT x.window_end FROM public.approvals_monitoringwindow x
        JOIN public.approvals_moneyentry m ON m.window_id = x.id AND m.kind = NEW.kind
        WHERE x.promotion_id = v_window.promotion_id AND x.plan_id = l.id AND x.window_start < v_window.window_end
        ORDER BY x.window_start DESC, x.id DESC LIMIT 1) o
      WHERE l.model_id = NEW.model_id AND l.kind = 'monitoring_business';
    IF v_counted_until > v_window.window_start THEN
      PERFORM muniment.refuse('MU008', 'money-counted', format('The %s of this window, or of a part of it, is counted already.',
          CASE NEW.kind WHEN 'value' THEN 'value' ELSE 'running cost' END),
        'Report the window without it; what comes from elsewhere is entered by itself. What was entered wrongly is taken back by a negative entry of its own.');
    END IF;
  END IF;
  RETURN NEW;
END $$;
DROP TRIGGER IF EXISTS r_money ON public.approvals_moneyentry;
CREATE TRIGGER r_money BEFORE INSERT ON public.approvals_moneyentry FOR EACH ROW EXECUTE FUNCTION muniment.check_money();
ALTER TABLE public.approvals_moneyentry ENABLE ALWAYS TRIGGER r_money;

-- Bad evidence of what serves, under a monitoring plan: one open finding per promotion and plan. What goes on being bad adds
-- nothing; where it was good between, or a day has gone by, that is said again as an event.
CREATE OR REPLACE FUNCTION muniment.record_breach(e public.approvals_evidence) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  l record;
  f record;
  v_text text;
  v_before text;
  v_said timestamptz;
  v_here boolean;
  v_finding bigint;
BEGIN
  SELECT p.title, m.owner_id, m.namespace_id INTO l FROM public.approvals_plan p
    LEFT JOIN public.lineage_model m ON m.id = p.model_id WHERE p.id = e.plan_id;
  PERFORM muniment.lock_promotion(e.promotion_id);
  v_text := muniment.breach_in_words(e, l.title);
  SELECT x.id, x.recorded_at INTO f FROM public.approvals_finding x
    WHERE x.promotion_id = e.promotion_id AND x.plan_id = e.plan_id AND x.kind = 'monitoring_breach'
      AND muniment.finding_open(x.id) ORDER BY x.id DESC LIMIT 1;
  IF f.id IS NULL THEN
    INSERT INTO public.approvals_finding (namespace_id, kind, promotion_id, plan_id, text, severity, owner_id, when_overdue, blocks)
      VALUES (l.namespace_id, 'monitoring_breach', e.promotion_id, e.plan_id, v_text, 'high', l.owner_id, 'nothing', false)
      RETURNING id INTO v_finding;
    PERFORM muniment.tell('monitoring.breached', jsonb_build_object('finding', v_finding), format('promotion:%s', e.promotion_id));
    RETURN;
  END IF;
  SELECT w.verdict INTO v_before FROM public.approvals_monitoringwindow w
    WHERE w.promotion_id = e.promotion_id AND w.plan_id = e.plan_id AND w.window_end <= e.window_start AND w.verdict <> ''
    ORDER BY w.window_end DESC, w.id DESC LIMIT 1;
  -- A batch is one act, and says it once.
  v_here := EXISTS (SELECT 1 FROM public.approvals_historicalfinding h
                    WHERE h.action_id = current_setting('muniment.action')::uuid AND h.id = f.id)
    OR EXISTS (SELECT 1 FROM public.approvals_historicalfindingevent h
               WHERE h.action_id = current_setting('muniment.action')::uuid AND h.finding_id = f.id);
  SELECT coalesce(max(v.recorded_at), f.recorded_at) INTO v_said FROM public.approvals_findingevent v
    WHERE v.finding_id = f.id AND v.kind = 'recurred';
  IF v_before = 'good' AND NOT v_here OR v_said < clock_timestamp() - interval '1 day' THEN
    INSERT INTO public.approvals_findingevent (finding_id, kind, text) VALUES (f.id, 'recurred', v_text);
    PERFORM muniment.tell('monitoring.breached', jsonb_build_object('finding', f.id), format('promotion:%s', e.promotion_id));
  END IF;
END $$;

-- A measured figure as it is told beside its limit: two digits more than that has, four at least, all where fewer would say
-- that it equals it. Figures that no decimal tells (NaN, Infinity) stay as they are.
CREATE OR REPLACE FUNCTION muniment.told_beside(p_value numeric, p_limit numeric) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN scale(p_value) IS NULL OR r.short = p_limit THEN trim_scale(p_value) ELSE r.short END::text
  FROM (SELECT trim_scale(round(p_value, greatest(coalesce(scale(p_limit), 0) + 2, 4))) AS short) r
$$;

-- Which limits were crossed, in words; six at most.
CREATE OR REPLACE FUNCTION muniment.breach_in_words(e public.approvals_evidence, p_title text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_lacks text;
BEGIN
  SELECT string_agg(CASE WHEN s.lack ? 'item' THEN format('item %s', s.lack ->> 'item')
      ELSE format('%s%s is %s, limit %s %s', s.lack ->> 'metric', CASE WHEN s.lack ->> 'slice' <> '' THEN ' (' || (s.lack ->> 'slice') || ')' ELSE '' END,
                  coalesce(muniment.told_beside((s.lack ->> 'value')::numeric, (s.lack ->> 'threshold')::numeric), 'missing'),
                  CASE s.lack ->> 'comparator' WHEN 'ge' THEN '≥' WHEN 'gt' THEN '>' WHEN 'le' THEN '≤' WHEN 'lt' THEN '<' ELSE '=' END,
                  s.lack ->> 'threshold') END, '; ' ORDER BY s.n)
    INTO v_lacks FROM jsonb_array_elements(muniment.evidence_shortfalls(e.id)) WITH ORDINALITY AS s (lack, n) WHERE s.n <= 6;
  RETURN left(format('%s%s: %s.', p_title, CASE WHEN e.window_start IS NULL THEN '' ELSE format(', window %s to %s',
      to_char(e.window_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), to_char(e.window_end AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')) END,
    v_lacks), 4000);
END $$;

-- Whether the policy's answer to a breach is there already: a notice under the same plan that stands, or one confirmed since
-- the finding was raised. A window is one more of the same, and no new fact.
CREATE OR REPLACE FUNCTION muniment.breach_answered(e public.approvals_evidence) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (
    SELECT 1 FROM public.approvals_servingnotice n
    JOIN public.approvals_evidence o ON o.id = n.cause_id
    LEFT JOIN public.approvals_servingnoticeend x ON x.notice_id = n.id
    WHERE n.promotion_id = e.promotion_id AND n.cause = 'evidence_failed' AND o.plan_id = e.plan_id
      AND o.promotion_id = e.promotion_id
      AND (x.id IS NULL OR x.kind = 'confirmed' AND n.recorded_at >= (
             SELECT min(f.recorded_at) FROM public.approvals_finding f
             WHERE f.promotion_id = e.promotion_id AND f.plan_id = e.plan_id AND muniment.finding_open(f.id))));
END $$;

-- Plans under which windows of a promotion are expected by now and none came: the newest of its title, stating how often,
-- where traffic is live or a window came before. By the clock alone: whether anything reminded anybody does not matter.
-- What came is what the plan can judge: that predictions were made says nothing of how good they were.
CREATE OR REPLACE FUNCTION muniment.monitoring_silence(promotions bigint[], at timestamptz)
RETURNS TABLE (promotion_id bigint, plan_id bigint, last_end timestamptz, expected_by timestamptz)
LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT p.id, l.id, w.newest,
           coalesce(w.newest, greatest(p.started_at, l.locked_at)) + make_interval(mins => l.expected_every_minutes)
    FROM public.approvals_promotion p
    JOIN public.approvals_environment v ON v.id = p.environment_id
    JOIN public.approvals_plan l ON l.model_id = p.model_id AND l.expected_every_minutes IS NOT NULL
      AND starts_with(l.kind, 'monitoring_')
    LEFT JOIN LATERAL (SELECT x.window_end AS newest FROM public.approvals_monitoringwindow x
                       WHERE x.promotion_id = p.id AND x.plan_id = l.id AND x.recorded_at <= monitoring_silence.at
                         AND x.kind <> 'predictions' ORDER BY x.window_end DESC LIMIT 1) w ON true
    WHERE p.id = ANY (promotions) AND l.locked_at <= monitoring_silence.at
      AND (v.live_traffic OR EXISTS (SELECT 1 FROM public.approvals_monitoringwindow x WHERE x.promotion_id = p.id
                                       AND x.plan_id = l.id AND x.recorded_at <= monitoring_silence.at))
      AND NOT EXISTS (SELECT 1 FROM public.approvals_promotionend e WHERE e.promotion_id = p.id AND e.ended_at <= monitoring_silence.at)
      AND NOT EXISTS (SELECT 1 FROM public.approvals_plan n WHERE n.model_id = l.model_id AND n.kind = l.kind
                        AND n.title = l.title AND n.id > l.id AND n.locked_at <= monitoring_silence.at)
      AND coalesce(w.newest, greatest(p.started_at, l.locked_at)) + make_interval(mins => l.expected_every_minutes)
            <= monitoring_silence.at;
END $$;
