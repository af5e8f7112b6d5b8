-- Which time the counts of a trial cover.

-- The moments that the windows of an arm cover, of the counts up to an id that end by a moment: of the primary metric, or of
-- a guardrail.
CREATE OR REPLACE FUNCTION muniment.trial_covered(p_trial bigint, p_arm text, p_guardrail bigint, p_counts_through bigint,
                                                  p_through timestamptz) RETURNS tstzmultirange LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT coalesce(range_agg(tstzrange(c.window_start, c.window_end)), '{}') FROM public.approvals_trialcount c
          WHERE c.trial_id = p_trial AND c.arm = p_arm AND c.guardrail_id IS NOT DISTINCT FROM p_guardrail
            AND c.id <= p_counts_through AND c.window_end <= p_through);
END $$;

-- How the counts that would be judged are not of one time, in a sentence; NULL where they are: both arms from the trial's
-- beginning on without a gap, and each guardrail that was counted just as the primary metric. Who leaves windows out would
-- choose what is compared. Counting may begin within the length of its first window, of a day at most: windows follow the clock.
CREATE OR REPLACE FUNCTION muniment.trial_unevenness(p_trial bigint, p_counts_through bigint, p_through timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_champion tstzmultirange := muniment.trial_covered(p_trial, 'champion', NULL, p_counts_through, p_through);
  v_challenger tstzmultirange := muniment.trial_covered(p_trial, 'challenger', NULL, p_counts_through, p_through);
  v_apart tstzmultirange := (v_champion + v_challenger) - (v_champion * v_challenger);
  v_begun timestamptz := (SELECT s.started_at FROM muniment.trial_span(p_trial) s);
  v_first interval := (SELECT c.window_end - c.window_start FROM public.approvals_trialcount c
                       WHERE c.trial_id = p_trial AND c.guardrail_id IS NULL AND c.id <= p_counts_through
                         AND c.window_end <= p_through ORDER BY c.window_start, c.window_end LIMIT 1);
  v_guardrail text;
BEGIN
  IF NOT isempty(v_apart) THEN
    RETURN format('From %s on only one of the arms was counted.', muniment.moment_in_words(lower(v_apart)));
  ELSIF lower(v_champion) - v_begun > least(v_first, interval '1 day') THEN
    RETURN format('The trial began at %s, and nothing was counted until %s.', muniment.moment_in_words(v_begun),
                  muniment.moment_in_words(lower(v_champion)));
  END IF;
  v_apart := range_merge(v_champion)::tstzmultirange - v_champion;
  IF NOT isempty(v_apart) THEN
    RETURN format('From %s on nothing was counted for a while.', muniment.moment_in_words(lower(v_apart)));
  END IF;
  SELECT g.metric, (x.covered + v_champion) - (x.covered * v_champion) INTO v_guardrail, v_apart
    FROM public.approvals_trialguardrail g
    CROSS JOIN LATERAL (VALUES ('champion'), ('challenger')) AS a (arm)
    CROSS JOIN LATERAL muniment.trial_covered(p_trial, a.arm, g.id, p_counts_through, p_through) AS x (covered)
    WHERE g.trial_id = p_trial AND x.covered <> v_champion AND EXISTS (
      SELECT 1 FROM public.approvals_trialcount c WHERE c.trial_id = p_trial AND c.guardrail_id = g.id
        AND c.id <= p_counts_through)
    ORDER BY g.id LIMIT 1;
  IF FOUND THEN
    RETURN format('The guardrail %s was not counted over the same time as the primary metric, from %s on.', v_guardrail,
                  muniment.moment_in_words(lower(v_apart)));
  END IF;
  RETURN NULL;
END $$;

-- The same, unless it is on record as a deviation: one that came after what is counted speaks of it as it is. While nobody
-- accepts it the trial cannot end well.
CREATE OR REPLACE FUNCTION muniment.trial_unexplained(p_trial bigint, p_counts_through bigint, p_through timestamptz) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (
       SELECT 1 FROM public.approvals_trialdeviation d WHERE d.trial_id = p_trial AND d.kind = 'data' AND d.recorded_at >= (
         SELECT max(c.recorded_at) FROM public.approvals_trialcount c
         WHERE c.trial_id = p_trial AND c.id <= p_counts_through AND c.window_end <= p_through)) THEN
    RETURN NULL;
  END IF;
  RETURN muniment.trial_unevenness(p_trial, p_counts_through, p_through);
END $$;

CREATE OR REPLACE FUNCTION muniment.moment_in_words(p_moment timestamptz) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN to_char(p_moment AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US "UTC"');
END $$;
