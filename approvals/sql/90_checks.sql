-- Checks of data: plans come with the expectations they are of, checks are the server's, and a profile that arrives asks for one.

CREATE OR REPLACE FUNCTION muniment.check_expectation_plan() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p public.approvals_plan%ROWTYPE;
  s public.lineage_expectationset%ROWTYPE;
BEGIN
  SELECT * INTO p FROM public.approvals_plan WHERE id = NEW.plan_id;
  SELECT * INTO s FROM public.lineage_expectationset WHERE id = NEW.expectation_set_id;
  IF p.id IS NULL OR s.id IS NULL OR NOT muniment.written_here(p.written_in, p.recorded_at)
     OR s.recorded_at < transaction_timestamp() OR s.recorded_by_id <> muniment.actor_id() THEN
    PERFORM muniment.refuse('MU003', 'expectations-recorded', 'These expectations are recorded: their plans came with them.',
      'Record the expectations again; the new set has plans of its own.');
  END IF;
  IF p.dataset_id IS DISTINCT FROM s.dataset_id OR p.kind NOT IN ('data_quality', 'drift')
     OR EXISTS (SELECT 1 FROM public.approvals_expectationplan x JOIN public.approvals_plan o ON o.id = x.plan_id
                WHERE x.expectation_set_id = s.id AND o.kind = p.kind) THEN
    PERFORM muniment.refuse('MU009', 'other-subject', 'A set of expectations has one plan of each kind, about its dataset.',
      'Record the expectations again.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_rules ON public.approvals_expectationplan;
CREATE TRIGGER r_rules BEFORE INSERT ON public.approvals_expectationplan
  FOR EACH ROW EXECUTE FUNCTION muniment.check_expectation_plan();
ALTER TABLE public.approvals_expectationplan ENABLE ALWAYS TRIGGER r_rules;

CREATE OR REPLACE FUNCTION muniment.check_data_check() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_dataset bigint := (SELECT dataset_id FROM public.lineage_expectationset WHERE id = NEW.expectation_set_id);
BEGIN
  IF (SELECT kind FROM public.governance_principal WHERE id = muniment.actor_id()) IS DISTINCT FROM 'system' THEN
    PERFORM muniment.refuse('MU006', 'checks-by-server', 'Checks are worked out by the server.',
      'Record a profile: its check follows by itself.');
  END IF;
  IF v_dataset IS NULL
     OR v_dataset IS DISTINCT FROM (SELECT dataset_id FROM public.lineage_datasetversion WHERE id = NEW.dataset_version_id)
     OR NEW.dataset_version_id IS DISTINCT FROM (SELECT dataset_version_id FROM public.lineage_dataprofile WHERE id = NEW.profile_id)
     OR (NEW.baseline_id IS NOT NULL AND v_dataset IS DISTINCT FROM (
           SELECT v.dataset_id FROM public.lineage_dataprofile b JOIN public.lineage_datasetversion v ON v.id = b.dataset_version_id
           WHERE b.id = NEW.baseline_id)) THEN
    PERFORM muniment.refuse('MU009', 'other-subject', 'A check is of profiles of one dataset and what is expected of it.',
      'Name profiles of that dataset.');
  END IF;
  IF EXISTS (
       SELECT 1 FROM (VALUES (NEW.quality_id, 'data_quality'), (NEW.drift_id, 'drift')) AS g (evidence, kind)
       WHERE g.evidence IS NOT NULL AND NOT EXISTS (
         SELECT 1 FROM public.approvals_evidence e
         JOIN public.approvals_expectationplan x ON x.plan_id = e.plan_id AND x.expectation_set_id = NEW.expectation_set_id
         JOIN public.approvals_plan p ON p.id = e.plan_id AND p.kind = g.kind
         WHERE e.id = g.evidence AND e.dataset_version_id = NEW.dataset_version_id
           AND muniment.written_here(e.written_in, e.recorded_at))) THEN
    PERFORM muniment.refuse('MU009', 'other-evidence', 'The evidence of a check comes with it, under the plan of what was asked.',
      'Let the server run the check.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_rules ON public.approvals_datacheck;
CREATE TRIGGER r_rules BEFORE INSERT ON public.approvals_datacheck
  FOR EACH ROW EXECUTE FUNCTION muniment.check_data_check();
ALTER TABLE public.approvals_datacheck ENABLE ALWAYS TRIGGER r_rules;

-- By whichever door a profile comes, it is held against what is expected of its dataset; where nothing is, nobody is woken.
CREATE OR REPLACE FUNCTION muniment.ask_for_check() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_dataset bigint := (SELECT v.dataset_id FROM public.lineage_datasetversion v WHERE v.id = NEW.dataset_version_id);
BEGIN
  IF EXISTS (SELECT 1 FROM public.lineage_expectationset s WHERE s.dataset_id = v_dataset) THEN
    PERFORM muniment.tell('data_profile.recorded', jsonb_build_object('profile', NEW.id), format('dataset:%s', v_dataset));
  END IF;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS zz_ask_for_check ON public.lineage_dataprofile;
CREATE TRIGGER zz_ask_for_check AFTER INSERT ON public.lineage_dataprofile
  FOR EACH ROW EXECUTE FUNCTION muniment.ask_for_check();
ALTER TABLE public.lineage_dataprofile ENABLE ALWAYS TRIGGER zz_ask_for_check;
