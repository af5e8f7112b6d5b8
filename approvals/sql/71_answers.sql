-- Facts that change under live promotions. Each is answered after it is recorded, in its own transaction: whatever serves
-- below is found (a promotion in progress shares the fact's root, so it is live by then or will be refused), those truly
-- affected are picked out, and each gets the answer its policy gives.
--
-- Locks: a fact holds its root exclusively and takes the promotions it reaches by row alone, in order of id. Nobody who
-- holds such a row waits for the fact's root: a promotion queues before its first row. Waits are bounded
-- (muniment.answer_change), so that what could still meet is tried again instead of ending in a deadlock.

-- Live promotions of model versions among records (the keys of muniment.below).
CREATE OR REPLACE FUNCTION muniment.live_among(p_keys bigint[]) RETURNS bigint[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(l.promotion_id ORDER BY l.promotion_id), '{}')
    FROM public.approvals_liveslot l
    JOIN public.approvals_promotion p ON p.id = l.promotion_id
    JOIN public.approvals_release r ON r.id = p.release_id
    JOIN unnest(p_keys) AS k (key) ON k.key = r.model_version_id * 4 + 2);
END $$;

-- What serves as found passed no gate, and no policy answers for it: people are told.
CREATE OR REPLACE FUNCTION muniment.tell_of_found(p_cause text, p_below bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.tell('found.fact-changed', jsonb_build_object('as_found', f.id, 'cause', p_cause), format('as_found:%s', f.id))
    FROM public.approvals_asfound f JOIN unnest(p_below) AS k (key) ON k.key = f.model_version_id * 4 + 2
    WHERE NOT EXISTS (SELECT 1 FROM public.approvals_asfoundend x WHERE x.as_found_id = f.id);
END $$;

-- Answer a cause under the promotions given, each with its chain: the head (records that are the cause), the way down, the
-- promotion. `p_starts`: keys the way begins at.
CREATE OR REPLACE FUNCTION muniment.answer_under(p_cause text, p_cause_id bigint, p_head jsonb, p_below bigint[],
                                                 p_starts bigint[], p_promotions bigint[],
                                                 p_not_before timestamptz DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '800ms' SET jit = off AS $$
DECLARE
  v record;
  v_targets bigint[];
BEGIN
  PERFORM muniment.tell_of_found(p_cause, p_below);
  IF cardinality(p_promotions) = 0 THEN
    RETURN;
  END IF;
  PERFORM 1 FROM public.approvals_promotion p WHERE p.id = ANY (p_promotions) ORDER BY p.id FOR NO KEY UPDATE;
  v_targets := ARRAY(SELECT DISTINCT r.model_version_id * 4 + 2 FROM public.approvals_promotion p
                     JOIN public.approvals_release r ON r.id = p.release_id WHERE p.id = ANY (p_promotions));
  IF cardinality(p_promotions) > 1 THEN
    PERFORM muniment.remember_from_here();
  END IF;
  FOR v IN
    -- Of a long way the beginning and the end are kept: a notice is recorded three times over, and read by people.
    WITH ways AS MATERIALIZED (
      SELECT w.* FROM (SELECT x.*, max(x.step) OVER (PARTITION BY x.target) AS steps
                       FROM muniment.ways_down(p_below, p_starts, v_targets) x) w
      WHERE w.step < 14 OR w.step > w.steps - 4),
    named AS MATERIALIZED (
      SELECT n.* FROM muniment.named_records(ARRAY(SELECT DISTINCT w.key FROM ways w)) n),
    chains AS (
      SELECT w.target, jsonb_agg(CASE WHEN w.steps > 17 AND w.step = 13
               THEN n.said || jsonb_build_object('left_out', w.steps - 17) ELSE n.said END ORDER BY w.step DESC) AS chain
      FROM ways w JOIN named n ON n.key = w.key GROUP BY w.target)
    SELECT p.id, p_head || c.chain || jsonb_build_object('kind', 'promotion', 'id', p.id, 'page', p.id, 'name', e.name,
                                                         'detail', p.slot, 'namespace', m.namespace_id) AS chain
    FROM public.approvals_promotion p
    JOIN public.approvals_release r ON r.id = p.release_id
    JOIN public.approvals_environment e ON e.id = p.environment_id
    JOIN public.lineage_model m ON m.id = p.model_id
    JOIN chains c ON c.target = r.model_version_id * 4 + 2
    WHERE p.id = ANY (p_promotions) ORDER BY p.id
  LOOP
    PERFORM muniment.answer_one(v.id, p_cause, p_cause_id, v.chain, p_not_before);
  END LOOP;
  PERFORM muniment.forget();
EXCEPTION WHEN lock_not_available THEN
  PERFORM muniment.refuse('40001', 'answer-overtaken', 'Someone else is at work on what this change reaches.', 'Try again.');
END $$;

CREATE OR REPLACE FUNCTION muniment.keys_of_dataset(dataset bigint) RETURNS bigint[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN ARRAY(SELECT v.id * 4 FROM public.lineage_datasetversion v WHERE v.dataset_id = dataset);
END $$;

-- What is made from the records of these keys, themselves included.
CREATE OR REPLACE FUNCTION muniment.below_keys(keys bigint[]) RETURNS bigint[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN ARRAY(SELECT b FROM muniment.below(ARRAY(SELECT k >> 2 FROM unnest(keys) k WHERE k & 3 = 0),
                                            ARRAY(SELECT k >> 2 FROM unnest(keys) k WHERE k & 3 = 2)) b);
END $$;

CREATE OR REPLACE FUNCTION muniment.said_of_dataset(p_dataset bigint, p_kind text, p_id bigint, p_detail text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT jsonb_build_array(jsonb_build_object('kind', p_kind, 'id', p_id, 'page', d.id, 'name', d.name,
                                                      'detail', p_detail, 'namespace', d.namespace_id))
          FROM public.lineage_dataset d WHERE d.id = p_dataset);
END $$;

-- Terms withdrawn: they were the ones standing, so none are in force now; or they will be, and none are from then on.
CREATE OR REPLACE FUNCTION muniment.answer_withdrawal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  t public.lineage_collectionterms%ROWTYPE;
  v_starts bigint[];
  v_below bigint[];
  v_from timestamptz;
BEGIN
  SELECT * INTO t FROM public.lineage_collectionterms WHERE id = NEW.terms_id;
  v_from := greatest(t.effective_from, clock_timestamp());
  IF NOT EXISTS (SELECT 1 FROM muniment.terms_standing(ARRAY[t.dataset_id], v_from) s WHERE s.terms_id = t.id) THEN
    RETURN NULL;  -- superseded before: nothing rests on them
  END IF;
  v_starts := muniment.keys_of_dataset(t.dataset_id);
  v_below := muniment.below_keys(v_starts);
  PERFORM muniment.answer_under('terms_withdrawn', NEW.id,
    muniment.said_of_dataset(t.dataset_id, 'terms_withdrawal', NEW.id, t.number::text), v_below, v_starts,
    muniment.live_among(v_below), v_from);
  RETURN NULL;
END $$;

-- New terms: only what they do not permit, and the ones before did. From the moment they begin. Before are the ones that
-- would stand then without them: terms further in the future are none to compare with.
CREATE OR REPLACE FUNCTION muniment.answer_terms() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' AS $$
DECLARE
  v_before public.lineage_collectionterms%ROWTYPE;
  v_starts bigint[];
  v_below bigint[];
  v_affected bigint[];
BEGIN
  SELECT * INTO v_before FROM public.lineage_collectionterms
    WHERE dataset_id = NEW.dataset_id AND number < NEW.number AND effective_from <= greatest(NEW.effective_from, NEW.recorded_at)
    ORDER BY number DESC LIMIT 1;
  IF v_before.id IS NULL OR NOT muniment.terms_narrow(v_before, NEW) THEN
    RETURN NULL;
  END IF;
  v_starts := muniment.keys_of_dataset(NEW.dataset_id);
  v_below := muniment.below_keys(v_starts);
  v_affected := ARRAY(
    SELECT p.id FROM public.approvals_promotion p
    JOIN public.approvals_release r ON r.id = p.release_id JOIN public.lineage_model m ON m.id = p.model_id
    WHERE p.id = ANY (muniment.live_among(v_below))
      AND muniment.terms_problems(NEW, '', r.purpose, m.deployment_geography,
                                  greatest(NEW.effective_from, NEW.recorded_at)) <> '[]'
      AND muniment.terms_problems(v_before, '', r.purpose, m.deployment_geography, NEW.recorded_at) = '[]');
  PERFORM muniment.answer_under('terms_narrowed', NEW.id,
    muniment.said_of_dataset(NEW.dataset_id, 'terms', NEW.id, NEW.number::text), v_below, v_starts, v_affected,
    NEW.effective_from);
  RETURN NULL;
END $$;

-- A flag: only where it stands against the model and the answer before it did not.
CREATE OR REPLACE FUNCTION muniment.answer_flag() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_before public.lineage_sensitivityflag%ROWTYPE;
  v_dataset bigint;
  v_terms bigint;
  v_basis text;
  v_condition text;
  v_starts bigint[] := ARRAY[NEW.dataset_version_id * 4];
  v_below bigint[];
  v_live bigint[];
  v_affected bigint[];
BEGIN
  IF NOT NEW.raises THEN
    RETURN NULL;
  END IF;
  v_below := muniment.below_keys(v_starts);
  v_live := muniment.live_among(v_below);
  IF cardinality(v_live) = 0 THEN
    PERFORM muniment.tell_of_found('flag_raised', v_below);
    RETURN NULL;
  END IF;
  SELECT * INTO v_before FROM public.lineage_sensitivityflag WHERE id = NEW.supersedes_id;
  -- The terms are found first: in a join the function would be asked for each terms on record.
  SELECT v.dataset_id, muniment.terms_in_force(v.dataset_id, clock_timestamp()) INTO v_dataset, v_terms
    FROM public.lineage_datasetversion v WHERE v.id = NEW.dataset_version_id;
  SELECT t.legal_basis, t.special_condition INTO v_basis, v_condition
    FROM public.lineage_collectionterms t WHERE t.id = v_terms;
  v_basis := coalesce(v_basis, '');
  v_condition := coalesce(v_condition, '');
  v_affected := ARRAY(
    SELECT p.id FROM public.approvals_promotion p
    JOIN public.approvals_release r ON r.id = p.release_id
    JOIN public.lineage_modelversion v ON v.id = r.model_version_id
    JOIN public.lineage_model m ON m.id = p.model_id
    WHERE p.id = ANY (v_live)
      AND EXISTS (SELECT 1 FROM jsonb_array_elements(
            muniment.flag_problems(NEW, '{}', v_basis, v_condition, v.features_used)
              || CASE WHEN muniment.forbidden_here(NEW, p.environment_id, m.risk_tier, m.namespace_id, p.slot, v.id)
                      THEN '[{"reason": "category-forbidden"}]'::jsonb ELSE '[]' END) now
          WHERE v_before.id IS NULL OR NOT (
            muniment.flag_problems(v_before, '{}', v_basis, v_condition, v.features_used)
              || CASE WHEN muniment.forbidden_here(v_before, p.environment_id, m.risk_tier, m.namespace_id, p.slot, v.id)
                      THEN '[{"reason": "category-forbidden"}]'::jsonb ELSE '[]' END)
            @> jsonb_build_array(jsonb_build_object('reason', now -> 'reason')))
        -- or where it arrives and nobody has answered for it, and the answer before it did not travel
        OR (v_before.id IS NULL OR v_before.present = 'no' OR v_before.treatment IN ('anonymised', 'dropped'))
          AND EXISTS (SELECT 1 FROM muniment.flags_travelled(ARRAY(
                SELECT x.id FROM muniment.closure_of_model_version(v.id) x WHERE x.kind = 'dataset_version')) t
              WHERE t.flag_id = NEW.id AND NOT t.origin AND NOT t.answered));
  PERFORM muniment.answer_under('flag_raised', NEW.id,
    muniment.said_of_dataset(v_dataset, 'flag', NEW.id, NEW.category), v_below, v_starts, v_affected);
  RETURN NULL;
END $$;

-- Columns linked under a flag: where that flag now arrives unanswered above what serves. Once for all links of a statement.
CREATE OR REPLACE FUNCTION muniment.answer_column_links() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_below bigint[];
  v_live bigint[];
  v record;
  v_starts bigint[];
BEGIN
  v_below := muniment.below_keys(ARRAY(SELECT DISTINCT n.target_id * 4 FROM new_links n WHERE n.raises));
  v_live := muniment.live_among(v_below);
  IF cardinality(v_live) = 0 THEN
    RETURN NULL;
  END IF;
  FOR v IN
    SELECT f.id, f.category, f.dataset_version_id, s.dataset_id, array_agg(DISTINCT p.id) AS promotions
    FROM public.approvals_promotion p
    JOIN public.approvals_release r ON r.id = p.release_id
    CROSS JOIN LATERAL muniment.flags_travelled(ARRAY(
      SELECT x.id FROM muniment.closure_of_model_version(r.model_version_id) x WHERE x.kind = 'dataset_version')) t
    JOIN public.lineage_sensitivityflag f ON f.id = t.flag_id
    JOIN public.lineage_datasetversion s ON s.id = f.dataset_version_id
    WHERE p.id = ANY (v_live) AND NOT t.origin AND NOT t.answered AND t.dataset_version_id * 4 = ANY (v_below)
    GROUP BY f.id, f.category, f.dataset_version_id, s.dataset_id ORDER BY f.id
  LOOP
    v_starts := ARRAY[v.dataset_version_id * 4];
    PERFORM muniment.answer_under('flag_raised', v.id, muniment.said_of_dataset(v.dataset_id, 'flag', v.id, v.category),
                                  muniment.below_keys(v_starts), v_starts, v.promotions);
  END LOOP;
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS zz_answer ON public.lineage_columnlineage;
CREATE TRIGGER zz_answer AFTER INSERT ON public.lineage_columnlineage REFERENCING NEW TABLE AS new_links
  FOR EACH STATEMENT EXECUTE FUNCTION muniment.answer_column_links();
ALTER TABLE public.lineage_columnlineage ENABLE ALWAYS TRIGGER zz_answer;

-- Whether a category stands untreated that the policy of a model's place forbids.
CREATE OR REPLACE FUNCTION muniment.forbidden_here(f public.lineage_sensitivityflag, p_environment bigint, p_tier text,
                                                   p_namespace bigint, p_slot text, p_model_version bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN f.present = 'yes' AND f.treatment = 'none' AND EXISTS (
      SELECT 1 FROM public.approvals_requirement q
      WHERE q.policy_version_id = muniment.active_policy_version(p_environment, p_tier, p_namespace, p_slot)
        AND q.kind = 'sensitivity'
        AND coalesce(q.params -> 'forbidden_categories', '[]') ?| muniment.terms_above('personal-data', f.category))
    AND NOT muniment.answered_in(muniment.training_of(p_model_version), f.category, f.dataset_version_id);
END $$;

-- A recall: promotions of the bytes end, what was made from them is answered. `p_starts`: the versions with the bytes, as
-- keys of muniment.below.
CREATE OR REPLACE FUNCTION muniment.answer_recalled(p_recall public.lineage_recall, p_starts bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v record;
  v_below bigint[];
BEGIN
  FOR v IN
    SELECT l.promotion_id, p.release_id FROM unnest(p_starts) AS s (key)
    JOIN public.approvals_release r ON r.model_version_id = s.key >> 2
    JOIN public.approvals_promotion p ON p.release_id = r.id
    JOIN public.approvals_liveslot l ON l.promotion_id = p.id
    WHERE s.key & 3 = 2 ORDER BY l.promotion_id
  LOOP
    PERFORM 1 FROM public.approvals_promotion p WHERE p.id = v.promotion_id FOR NO KEY UPDATE;
    INSERT INTO public.approvals_promotionend (promotion_id, kind, reason)
      VALUES (v.promotion_id, 'recalled', format('Recall %s: %s', p_recall.id, p_recall.reason));
    PERFORM muniment.tell('promotion.ended', jsonb_build_object('promotion', v.promotion_id), format('release:%s', v.release_id));
  END LOOP;
  PERFORM muniment.tell_of_recalled_bases(p_starts);
  v_below := muniment.below_keys(p_starts);
  PERFORM muniment.answer_under('source_recalled', p_recall.id, jsonb_build_array(jsonb_build_object(
      'kind', 'recall', 'id', p_recall.id, 'page', NULL, 'name', p_recall.digest_algorithm || ':' || p_recall.digest_value,
      'detail', '', 'namespace', NULL)), v_below, p_starts, muniment.live_among(v_below));
END $$;

CREATE OR REPLACE FUNCTION muniment.answer_recall() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.answer_recalled(NEW, ARRAY(
    SELECT o.id * 4 FROM public.lineage_datasetversion o
      WHERE o.digest_value = NEW.digest_value AND o.digest_algorithm = NEW.digest_algorithm
    UNION ALL
    SELECT o.id * 4 + 2 FROM public.lineage_modelversion o
      WHERE o.digest_value = NEW.digest_value AND o.digest_algorithm = NEW.digest_algorithm));
  RETURN NULL;
END $$;

-- A digest that comes after its recall meets it then: the bytes were never good, only unknown.
CREATE OR REPLACE FUNCTION muniment.answer_late_digest() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r public.lineage_recall%ROWTYPE;
BEGIN
  IF NEW.digest_value = OLD.digest_value THEN
    RETURN NULL;
  END IF;
  SELECT x.* INTO r FROM public.lineage_recall x
    WHERE x.digest_value = NEW.digest_value AND x.digest_algorithm = NEW.digest_algorithm;
  IF FOUND THEN
    PERFORM muniment.answer_recalled(r, ARRAY[NEW.id * 4 + 2]);
    PERFORM muniment.end_found_of(r, ARRAY[NEW.id]);
  END IF;
  RETURN NULL;
END $$;

-- A blocking finding, raised or reopened: on a model or version, on a dataset (and what was made from it), on a promotion.
CREATE OR REPLACE FUNCTION muniment.answer_finding(p_finding bigint) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f public.approvals_finding%ROWTYPE;
  v_starts bigint[] := '{}';
  v_below bigint[] := '{}';
  v_promotions bigint[];
BEGIN
  SELECT * INTO f FROM public.approvals_finding WHERE id = p_finding;
  IF f.dataset_id IS NOT NULL THEN
    v_starts := muniment.keys_of_dataset(f.dataset_id);
    v_below := muniment.below_keys(v_starts);
    v_promotions := muniment.live_among(v_below);
  ELSE
    SELECT coalesce(array_agg(l.promotion_id), '{}'), coalesce(array_agg(DISTINCT r.model_version_id * 4 + 2), '{}')
      INTO v_promotions, v_below
      FROM public.approvals_liveslot l JOIN public.approvals_promotion p ON p.id = l.promotion_id
      JOIN public.approvals_release r ON r.id = p.release_id
      WHERE l.promotion_id = f.promotion_id OR l.model_id = f.model_id OR r.model_version_id = f.model_version_id;
    v_starts := v_below;
  END IF;
  PERFORM muniment.answer_under(CASE f.kind WHEN 'review_due' THEN 'review_overdue' ELSE 'finding_raised' END, f.id, jsonb_build_array(jsonb_build_object('kind', 'finding', 'id', f.id,
      'page', NULL, 'name', left(f.text, 120), 'detail', f.severity, 'namespace', f.namespace_id)), v_below, v_starts, v_promotions);
END $$;

-- A review that is asked for: if it is not done by the day it is overdue, the policy's response follows.
CREATE OR REPLACE FUNCTION muniment.answer_review() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_chain jsonb;
  v_overdue timestamptz;
BEGIN
  SELECT jsonb_build_array(
      jsonb_build_object('kind', 'review', 'id', NEW.id, 'page', NEW.id, 'name', m.name, 'detail', '', 'namespace', m.namespace_id),
      jsonb_build_object('kind', 'promotion', 'id', p.id, 'page', p.id, 'name', e.name, 'detail', p.slot, 'namespace', m.namespace_id))
    INTO v_chain FROM public.approvals_promotion p JOIN public.lineage_model m ON m.id = p.model_id
    JOIN public.approvals_environment e ON e.id = p.environment_id WHERE p.id = NEW.review_of_id;
  SELECT v.overdue_at INTO v_overdue FROM muniment.reviews_of(ARRAY[NEW.review_of_id]) v;
  IF v_overdue IS NOT NULL THEN
    PERFORM muniment.answer_change(NEW.review_of_id, 'review_overdue', NEW.id, v_chain, v_overdue);
  END IF;
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS zz_answer_review ON public.approvals_release;
CREATE TRIGGER zz_answer_review AFTER INSERT ON public.approvals_release FOR EACH ROW
  WHEN (NEW.review_of_id IS NOT NULL) EXECUTE FUNCTION muniment.answer_review();
ALTER TABLE public.approvals_release ENABLE ALWAYS TRIGGER zz_answer_review;

CREATE OR REPLACE FUNCTION muniment.answer_raised_finding() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_TABLE_NAME = 'approvals_finding' THEN
    IF NEW.kind <> 'review_due' AND NEW.blocks
       OR NEW.kind = 'review_due' AND NOT EXISTS (  -- noticed as its release was opened
         SELECT 1 FROM public.approvals_servingnotice n
         WHERE n.promotion_id = NEW.promotion_id AND n.cause = 'review_overdue') THEN
      PERFORM muniment.answer_finding(NEW.id);
    END IF;
  ELSIF NEW.kind = 'reopened' AND EXISTS (SELECT 1 FROM public.approvals_finding f
                                          WHERE f.id = NEW.finding_id AND f.blocks AND f.kind <> 'review_due') THEN
    PERFORM muniment.answer_finding(NEW.finding_id);
  END IF;
  RETURN NULL;
END $$;

-- Evidence that failed, where the policy asks for its kind. At the end of the transaction, when its values are all there
-- (an action asks for it before: SET CONSTRAINTS). Asked by the last value and the last answer: whoever has it asked at
-- once, before there is any, has it asked again by each that follows.
CREATE OR REPLACE FUNCTION muniment.answer_evidence() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e public.approvals_evidence%ROWTYPE;
  v_kind text;
  v_title text;
  v_starts bigint[];
  v_below bigint[];
  v_affected bigint[];
  v_monitored boolean;
BEGIN
  IF TG_TABLE_NAME = 'approvals_evidencevalue'
     AND EXISTS (SELECT 1 FROM public.approvals_evidencevalue v WHERE v.evidence_id = NEW.evidence_id AND v.id > NEW.id)
     OR TG_TABLE_NAME = 'approvals_evidenceanswer'
     AND EXISTS (SELECT 1 FROM public.approvals_evidenceanswer a WHERE a.evidence_id = NEW.evidence_id AND a.id > NEW.id)
     OR muniment.evidence_verdict(NEW.evidence_id) <> 'bad' THEN
    RETURN NULL;
  END IF;
  SELECT * INTO e FROM public.approvals_evidence x WHERE x.id = NEW.evidence_id;
  SELECT p.kind, p.title INTO v_kind, v_title FROM public.approvals_plan p WHERE p.id = e.plan_id;
  v_monitored := e.promotion_id IS NOT NULL AND starts_with(v_kind, 'monitoring_');
  IF v_monitored THEN
    PERFORM muniment.record_breach(e);
    IF muniment.breach_answered(e) THEN
      RETURN NULL;
    END IF;
  END IF;
  IF e.dataset_version_id IS NOT NULL THEN
    v_starts := ARRAY[e.dataset_version_id * 4];
    v_below := muniment.below_keys(v_starts);
    v_affected := muniment.live_among(v_below);
  ELSE
    SELECT coalesce(array_agg(DISTINCT l.promotion_id), '{}'), coalesce(array_agg(DISTINCT r.model_version_id * 4 + 2), '{}')
      INTO v_affected, v_below
      FROM public.approvals_liveslot l JOIN public.approvals_promotion p ON p.id = l.promotion_id
      JOIN public.approvals_release r ON r.id = p.release_id
      WHERE r.model_version_id = e.model_version_id OR l.promotion_id = e.promotion_id;
    v_starts := v_below;
  END IF;
  v_affected := ARRAY(
    SELECT p.id FROM public.approvals_promotion p JOIN public.lineage_model m ON m.id = p.model_id
    JOIN public.approvals_release r ON r.id = p.release_id
    -- what is monitored is asked of all that is live, whether or not a release is asked for it
    WHERE p.id = ANY (v_affected) AND (v_monitored OR EXISTS (
      SELECT 1 FROM public.approvals_requirement q
      WHERE q.policy_version_id = muniment.active_policy_version(p.environment_id, m.risk_tier, m.namespace_id, p.slot)
        AND q.kind = 'evidence' AND q.params ->> 'plan_kind' = v_kind
        AND coalesce(q.params ->> 'subject', 'model') = CASE WHEN e.dataset_version_id IS NOT NULL THEN 'data'
              WHEN e.promotion_id IS NOT NULL THEN 'promotion' ELSE 'model' END))
      -- evidence on data is asked of what a model was trained on, not of all above it
      AND (e.dataset_version_id IS NULL OR e.dataset_version_id = ANY (muniment.training_of(r.model_version_id))));
  PERFORM muniment.answer_under('evidence_failed', e.id, jsonb_build_array(jsonb_build_object('kind', 'evidence', 'id', e.id,
      'page', e.model_version_id, 'name', v_title, 'detail', v_kind, 'namespace', e.namespace_id)), v_below, v_starts, v_affected);
  RETURN NULL;
END $$;

-- After the recorder (z…): the cause stands in the log before what follows from it.
DO $$
DECLARE
  v_rule record;
BEGIN
  FOR v_rule IN SELECT * FROM (VALUES
      ('lineage_termswithdrawal', 'answer_withdrawal'),
      ('lineage_collectionterms', 'answer_terms'),
      ('lineage_sensitivityflag', 'answer_flag'),
      ('lineage_recall', 'answer_recall'),
      ('approvals_finding', 'answer_raised_finding'),
      ('approvals_findingevent', 'answer_raised_finding')
    ) AS rules (tab, rule)
  LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS zz_answer ON public.%I', v_rule.tab);
    EXECUTE format('CREATE TRIGGER zz_answer AFTER INSERT ON public.%I FOR EACH ROW EXECUTE FUNCTION muniment.%I()',
                   v_rule.tab, v_rule.rule);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER zz_answer', v_rule.tab);
  END LOOP;
END $$;
DROP TRIGGER IF EXISTS zz_answer ON public.lineage_modelversion;
CREATE TRIGGER zz_answer AFTER UPDATE ON public.lineage_modelversion FOR EACH ROW EXECUTE FUNCTION muniment.answer_late_digest();
ALTER TABLE public.lineage_modelversion ENABLE ALWAYS TRIGGER zz_answer;
DROP TRIGGER IF EXISTS zz_answer_evidence ON public.approvals_evidence;  -- where it was once
DO $$
DECLARE
  v_table text;
BEGIN
  FOREACH v_table IN ARRAY ARRAY['approvals_evidencevalue', 'approvals_evidenceanswer'] LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS zz_answer_evidence ON public.%I', v_table);
    EXECUTE format('CREATE CONSTRAINT TRIGGER zz_answer_evidence AFTER INSERT ON public.%I DEFERRABLE INITIALLY DEFERRED'
                   ' FOR EACH ROW EXECUTE FUNCTION muniment.answer_evidence()', v_table);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER zz_answer_evidence', v_table);
  END LOOP;
END $$;
