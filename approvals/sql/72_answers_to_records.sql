-- Facts about the record itself that change under live promotions: other bytes found where the artifact lies, a link above
-- it corrected, the model put to another use. Answered as those of 71_answers.sql, and under the same locks.

-- Other bytes than those on record: whatever of that version is live.
CREATE OR REPLACE FUNCTION muniment.answer_contradiction() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_keys bigint[] := ARRAY[NEW.model_version_id * 4 + 2];
BEGIN
  PERFORM muniment.answer_under('digest_contradicted', NEW.id, (
      SELECT jsonb_build_array(jsonb_build_object('kind', 'contradiction', 'id', NEW.id, 'page', v.id, 'name', m.name,
               'detail', NEW.digest_algorithm || ':' || NEW.digest_value, 'namespace', m.namespace_id))
      FROM public.lineage_modelversion v JOIN public.lineage_model m ON m.id = v.model_id WHERE v.id = NEW.model_version_id),
    v_keys, v_keys, muniment.live_among(v_keys));
  RETURN NULL;
END $$;

-- What lies below a corrected link, as keys of muniment.below: what the run made, or what was said to be made by it.
CREATE OR REPLACE FUNCTION muniment.keys_under_link(p_correction public.lineage_linkcorrection) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN ARRAY(
    SELECT coalesce(o.dataset_version_id * 4, o.model_version_id * 4 + 2) FROM public.lineage_runoutput o
      WHERE o.id = p_correction.run_output_id OR p_correction.run_input_id IS NOT NULL AND o.run_id = p_correction.run_id
    UNION
    SELECT v.id * 4 + 2 FROM public.lineage_modelversion v
      WHERE p_correction.run_input_id IS NOT NULL AND v.source_run_id = p_correction.run_id
    UNION
    SELECT e.target_id * 4 FROM public.lineage_columnlineage e WHERE e.id = p_correction.column_lineage_id);
END $$;

-- A link voided, or restored: what lies below it was approved on another lineage. What went live before a link was voided is
-- by its restoration again what it was approved as.
CREATE OR REPLACE FUNCTION muniment.answer_correction() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_starts bigint[] := muniment.keys_under_link(NEW);
  v_below bigint[] := muniment.below_keys(v_starts);
  v_voided timestamptz := (
    SELECT max(c.recorded_at) FROM public.lineage_linkcorrection c
    WHERE NEW.kind = 'restore' AND c.id < NEW.id AND c.kind = 'void' AND (c.run_input_id = NEW.run_input_id
      OR c.run_output_id = NEW.run_output_id OR c.column_lineage_id = NEW.column_lineage_id));
BEGIN
  PERFORM muniment.answer_under('lineage_corrected', NEW.id, (
      SELECT jsonb_build_array(jsonb_build_object('kind', 'link_correction', 'id', NEW.id, 'page', NULL, 'name', r.job_name,
               'detail', NEW.kind, 'namespace', r.namespace_id)) FROM public.lineage_run r WHERE r.id = NEW.run_id),
    v_below, v_starts, ARRAY(
      SELECT p.id FROM public.approvals_promotion p
      WHERE p.id = ANY (muniment.live_among(v_below)) AND (v_voided IS NULL OR p.recorded_at > v_voided)));
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION muniment.link_corrected_since(p_correction bigint) RETURNS boolean LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (
    SELECT 1 FROM public.lineage_linkcorrection c JOIN public.lineage_linkcorrection n ON n.id > c.id
      AND (n.run_input_id = c.run_input_id OR n.run_output_id = c.run_output_id OR n.column_lineage_id = c.column_lineage_id)
    WHERE c.id = p_correction);
END $$;

-- Whether a release is put to another use than it was approved for: a signature it rests on was given for that use, or the
-- terms that the policy asks for do not permit the new one.
CREATE OR REPLACE FUNCTION muniment.use_stands_against(p_release bigint, p_at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' AS $$
DECLARE
  c muniment.gate_context := muniment.gate_context_of(p_release, NULL, p_at);
BEGIN
  RETURN EXISTS (SELECT 1 FROM muniment.standing_signatures(p_release, p_at) s, jsonb_array_elements(s.params -> 'ignored') i
                 WHERE i -> 'aspects' ? 'use')
    OR EXISTS (SELECT 1 FROM public.approvals_requirement q WHERE q.policy_version_id = c.policy_version_id AND q.kind = 'terms')
      AND (muniment.fact_answer(c, 'terms', '{}')).status IS DISTINCT FROM 'SATISFIED';
END $$;

-- Purpose, tier or places of a model changed: what of it is live and was approved for another use; of what serves as found,
-- which nobody approved for any, people are told.
CREATE OR REPLACE FUNCTION muniment.answer_use() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_promotions bigint[] := ARRAY(
    SELECT l.promotion_id FROM public.approvals_liveslot l JOIN public.approvals_promotion p ON p.id = l.promotion_id
    WHERE l.model_id = NEW.id AND muniment.use_stands_against(p.release_id, clock_timestamp()) ORDER BY l.promotion_id);
  v_keys bigint[] := ARRAY(
    SELECT DISTINCT r.model_version_id * 4 + 2 FROM public.approvals_promotion p
    JOIN public.approvals_release r ON r.id = p.release_id WHERE p.id = ANY (v_promotions));
  v_found bigint[] := ARRAY(
    SELECT DISTINCT f.model_version_id * 4 + 2 FROM public.approvals_asfound f
    WHERE f.model_id = NEW.id AND f.model_version_id * 4 + 2 <> ALL (v_keys));
BEGIN
  PERFORM muniment.answer_under('use_changed', NEW.id, jsonb_build_array(jsonb_build_object(
      'kind', 'use', 'id', NEW.id, 'page', NEW.id, 'name', NEW.name,
      'detail', concat_ws(' · ', nullif(NEW.intended_purpose, ''), NEW.risk_tier, nullif(array_to_string(NEW.deployment_geography, ', '), '')),
      'namespace', NEW.namespace_id)), v_keys || v_found, v_keys, v_promotions);
  RETURN NULL;
END $$;

-- After the recorder (z…), as in 71_answers.sql.
DO $$
DECLARE
  v_rule record;
BEGIN
  FOR v_rule IN SELECT * FROM (VALUES
      ('lineage_modelversioncompletion', 'zz_answer', 'AFTER INSERT', 'WHEN (''digest'' = ANY (NEW.contradicts))', 'answer_contradiction'),
      ('lineage_linkcorrection', 'zz_answer', 'AFTER INSERT', '', 'answer_correction'),
      ('lineage_model', 'zz_answer', 'AFTER UPDATE', 'WHEN (NEW.use_epoch > OLD.use_epoch)', 'answer_use')
    ) AS rules (tab, name, event, condition, rule)
  LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS %I ON public.%I', v_rule.name, v_rule.tab);
    EXECUTE format('CREATE TRIGGER %I %s ON public.%I FOR EACH ROW %s EXECUTE FUNCTION muniment.%I()',
                   v_rule.name, v_rule.event, v_rule.tab, v_rule.condition, v_rule.rule);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER %I', v_rule.tab, v_rule.name);
  END LOOP;
END $$;
