-- Promotions: lock everything the answer rests on (BEFORE), then ask the gate in a statement of its own (AFTER), whose
-- snapshot is taken with the locks held. Lock and question in one statement promoted on a revoked vote; a BEFORE alone
-- leaves a decision without a promotion under ON CONFLICT DO NOTHING. Each lock below is held by a race test
-- (tests/approvals/races) that fails when its line, marked `lock: name`, is taken out.

CREATE OR REPLACE FUNCTION muniment.lock_for_promotion(p_release bigint, p_environment bigint, p_model bigint,
                                                       p_model_version bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_kinds text[];
  v_ids bigint[];
  v_held_kinds text[];
  v_held bigint[];
  v_promotions bigint[];
BEGIN
  PERFORM muniment.require_read_committed();
  SELECT coalesce(array_agg(r.kind), '{}'), coalesce(array_agg(r.id), '{}') INTO v_kinds, v_ids
    FROM muniment.roots_of_model_version(p_model_version) r;
  v_promotions := ARRAY(
    SELECT l.promotion_id FROM public.approvals_liveslot l WHERE l.model_id = p_model
    UNION SELECT p.id FROM public.approvals_promotion p JOIN public.approvals_release r ON r.id = p.release_id
          WHERE r.model_version_id = p_model_version);
  PERFORM muniment.queue(
    ARRAY(SELECT muniment.stripe(x.kind, x.id) FROM unnest(v_kinds, v_ids) AS x (kind, id))
      || ARRAY(SELECT muniment.stripe('promotion', x) FROM unnest(v_promotions) x)
      || muniment.stripe('environment', p_environment) || muniment.stripe('release', p_release), true);  -- lock: queue
  PERFORM 1 FROM public.approvals_release r WHERE r.id = p_release FOR UPDATE;  -- lock: release
  PERFORM 1 FROM public.approvals_environment e WHERE e.id = p_environment FOR SHARE;  -- lock: environment
  -- Votes stand still under the release's lock, so these are all the grants and persons the answer can rest on.
  PERFORM 1 FROM public.governance_rolegrant g
    WHERE g.id IN (SELECT s.role_grant_id FROM public.approvals_signoff s WHERE s.release_id = p_release)
    ORDER BY g.id FOR SHARE;  -- lock: grants
  PERFORM 1 FROM public.governance_principal p
    WHERE p.id IN (SELECT s.recorded_by_id FROM public.approvals_signoff s WHERE s.release_id = p_release)
    ORDER BY p.id FOR SHARE;  -- lock: persons
  PERFORM 1 FROM public.approvals_promotion p WHERE p.id = ANY (v_promotions) ORDER BY p.id FOR NO KEY UPDATE;  -- lock: promotions
  LOOP
    SELECT coalesce(array_agg(r.kind), '{}'), coalesce(array_agg(r.id), '{}') INTO v_kinds, v_ids
      FROM (SELECT x.kind, x.id FROM muniment.roots_of_model_version(p_model_version) x ORDER BY x.kind, x.id) r;
    EXIT WHEN (v_kinds, v_ids) IS NOT DISTINCT FROM (v_held_kinds, v_held);  -- a correction may also take some away
    PERFORM muniment.lock_rows(v_kinds, v_ids, false);  -- lock: roots
    v_held_kinds := v_kinds;
    v_held := v_ids;
  END LOOP;
END $$;

-- A fallback is promoted inside the act of a fact, which holds its own root exclusively and would meet others in a deadlock
-- if it queued once more. It shares the rows its answer rests on, in their order, and gives up rather than wait long
-- (the caller's lock_timeout, less than a deadlock takes to be noticed): the whole act is then tried again. What another
-- fallback of the same answer has locked, above the same data, is locked.
CREATE OR REPLACE FUNCTION muniment.lock_for_fallback(p_model_version bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f record;
  v_known boolean;
  v_kinds text[];
  v_ids bigint[];
  v_held_kinds text[];
  v_held bigint[];
BEGIN
  LOOP
    SELECT x.* INTO f FROM muniment.made_from(p_model_version) x;
    v_known := muniment.remembered_as(muniment.key_above(f.dataset_versions, f.model_versions), clock_timestamp()) IS NOT NULL;
    SELECT coalesce(array_agg(r.kind), '{}'), coalesce(array_agg(r.id), '{}') INTO v_kinds, v_ids
      FROM (SELECT x.kind, x.id FROM muniment.roots_of_model_version(p_model_version) x WHERE NOT v_known
            UNION ALL
            SELECT x.kind, x.id FROM (
              SELECT 'model_version' AS kind, p_model_version AS id
              UNION ALL SELECT 'model', v.model_id FROM public.lineage_modelversion v WHERE v.id = p_model_version
              UNION ALL SELECT 'run', u FROM unnest(f.runs) u) x WHERE v_known
            ORDER BY 1, 2) r;
    EXIT WHEN (v_kinds, v_ids) IS NOT DISTINCT FROM (v_held_kinds, v_held);
    PERFORM muniment.lock_rows(v_kinds, v_ids, false);  -- lock: fallback
    v_held_kinds := v_kinds;
    v_held := v_ids;
  END LOOP;
END $$;

-- What goes live once more: which earlier promotion of the same release it repeats, how that one ended, and who may.
CREATE OR REPLACE FUNCTION muniment.check_repetition(p_kind text, p_release bigint, p_repeats bigint, p_model_version bigint,
                                                     p_namespace bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
  v_ended text[];
BEGIN
  SELECT array_agg(e.kind) INTO v_ended FROM public.approvals_promotion o
    LEFT JOIN public.approvals_promotionend e ON e.promotion_id = o.id
    WHERE o.id = p_repeats AND o.release_id = p_release
    HAVING count(*) > 0;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'repeats-another', 'What is brought back is an earlier promotion of the same release.',
      'Name that promotion, or promote a release.');
  END IF;
  -- And how the version's newest promotion there ended: an older one, superseded in its time, undoes no suspension since.
  SELECT v_ended || e.kind::text INTO v_ended FROM public.approvals_promotion o
    JOIN public.approvals_release x ON x.id = p_release
    JOIN public.approvals_release r ON r.id = o.release_id AND r.model_version_id = p_model_version
    LEFT JOIN public.approvals_promotionend e ON e.promotion_id = o.id
    WHERE o.environment_id = x.environment_id AND o.slot = x.slot ORDER BY o.id DESC LIMIT 1;
  IF array_position(v_ended, NULL) IS NOT NULL
     OR NOT v_ended <@ (CASE p_kind WHEN 'rollback' THEN ARRAY['superseded', 'rolled_back']
                                   WHEN 'reinstatement' THEN ARRAY['suspended'] ELSE ARRAY['superseded'] END) THEN
    PERFORM muniment.refuse('MU008', 'cannot-be-repeated', CASE p_kind
        WHEN 'rollback' THEN 'Only what another version took the place of can be rolled back to.'
        WHEN 'reinstatement' THEN 'Only what was suspended can be reinstated.'
        ELSE 'Only what another version took the place of can serve in its stead.' END,
      'Look at how that promotion ended, and open a release where it must be judged anew.');
  END IF;
  IF p_kind = 'rollback' AND NOT muniment.holds_role(v_actor, ARRAY['pipeline', 'model_owner', 'risk_manager'], p_namespace,
                                                     clock_timestamp()) THEN
    PERFORM muniment.refuse('MU006', 'not-for-this-role', 'Pipelines, model owners and risk managers roll back.', 'Ask one of them.');
  ELSIF p_kind = 'rollback' AND 'rolled_back' = ANY (v_ended) AND NOT muniment.is_person(v_actor) THEN
    PERFORM muniment.refuse('MU006', 'rolled-back-before', 'This version was rolled back: only a person brings it back.',
      'Open a new release, so that it is judged anew, or ask a model owner or risk manager to roll back to it.');
  ELSIF p_kind = 'reinstatement' AND NOT (muniment.is_person(v_actor) AND muniment.holds_role(
          v_actor, ARRAY['risk_manager', 'compliance_officer'], p_namespace, clock_timestamp())) THEN
    PERFORM muniment.refuse('MU006', 'not-for-this-role', 'Risk managers and compliance officers lift a suspension.', 'Ask one of them.');
  ELSIF p_kind = 'reinstatement' AND EXISTS (
          SELECT 1 FROM muniment.involved(p_model_version) i WHERE i.person_id = muniment.person_of(v_actor)) THEN
    PERFORM muniment.refuse('MU006', 'own-work', 'Nobody lifts the suspension of their own work.',
      'Ask someone with the role who had no hand in this version.');
  ELSIF p_kind = 'fallback' AND pg_trigger_depth() < 2 THEN
    PERFORM muniment.refuse('MU006', 'fallback-by-the-database', 'A fallback is carried out by the database as a policy says.',
      'Roll back instead.');
  END IF;
END $$;

CREATE OR REPLACE FUNCTION muniment.check_promotion() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r record;
  v_live bigint;
BEGIN
  PERFORM muniment.actor_id();
  SELECT x.id, x.environment_id, x.slot, x.model_version_id, v.model_id, m.namespace_id INTO r
    FROM public.approvals_release x JOIN public.lineage_modelversion v ON v.id = x.model_version_id
    JOIN public.lineage_model m ON m.id = v.model_id
    WHERE x.id = NEW.release_id;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-release', 'There is no such release.', 'Open one.');
  END IF;
  NEW.model_id := coalesce(NEW.model_id, r.model_id);
  NEW.environment_id := coalesce(NEW.environment_id, r.environment_id);
  NEW.slot := coalesce(NEW.slot, r.slot);
  IF NEW.model_id <> r.model_id OR NEW.environment_id <> r.environment_id OR NEW.slot <> r.slot THEN
    PERFORM muniment.refuse('MU009', 'other-place', 'A promotion goes where its release says.',
      'Open a release for that model, environment and slot.');
  END IF;
  NEW.kind := coalesce(NEW.kind, 'release');
  IF NEW.kind = 'fallback' AND pg_trigger_depth() > 1 THEN
    PERFORM muniment.lock_for_fallback(r.model_version_id);
  ELSE
    PERFORM muniment.lock_for_promotion(r.id, r.environment_id, r.model_id, r.model_version_id);
  END IF;
  IF NEW.kind <> 'release' THEN
    PERFORM muniment.check_repetition(NEW.kind, r.id, NEW.repeats_id, r.model_version_id, r.namespace_id);
  ELSIF NEW.repeats_id IS NOT NULL THEN
    PERFORM muniment.refuse('MU009', 'repeats-another', 'A release goes live for the first time: it repeats nothing.',
      'Leave it out, or say how it is brought back: rollback or reinstatement.');
  ELSIF EXISTS (SELECT 1 FROM public.approvals_releaseclosure c WHERE c.release_id = r.id) THEN
    PERFORM muniment.refuse('MU008', 'release-closed', 'This release is closed.', 'Open a new one.');
  END IF;
  SELECT l.promotion_id INTO v_live FROM public.approvals_liveslot l
    WHERE l.model_id = r.model_id AND l.environment_id = r.environment_id AND l.slot = r.slot FOR UPDATE;  -- lock: slot
  IF v_live IS DISTINCT FROM NEW.replaces_id THEN
    PERFORM muniment.refuse('MU008', 'another-went-live', 'Another promotion went live there meanwhile.',
      'Look at what is live now, and promote again if it is still right.');
  END IF;
  IF NEW.kind = 'release' THEN
    PERFORM muniment.lock_change_plans(r.id, r.model_id, r.environment_id, r.slot);  -- lock: envelope
  END IF;
  -- The id was drawn before the wait for the locks, and the greatest id is the newest (as for flags).
  IF EXISTS (SELECT 1 FROM public.approvals_promotion p WHERE p.model_id = r.model_id
             AND p.environment_id = r.environment_id AND p.slot = r.slot AND p.id > NEW.id) THEN
    PERFORM muniment.refuse('40001', 'promotion-overtaken', 'Another promotion went live there meanwhile.', 'Try again.');
  END IF;
  NEW.started_at := clock_timestamp();
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.decide_promotion() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_at timestamptz := clock_timestamp();
  v_rows jsonb;
  v_snapshot text;
  v_open boolean;
  v_plan bigint := muniment.change_plan_at(NEW.model_id, NEW.environment_id, NEW.slot);
  v_endings text[];  -- what had ended that envelope before
BEGIN
  -- What was approved before and is brought back is asked whether it may serve, not whether to promote it anew.
  IF NEW.kind = 'release' THEN
    SELECT muniment.gate_rows(NEW.release_id, v_at), pg_current_snapshot()::text INTO v_rows, v_snapshot;
  ELSIF NEW.kind = 'fallback' THEN
    SELECT muniment.serving_rows_of_many(NEW.release_id, v_at), pg_current_snapshot()::text INTO v_rows, v_snapshot;
  ELSE
    SELECT muniment.serving_rows(NEW.release_id, v_at), pg_current_snapshot()::text INTO v_rows, v_snapshot;
  END IF;
  v_open := muniment.gate_opens(v_rows);
  IF NOT v_open AND NEW.kind = 'fallback' OR NOT v_open AND NOT EXISTS (SELECT 1 FROM public.approvals_environment e
                                WHERE e.id = NEW.environment_id AND e.observe_only_until > v_at) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU007', MESSAGE = 'The gate is closed.', DETAIL = v_rows::text,
      HINT = 'Each requirement says what is missing and who can give it.';
  END IF;
  IF v_plan IS NOT NULL THEN
    v_endings := muniment.change_plan_endings(v_plan, v_at, NEW.release_id);
  END IF;
  -- The slot's unique key decides between two promotions that both saw an empty slot.
  INSERT INTO public.approvals_liveslot AS l (model_id, environment_id, slot, promotion_id)
    VALUES (NEW.model_id, NEW.environment_id, NEW.slot, NEW.id)
    ON CONFLICT (model_id, environment_id, slot) DO UPDATE SET promotion_id = excluded.promotion_id
      WHERE l.promotion_id = NEW.replaces_id  -- lock: arbiter
    ;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU008', 'another-went-live', 'Another promotion went live there meanwhile.',
      'Look at what is live now, and promote again if it is still right.');
  END IF;
  IF NEW.replaces_id IS NOT NULL THEN
    INSERT INTO public.approvals_promotionend (promotion_id, kind, reason)
      VALUES (NEW.replaces_id, CASE NEW.kind WHEN 'rollback' THEN 'rolled_back' ELSE 'superseded' END,
              format(CASE NEW.kind WHEN 'rollback' THEN 'Rolled back to an earlier version by promotion %s.'
                                   ELSE 'Superseded by promotion %s.' END, NEW.id));
  END IF;
  IF NEW.kind = 'release' THEN
    INSERT INTO public.approvals_releaseclosure (release_id, kind, reason)
      VALUES (NEW.release_id, 'promoted', format('Promotion %s.', NEW.id));
  END IF;
  INSERT INTO public.approvals_gatedecision (promotion_id, release_id, policy_version_id, would_have_refused,
                                             requirements, snapshot, decided_at)
    SELECT NEW.id, NEW.release_id,
           muniment.active_policy_version(NEW.environment_id, m.risk_tier, m.namespace_id, NEW.slot),
           NOT v_open, v_rows, v_snapshot, v_at
    FROM public.lineage_model m WHERE m.id = NEW.model_id;
  IF NEW.kind = 'release' AND v_open THEN
    PERFORM muniment.count_change_plan(NEW.id, NEW.release_id, v_rows, v_at);
  END IF;
  IF v_plan IS NOT NULL THEN
    PERFORM muniment.tell_of_ended_plan(v_plan, v_endings, muniment.change_plan_endings(v_plan, v_at));
  END IF;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS r_promotion ON public.approvals_promotion;
CREATE TRIGGER r_promotion BEFORE INSERT ON public.approvals_promotion
  FOR EACH ROW EXECUTE FUNCTION muniment.check_promotion();
ALTER TABLE public.approvals_promotion ENABLE ALWAYS TRIGGER r_promotion;
DROP TRIGGER IF EXISTS r_decide ON public.approvals_promotion;
CREATE TRIGGER r_decide AFTER INSERT ON public.approvals_promotion
  FOR EACH ROW EXECUTE FUNCTION muniment.decide_promotion();
ALTER TABLE public.approvals_promotion ENABLE ALWAYS TRIGGER r_decide;

-- The end of a promotion; the slot is free from that moment. Three ends follow from something else and are written by it:
-- superseded and rolled back by the promotion that follows, recalled by the recall of its digest.
CREATE OR REPLACE FUNCTION muniment.check_promotion_end() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
  v_namespace bigint;
BEGIN
  -- Foreign keys are looked at when the transaction ends: an end written first would spend the promotion's only one.
  SELECT m.namespace_id INTO v_namespace FROM public.approvals_promotion p JOIN public.lineage_model m ON m.id = p.model_id
    WHERE p.id = NEW.promotion_id;
  IF NOT FOUND THEN
    PERFORM muniment.refuse('MU009', 'no-such-promotion', 'There is no such promotion.', 'Look at what is live now.');
  END IF;
  IF NEW.kind IN ('superseded', 'rolled_back') THEN  -- inside the promotion that follows, which holds this one already
    IF NOT EXISTS (SELECT 1 FROM public.approvals_promotion p
                   WHERE p.replaces_id = NEW.promotion_id AND (p.kind = 'rollback') = (NEW.kind = 'rolled_back')) THEN
      PERFORM muniment.refuse('MU008', 'not-superseded',
        'A promotion is superseded, or rolled back, by another promotion alone.',
        'Promote another version, roll back to one, or end this one as suspended or retired.');
    END IF;
  ELSIF pg_trigger_depth() < 2 THEN  -- by someone, and not inside an answer that the database carries out
    PERFORM muniment.lock_promotion(NEW.promotion_id);
    IF NEW.kind <> 'retired' OR NOT muniment.trial_over(  -- a trial that is over ends by the clock, whoever says so
         (SELECT p.release_id FROM public.approvals_promotion p WHERE p.id = NEW.promotion_id), clock_timestamp()) THEN
      PERFORM muniment.check_who_ends(NEW.kind, v_actor, v_namespace);
    END IF;
  END IF;
  IF EXISTS (SELECT 1 FROM public.approvals_promotionend e WHERE e.promotion_id = NEW.promotion_id) THEN
    PERFORM muniment.refuse('MU008', 'promotion-ended', 'This promotion has ended.', 'Look at what is live now.');
  END IF;
  NEW.ended_at := clock_timestamp();
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION muniment.check_who_ends(p_kind text, p_actor bigint, p_namespace bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF p_kind = 'recalled' THEN
    PERFORM muniment.refuse('MU008', 'not-recalled', 'A promotion is recalled by the recall of its digest alone.',
      'Recall the digest: that ends every promotion of it, everywhere.');
  ELSIF NOT (muniment.is_person(p_actor) AND muniment.holds_role(p_actor,
       CASE p_kind WHEN 'retired' THEN ARRAY['model_owner', 'risk_manager'] ELSE ARRAY['risk_manager', 'compliance_officer'] END,
       p_namespace, clock_timestamp())) THEN
    PERFORM muniment.refuse('MU006', 'not-for-this-role', CASE p_kind
        WHEN 'retired' THEN 'Model owners and risk managers retire what is live.'
        ELSE 'Risk managers and compliance officers suspend what is live.' END, 'Ask one of them.');
  END IF;
END $$;

CREATE OR REPLACE FUNCTION muniment.free_slot() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM public.approvals_liveslot l WHERE l.promotion_id = NEW.promotion_id;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS r_promotion_end ON public.approvals_promotionend;
CREATE TRIGGER r_promotion_end BEFORE INSERT ON public.approvals_promotionend
  FOR EACH ROW EXECUTE FUNCTION muniment.check_promotion_end();
ALTER TABLE public.approvals_promotionend ENABLE ALWAYS TRIGGER r_promotion_end;
DROP TRIGGER IF EXISTS r_free_slot ON public.approvals_promotionend;
CREATE TRIGGER r_free_slot AFTER INSERT ON public.approvals_promotionend
  FOR EACH ROW EXECUTE FUNCTION muniment.free_slot();
ALTER TABLE public.approvals_promotionend ENABLE ALWAYS TRIGGER r_free_slot;
