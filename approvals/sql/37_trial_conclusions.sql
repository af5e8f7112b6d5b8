-- The evidence of a trial follows from its conclusion, once, on what was tried; its figures fit what was counted, and its
-- sources are those who counted.

CREATE OR REPLACE FUNCTION muniment.check_trial_evidence() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_trial bigint := (SELECT t.id FROM public.approvals_trial t WHERE t.plan_id = NEW.plan_id);
  s record;
BEGIN
  IF v_trial IS NULL THEN
    RETURN NEW;
  END IF;
  IF EXISTS (SELECT 1 FROM public.approvals_evidence e WHERE e.plan_id = NEW.plan_id)
     OR NOT EXISTS (SELECT 1 FROM public.approvals_trialconclusion c WHERE c.trial_id = v_trial)
     OR (SELECT kind FROM public.governance_principal WHERE id = muniment.actor_id()) <> 'system' THEN
    PERFORM muniment.refuse('MU008', 'trial-evidence', 'What a trial shows is worked out from its counts; nobody reports it.',
      'Send the counts, and conclude the trial.');
  END IF;
  SELECT * INTO s FROM muniment.trial_span(v_trial);
  IF NEW.model_version_id IS DISTINCT FROM s.model_version_id OR NEW.run_started_at IS DISTINCT FROM s.started_at
     OR NEW.claim <> '' THEN
    PERFORM muniment.refuse('MU009', 'trial-subject', 'The evidence of a trial is about its challenger, from the trial''s beginning.',
      'Conclude the trial by the act that writes both.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS s_trial_evidence ON public.approvals_evidence;
CREATE TRIGGER s_trial_evidence BEFORE INSERT ON public.approvals_evidence
  FOR EACH ROW EXECUTE FUNCTION muniment.check_trial_evidence();
ALTER TABLE public.approvals_evidence ENABLE ALWAYS TRIGGER s_trial_evidence;

-- What an A/B test measured is worked out from the counts of a trial. A plan of that kind without one keeps what an outside
-- tool claims, as reported, and takes no figures: nobody could say how often they were looked at before.
CREATE OR REPLACE FUNCTION muniment.check_trial_value() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM public.approvals_evidence e JOIN public.approvals_plan p ON p.id = e.plan_id
             WHERE e.id = NEW.evidence_id AND p.kind = 'ab_test'
               AND NOT EXISTS (SELECT 1 FROM public.approvals_trial t WHERE t.plan_id = p.id)) THEN
    PERFORM muniment.refuse('MU009', 'no-counts', 'What an A/B test measured is worked out from the counts of its trial.',
      'Lock a trial, send its counts and conclude it; a claim without figures is kept as reported.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS s_trial_value ON public.approvals_evidencevalue;
CREATE TRIGGER s_trial_value BEFORE INSERT ON public.approvals_evidencevalue
  FOR EACH ROW EXECUTE FUNCTION muniment.check_trial_value();
ALTER TABLE public.approvals_evidencevalue ENABLE ALWAYS TRIGGER s_trial_value;

-- P(Z >= z) of the normal distribution, to 1e-7 (Abramowitz & Stegun 26.2.17). No PostgreSQL before 16 has erf.
CREATE OR REPLACE FUNCTION muniment.normal_tail(z double precision) RETURNS double precision LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t double precision := 1 / (1 + 0.2316419 * least(abs(z), 37));
  tail double precision;
BEGIN
  tail := exp(-least(z * z, 1400) / 2) / sqrt(2 * pi())
    * t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  RETURN CASE WHEN z >= 0 THEN tail ELSE 1 - tail END;
END $$;

-- The difference between the arms, the standard error of the planned test, of the counts that a conclusion rests on.
CREATE OR REPLACE FUNCTION muniment.trial_difference(c public.approvals_trialconclusion,
                                                     OUT estimate numeric, OUT error double precision)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a record;
  b record;
  v_rate numeric;
BEGIN
  SELECT sum(x.units) AS n, sum(x.total) AS s, sum(x.squares) AS q INTO a FROM public.approvals_trialcount x
    WHERE x.trial_id = c.trial_id AND x.guardrail_id IS NULL AND x.arm = 'champion' AND x.id <= c.counts_through
      AND x.window_end <= c.through;
  SELECT sum(x.units) AS n, sum(x.total) AS s, sum(x.squares) AS q INTO b FROM public.approvals_trialcount x
    WHERE x.trial_id = c.trial_id AND x.guardrail_id IS NULL AND x.arm = 'challenger' AND x.id <= c.counts_through
      AND x.window_end <= c.through;
  IF coalesce(a.n, 0) = 0 OR coalesce(b.n, 0) = 0 THEN
    RETURN;
  END IF;
  estimate := b.s / b.n - a.s / a.n;
  IF a.q IS NULL THEN
    v_rate := (a.s + b.s) / (a.n + b.n);
    error := sqrt((v_rate * (1 - v_rate) * (1.0 / a.n + 1.0 / b.n))::double precision);
  ELSIF a.n > 1 AND b.n > 1 THEN
    error := sqrt((greatest(a.q - a.s * a.s / a.n, 0) / (a.n - 1) / a.n
                   + greatest(b.q - b.s * b.s / b.n, 0) / (b.n - 1) / b.n)::double precision);
  END IF;
END $$;

-- Whether a guardrail's harm lies on the better side of the difference that was counted: the bound of an interval never does.
CREATE OR REPLACE FUNCTION muniment.harm_below_counts(c public.approvals_trialconclusion, p_evidence bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (
    SELECT 1 FROM public.approvals_evidencevalue x
    LEFT JOIN public.approvals_trialguardrail g ON g.trial_id = c.trial_id AND g.metric = x.slice
    LEFT JOIN LATERAL (
      SELECT CASE g.better WHEN 'higher' THEN -1 ELSE 1 END * (
               sum(k.total) FILTER (WHERE k.arm = 'challenger') / nullif(sum(k.units) FILTER (WHERE k.arm = 'challenger'), 0)
               - sum(k.total) FILTER (WHERE k.arm = 'champion') / nullif(sum(k.units) FILTER (WHERE k.arm = 'champion'), 0)) AS worse
      FROM public.approvals_trialcount k
      WHERE k.guardrail_id = g.id AND k.id <= c.counts_through AND k.window_end <= c.through) d ON true
    WHERE x.evidence_id = p_evidence AND x.metric = 'guardrail_harm'
      AND (x.value >= d.worse - 1e-7 * greatest(abs(d.worse), 1)) IS NOT TRUE);
END $$;

-- What a conclusion says must fit the counts: units and open deviations exactly, the difference, and neither p-value on the
-- better side of what the counts allow. The tail of Student's t and the boundary of several looks only make p larger. Asked
-- again by each figure that comes: one left out until the others were looked at is looked at too.
CREATE OR REPLACE FUNCTION muniment.check_trial_figures() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n public.approvals_evidence%ROWTYPE;
  t public.approvals_trial%ROWTYPE;
  c public.approvals_trialconclusion%ROWTYPE;
  d record;
  v jsonb;
  v_units numeric;
  v_chi double precision;
  v_least double precision := 1;
BEGIN
  IF TG_TABLE_NAME = 'approvals_evidencevalue' THEN
    IF EXISTS (SELECT 1 FROM public.approvals_evidencevalue x WHERE x.evidence_id = NEW.evidence_id AND x.id > NEW.id) THEN
      RETURN NULL;
    END IF;
    SELECT * INTO n FROM public.approvals_evidence x WHERE x.id = NEW.evidence_id;
  ELSE
    SELECT * INTO n FROM public.approvals_evidence x WHERE x.id = NEW.id;
  END IF;
  SELECT * INTO t FROM public.approvals_trial x WHERE x.plan_id = n.plan_id;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  SELECT * INTO c FROM public.approvals_trialconclusion x WHERE x.trial_id = t.id;
  v_units := c.champion_units + c.challenger_units;
  SELECT jsonb_object_agg(x.metric || CASE WHEN x.slice = '' THEN '' ELSE '/' || x.slice END, x.value) INTO v
    FROM public.approvals_evidencevalue x WHERE x.evidence_id = n.id;
  SELECT * INTO d FROM muniment.trial_difference(c);
  v_chi := CASE WHEN v_units = 0 THEN 0 ELSE (c.challenger_units - v_units * t.challenger_share) ^ 2
             / (v_units * t.challenger_share * (1 - t.challenger_share)) END;
  IF d.error > 0 THEN
    v_least := CASE t.sides WHEN 'two' THEN 2 * muniment.normal_tail(abs(d.estimate) / d.error)
      ELSE muniment.normal_tail(CASE t.better WHEN 'higher' THEN 1 ELSE -1 END * d.estimate / d.error) END;
  END IF;
  IF (v ->> 'units/champion')::numeric IS DISTINCT FROM c.champion_units::numeric
     OR (v ->> 'units/challenger')::numeric IS DISTINCT FROM c.challenger_units::numeric
     OR (v ->> 'open_deviations')::numeric IS DISTINCT FROM muniment.open_deviations(t.id)::numeric
     OR abs((v ->> 'effect')::numeric - d.estimate) > 1e-7 * greatest(abs(d.estimate), 1)
     OR (v ? 'effect' AND d.estimate IS NULL)
     OR (v ->> 'p_value')::double precision < v_least * 0.999 - 1e-6
     OR (v ->> 'sample_ratio_p')::double precision
        > coalesce(2 * muniment.normal_tail(sqrt(v_chi)), 0) * 1.001 + 1e-6
     OR muniment.harm_below_counts(c, n.id)
     -- A figure of another name could stand in for one of these above, and not in the verdict.
     OR EXISTS (SELECT 1 FROM public.approvals_evidencevalue x WHERE x.evidence_id = n.id AND (x.dataset_role <> ''
                  OR x.metric NOT IN ('units', 'open_deviations', 'effect', 'p_value', 'sample_ratio_p', 'guardrail_harm'))) THEN
    PERFORM muniment.refuse('MU009', 'trial-figures', 'The figures are not those of the counts.',
      'Conclude the trial by the act that works them out.');
  ELSIF EXISTS (SELECT 1 FROM public.approvals_trialcount x WHERE x.trial_id = t.id AND NOT EXISTS (
                  SELECT 1 FROM public.approvals_evidencesource s
                  WHERE s.evidence_id = n.id AND s.principal_id = x.recorded_by_id)) THEN
    PERFORM muniment.refuse('MU009', 'trial-sources', 'Whoever counted is a source of what a trial shows.',
      'Conclude the trial by the act that names them.');
  END IF;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS x_trial_figures ON public.approvals_evidence;
CREATE CONSTRAINT TRIGGER x_trial_figures AFTER INSERT ON public.approvals_evidence DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION muniment.check_trial_figures();
ALTER TABLE public.approvals_evidence ENABLE ALWAYS TRIGGER x_trial_figures;
DROP TRIGGER IF EXISTS x_trial_figures ON public.approvals_evidencevalue;
CREATE CONSTRAINT TRIGGER x_trial_figures AFTER INSERT ON public.approvals_evidencevalue DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.metric IN ('units', 'open_deviations', 'effect', 'p_value', 'sample_ratio_p', 'guardrail_harm'))
  EXECUTE FUNCTION muniment.check_trial_figures();
ALTER TABLE public.approvals_evidencevalue ENABLE ALWAYS TRIGGER x_trial_figures;
