-- A/B tests: the plan is locked whole, counts come from the time of the trial and once, and the evidence is worked out
-- from them and from nothing else.

-- When a trial began and ended, by what served: it begins as its challenger goes live beside a champion, and ends with
-- either of them or on its day. The first time alone: a plan is for one trial. No row: it has not begun.
CREATE OR REPLACE FUNCTION muniment.trial_span(trial bigint)
RETURNS TABLE (champion_id bigint, challenger_id bigint, model_version_id bigint, started_at timestamptz, ended_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    SELECT c.id, p.id, r.model_version_id, p.started_at, least(r.trial_ends_at, e.ended_at, c.ended_at)
    FROM public.approvals_trial t
    JOIN public.approvals_release r ON r.trial_plan_id = t.plan_id AND r.environment_id = t.environment_id
    JOIN public.approvals_promotion p ON p.release_id = r.id AND p.slot = 'challenger'
    LEFT JOIN public.approvals_promotionend e ON e.promotion_id = p.id
    JOIN LATERAL (
      SELECT x.id, xe.ended_at FROM public.approvals_promotion x
      LEFT JOIN public.approvals_promotionend xe ON xe.promotion_id = x.id
      WHERE x.model_id = p.model_id AND x.environment_id = p.environment_id AND x.slot = 'champion'
        AND x.started_at <= p.started_at AND (xe.ended_at IS NULL OR xe.ended_at > p.started_at)
      ORDER BY x.id DESC LIMIT 1) c ON true
    WHERE t.id = trial_span.trial ORDER BY p.id LIMIT 1;
END $$;

-- What counts of the counts up to an id: windows until both arms first had their planned units, so that nobody chooses
-- when to stop by what they see; all of them where they have not. No row: nothing was counted.
CREATE OR REPLACE FUNCTION muniment.trial_reach(trial bigint, counts_through bigint)
RETURNS TABLE (through timestamptz, champion_units bigint, challenger_units bigint)
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
    WITH windows AS (
      SELECT c.window_end AS ends, coalesce(sum(c.units) FILTER (WHERE c.arm = 'champion'), 0) AS champion,
             coalesce(sum(c.units) FILTER (WHERE c.arm = 'challenger'), 0) AS challenger
      FROM public.approvals_trialcount c
      WHERE c.trial_id = trial_reach.trial AND c.guardrail_id IS NULL AND c.id <= trial_reach.counts_through
      GROUP BY c.window_end),
    so_far AS (
      SELECT w.ends, sum(w.champion) OVER (ORDER BY w.ends) AS champion, sum(w.challenger) OVER (ORDER BY w.ends) AS challenger
      FROM windows w)
    SELECT s.ends, s.champion::bigint, s.challenger::bigint
    FROM so_far s, public.approvals_trial t WHERE t.id = trial_reach.trial
    ORDER BY s.champion >= t.champion_units AND s.challenger >= t.challenger_units DESC,
             CASE WHEN s.champion >= t.champion_units AND s.challenger >= t.challenger_units THEN s.ends END,
             s.ends DESC
    LIMIT 1;
END $$;

-- Everyone who records something of a trial locks its row.
CREATE OR REPLACE FUNCTION muniment.lock_trial(trial bigint) RETURNS void LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.require_read_committed();
  PERFORM 1 FROM public.approvals_trial t WHERE t.id = trial FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-trial', 'There is no such trial.', 'Lock a plan for one.');
  END IF;
END $$;

-- A trial that is concluded takes nothing more.
CREATE OR REPLACE FUNCTION muniment.require_running_trial(trial bigint) RETURNS void LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.lock_trial(trial);
  IF EXISTS (SELECT 1 FROM public.approvals_trialconclusion c WHERE c.trial_id = trial) THEN
    PERFORM muniment.refuse('MU008', 'trial-concluded', 'This trial is concluded.',
      'What is found now is a finding on the challenger; what is to be measured anew takes a new plan.');
  END IF;
END $$;

CREATE OR REPLACE FUNCTION muniment.check_trial_design() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM public.approvals_plan p
                 WHERE p.id = NEW.plan_id AND muniment.written_here(p.written_in, p.recorded_at)) THEN
    PERFORM muniment.refuse('MU003', 'plan-locked', 'This plan is locked: its trial came with it.',
      'Lock a new plan with its trial.');
  ELSIF NOT EXISTS (SELECT 1 FROM public.approvals_plan p
                    WHERE p.id = NEW.plan_id AND p.kind = 'ab_test' AND p.model_id IS NOT NULL) THEN
    PERFORM muniment.refuse('MU009', 'trial-plan', 'A trial belongs to a plan of kind ab_test, on a model.', 'Lock such a plan.');
  END IF;
  NEW.key := replace(gen_random_uuid()::text, '-', '');
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_trial ON public.approvals_trial;
CREATE TRIGGER r_trial BEFORE INSERT ON public.approvals_trial FOR EACH ROW EXECUTE FUNCTION muniment.check_trial_design();
ALTER TABLE public.approvals_trial ENABLE ALWAYS TRIGGER r_trial;

CREATE OR REPLACE FUNCTION muniment.check_trial_guardrail() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM public.approvals_trial t JOIN public.approvals_plan p ON p.id = t.plan_id
                 WHERE t.id = NEW.trial_id AND muniment.written_here(p.written_in, p.recorded_at)) THEN
    PERFORM muniment.refuse('MU003', 'plan-locked', 'This plan is locked: its guardrails came with it.',
      'Lock a new plan with its trial.');
  -- Asked here too: whoever has the bounds of a trial asked about early (SET CONSTRAINTS) is not asked again below.
  ELSIF NOT EXISTS (
      SELECT 1 FROM public.approvals_trial t JOIN public.approvals_plancriterion k ON k.plan_id = t.plan_id
      WHERE t.id = NEW.trial_id AND k.metric = 'guardrail_harm' AND k.comparator = 'lt' AND k.threshold = NEW.margin
        AND k.slice = NEW.metric AND k.dataset_role = '') THEN
    PERFORM muniment.refuse('MU009', 'trial-bounds', 'The plan lacks the bound that this guardrail is judged by.',
      'Lock trial and plan by the act that writes both.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_trial_guardrail ON public.approvals_trialguardrail;
CREATE TRIGGER r_trial_guardrail BEFORE INSERT ON public.approvals_trialguardrail
  FOR EACH ROW EXECUTE FUNCTION muniment.check_trial_guardrail();
ALTER TABLE public.approvals_trialguardrail ENABLE ALWAYS TRIGGER r_trial_guardrail;

-- The bounds that the plan of a trial has at least: the verdict must not come out good without them.
CREATE OR REPLACE FUNCTION muniment.trial_bounds(trial bigint)
RETURNS TABLE (metric text, comparator text, threshold numeric, slice text) LANGUAGE plpgsql STABLE ROWS 6
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  t public.approvals_trial%ROWTYPE;
BEGIN
  SELECT * INTO t FROM public.approvals_trial x WHERE x.id = trial_bounds.trial;
  RETURN QUERY VALUES
    ('p_value', 'le', t.alpha, ''), ('effect', CASE t.better WHEN 'higher' THEN 'gt' ELSE 'lt' END, 0, ''),
    ('units', 'ge', ceil(t.champion_units::numeric / t.looks), 'champion'),
    ('units', 'ge', ceil(t.challenger_units::numeric / t.looks), 'challenger'),
    ('sample_ratio_p', 'ge', 0.001, ''), ('open_deviations', 'eq', 0, '');
  RETURN QUERY SELECT 'guardrail_harm', 'lt', g.margin, g.metric::text
    FROM public.approvals_trialguardrail g WHERE g.trial_id = t.id;
END $$;

CREATE OR REPLACE FUNCTION muniment.check_trial_bounds() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_least record;
  v_power double precision;
BEGIN
  IF EXISTS (
      SELECT 1 FROM muniment.trial_bounds(NEW.id) b WHERE NOT EXISTS (
        SELECT 1 FROM public.approvals_plancriterion k
        WHERE k.plan_id = NEW.plan_id AND k.metric = b.metric AND k.comparator = b.comparator AND k.slice = b.slice
          AND k.threshold = b.threshold AND k.dataset_role = '')) THEN
    PERFORM muniment.refuse('MU009', 'trial-bounds', 'The plan lacks bounds that its trial is judged by.',
      'Lock trial and plan by the act that writes both.');
  END IF;
  IF NEW.metric_kind = 'proportion' AND NOT (
       NEW.baseline > 0 AND NEW.baseline < 1
       AND NEW.baseline + (CASE NEW.better WHEN 'higher' THEN 1 ELSE -1 END) * NEW.minimum_effect BETWEEN 1e-30 AND 1 - 1e-30) THEN
    PERFORM muniment.refuse('MU009', 'trial-rates', 'The rates of champion and challenger lie between 0 and 1.',
      'Give the champion''s rate as expected, and a smaller minimum effect.');
  END IF;
  SELECT * INTO v_least FROM muniment.trial_least_units(NEW);
  IF NEW.champion_units < v_least.champion OR NEW.challenger_units < v_least.challenger THEN
    PERFORM muniment.refuse('MU009', 'trial-too-small', format(
        'To find this minimum effect with this power takes at least %s units of the champion and %s of the challenger.',
        v_least.champion, v_least.challenger), 'Lock trial and plan by the act that works the units out.');
  END IF;
  IF NEW.looks > 1 THEN
    v_power := muniment.trial_power(NEW);
    IF v_power < NEW.power - 1e-5 THEN  -- the two integrations agree within a third of it
      PERFORM muniment.refuse('MU009', 'trial-too-small', format(
          'With %s looks these units find the minimum effect with a power of %s, not %s.', NEW.looks, round(v_power::numeric, 4), NEW.power),
        'Lock trial and plan by the act that works the units out.');
    END IF;
  END IF;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS x_trial_bounds ON public.approvals_trial;
CREATE CONSTRAINT TRIGGER x_trial_bounds AFTER INSERT ON public.approvals_trial DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION muniment.check_trial_bounds();
ALTER TABLE public.approvals_trial ENABLE ALWAYS TRIGGER x_trial_bounds;

-- Whether numbers can be what a metric of this kind counts: successes among units, or a sum with its squares (Cauchy-Schwarz).
CREATE OR REPLACE FUNCTION muniment.countable(kind text, units bigint, total numeric, squares numeric) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF kind = 'proportion' THEN
    RETURN squares IS NULL AND total >= 0 AND total <= units AND total = trunc(total);
  END IF;
  RETURN squares IS NOT NULL AND units * squares >= total * total AND (units > 0 OR (total = 0 AND squares = 0));
END $$;

CREATE OR REPLACE FUNCTION muniment.check_trial_count() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_kind text;
  s record;
BEGIN
  PERFORM muniment.require_running_trial(NEW.trial_id);
  -- The id was drawn before the wait for the lock, and looks say up to which id they looked.
  IF EXISTS (SELECT 1 FROM public.approvals_trialcount c WHERE c.trial_id = NEW.trial_id AND c.id > NEW.id) THEN
    PERFORM muniment.refuse('40001', 'count-overtaken', 'Other counts were recorded meanwhile.', 'Try again.');
  END IF;
  SELECT coalesce(g.metric_kind, CASE WHEN NEW.guardrail_id IS NULL THEN t.metric_kind END) INTO v_kind
    FROM public.approvals_trial t
    LEFT JOIN public.approvals_trialguardrail g ON g.id = NEW.guardrail_id AND g.trial_id = t.id WHERE t.id = NEW.trial_id;
  IF v_kind IS NULL THEN
    PERFORM muniment.refuse('MU009', 'other-trial', 'The guardrail belongs to another trial.', 'Name one of this trial.');
  ELSIF muniment.countable(v_kind, NEW.units, NEW.total, NEW.squares) IS NOT TRUE THEN
    PERFORM muniment.refuse('MU009', 'not-countable',
      CASE v_kind WHEN 'proportion' THEN 'Of a proportion, the total is the units with success: a whole number from 0 to the units.'
        ELSE 'Of a mean, the sum of squares is given, and times the units it is at least the square of the total.' END,
      'Count again; leave the sum of squares out for a proportion.');
  END IF;
  SELECT * INTO s FROM muniment.trial_span(NEW.trial_id);
  IF s.challenger_id IS NULL THEN
    PERFORM muniment.refuse('MU008', 'trial-not-begun', 'This trial has not begun: its challenger is not live beside a champion.',
      'Promote the challenger under this plan, and count from then on.');
  ELSIF NEW.window_start < s.started_at THEN
    PERFORM muniment.refuse('MU009', 'before-trial', format('The trial began at %s UTC.',
      to_char(s.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')), 'Count from then on.');
  ELSIF NEW.window_end > s.ended_at THEN
    PERFORM muniment.refuse('MU009', 'after-trial', format('The trial ends at %s UTC.',
      to_char(s.ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')), 'Count until then.');
  ELSIF NEW.window_end > clock_timestamp() + interval '5 seconds' THEN  -- clocks of two machines differ a little
    PERFORM muniment.refuse('MU009', 'window-in-future', 'The window is not over.', 'Send it when it is.');
  ELSIF EXISTS (
      SELECT 1 FROM public.approvals_trialcount c
      WHERE c.trial_id = NEW.trial_id AND c.guardrail_id IS NOT DISTINCT FROM NEW.guardrail_id AND c.arm = NEW.arm
        AND c.window_start < NEW.window_end AND c.window_end > NEW.window_start) THEN
    PERFORM muniment.refuse('MU008', 'window-counted', 'Part of this window is counted already for this arm and metric.',
      'Send windows that do not overlap; what was counted wrongly is a deviation to record.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_trial_count ON public.approvals_trialcount;
CREATE TRIGGER r_trial_count BEFORE INSERT ON public.approvals_trialcount
  FOR EACH ROW EXECUTE FUNCTION muniment.check_trial_count();
ALTER TABLE public.approvals_trialcount ENABLE ALWAYS TRIGGER r_trial_count;

-- Looks and the conclusion: what was counted then is the database's to say.
CREATE OR REPLACE FUNCTION muniment.check_trial_reading() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_reach record;
  v_uneven text;
BEGIN
  PERFORM muniment.require_running_trial(NEW.trial_id);
  NEW.counts_through := (SELECT max(c.id) FROM public.approvals_trialcount c
                         WHERE c.trial_id = NEW.trial_id AND c.guardrail_id IS NULL);
  IF NEW.counts_through IS NULL THEN
    PERFORM muniment.refuse('MU008', 'nothing-counted', 'Nothing has been counted in this trial.', 'Send counts first.');
  END IF;
  NEW.counts_through := (SELECT max(c.id) FROM public.approvals_trialcount c WHERE c.trial_id = NEW.trial_id);
  SELECT * INTO v_reach FROM muniment.trial_reach(NEW.trial_id, NEW.counts_through);
  NEW.through := v_reach.through;
  NEW.champion_units := v_reach.champion_units;
  NEW.challenger_units := v_reach.challenger_units;
  IF TG_TABLE_NAME = 'approvals_triallook' AND EXISTS (
       SELECT 1 FROM public.approvals_triallook l
       WHERE l.trial_id = NEW.trial_id AND l.counts_through = NEW.counts_through) THEN
    PERFORM muniment.refuse('MU008', 'nothing-new', 'Nothing was counted since the last look.', 'Read what was seen then.');
  ELSIF TG_TABLE_NAME = 'approvals_trialconclusion' THEN
    v_uneven := muniment.trial_unexplained(NEW.trial_id, NEW.counts_through, NEW.through);
    IF v_uneven IS NOT NULL THEN
      PERFORM muniment.refuse('MU008', 'counts-uneven', v_uneven,
        'Send the windows that are missing, with 0 units where nobody came. Where they are lost, record that as a deviation of kind data.');
    END IF;
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_trial_look ON public.approvals_triallook;
CREATE TRIGGER r_trial_look BEFORE INSERT ON public.approvals_triallook
  FOR EACH ROW EXECUTE FUNCTION muniment.check_trial_reading();
ALTER TABLE public.approvals_triallook ENABLE ALWAYS TRIGGER r_trial_look;
DROP TRIGGER IF EXISTS r_trial_conclusion ON public.approvals_trialconclusion;
CREATE TRIGGER r_trial_conclusion BEFORE INSERT ON public.approvals_trialconclusion
  FOR EACH ROW EXECUTE FUNCTION muniment.check_trial_reading();
ALTER TABLE public.approvals_trialconclusion ENABLE ALWAYS TRIGGER r_trial_conclusion;

CREATE OR REPLACE FUNCTION muniment.check_trial_deviation() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.require_running_trial(NEW.trial_id);
  IF NEW.happened_at > clock_timestamp() + interval '5 seconds' THEN
    PERFORM muniment.refuse('MU009', 'not-yet', 'A deviation has happened.', 'Say since when it is so.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_trial_deviation ON public.approvals_trialdeviation;
CREATE TRIGGER r_trial_deviation BEFORE INSERT ON public.approvals_trialdeviation
  FOR EACH ROW EXECUTE FUNCTION muniment.check_trial_deviation();
ALTER TABLE public.approvals_trialdeviation ENABLE ALWAYS TRIGGER r_trial_deviation;

-- A deviation is accepted by someone who judges, neither recorded it nor had a hand in the challenger.
CREATE OR REPLACE FUNCTION muniment.check_trial_acceptance() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  d public.approvals_trialdeviation%ROWTYPE;
  p public.approvals_plan%ROWTYPE;
  v_person bigint := muniment.person_of(muniment.actor_id());
  v_version bigint;
BEGIN
  SELECT * INTO d FROM public.approvals_trialdeviation x WHERE x.id = NEW.deviation_id;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-deviation', 'There is no such deviation.', 'Record it first.');
  END IF;
  PERFORM muniment.require_running_trial(d.trial_id);
  SELECT x.* INTO p FROM public.approvals_plan x JOIN public.approvals_trial t ON t.plan_id = x.id WHERE t.id = d.trial_id;
  v_version := (SELECT s.model_version_id FROM muniment.trial_span(d.trial_id) s);
  IF NOT (muniment.is_person(muniment.actor_id()) AND muniment.holds_role(
       muniment.actor_id(), ARRAY['validator', 'risk_manager'], p.namespace_id, clock_timestamp())) THEN
    PERFORM muniment.refuse('MU006', 'not-a-judge', 'A deviation is accepted by a validator or a risk manager.', 'Ask one of them.');
  ELSIF v_person = ANY (muniment.persons_behind(d.recorded_by_id)) THEN
    PERFORM muniment.refuse('MU006', 'own-deviation', 'Nobody accepts a deviation they recorded.', 'Ask another person.');
  ELSIF v_person IN (SELECT * FROM muniment.hands_in(CASE WHEN v_version IS NULL THEN p.model_id END, v_version, NULL, NULL)) THEN
    PERFORM muniment.refuse('MU006', 'own-work', 'Nobody accepts a deviation in the trial of their own work.',
      'Ask someone who had no hand in it.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_trial_acceptance ON public.approvals_trialdeviationacceptance;
CREATE TRIGGER r_trial_acceptance BEFORE INSERT ON public.approvals_trialdeviationacceptance
  FOR EACH ROW EXECUTE FUNCTION muniment.check_trial_acceptance();
ALTER TABLE public.approvals_trialdeviationacceptance ENABLE ALWAYS TRIGGER r_trial_acceptance;

CREATE OR REPLACE FUNCTION muniment.open_deviations(trial bigint) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT count(*) FROM public.approvals_trialdeviation d WHERE d.trial_id = trial AND NOT EXISTS (
            SELECT 1 FROM public.approvals_trialdeviationacceptance a WHERE a.deviation_id = d.id));
END $$;
