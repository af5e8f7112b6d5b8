-- Releases: one open per version, environment and slot; closed once.

CREATE OR REPLACE FUNCTION muniment.check_release() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.lock_roots(ARRAY['model_version'], ARRAY[NEW.model_version_id], true);
  IF EXISTS (SELECT 1 FROM public.approvals_release r
             WHERE r.model_version_id = NEW.model_version_id AND r.environment_id = NEW.environment_id
               AND r.slot = NEW.slot
               AND NOT EXISTS (SELECT 1 FROM public.approvals_releaseclosure c WHERE c.release_id = r.id)) THEN
    PERFORM muniment.refuse('MU008', 'release-open', 'A release of this version there is open already.',
      'Go on with the open one.');
  END IF;
  PERFORM muniment.check_trial(NEW);
  PERFORM muniment.check_change_plan_of(NEW);
  IF NEW.review_of_id IS NOT NULL AND NOT EXISTS (
       SELECT 1 FROM public.approvals_liveslot l JOIN public.approvals_promotion p ON p.id = l.promotion_id
       JOIN public.approvals_release r ON r.id = p.release_id
       WHERE p.id = NEW.review_of_id AND r.model_version_id = NEW.model_version_id AND l.slot = NEW.slot
         AND l.environment_id = NEW.environment_id) THEN
    PERFORM muniment.refuse('MU009', 'nothing-to-review', 'A review is of what is live there, in the same version.',
      'Open a release that is no review.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_release ON public.approvals_release;
CREATE TRIGGER r_release BEFORE INSERT ON public.approvals_release FOR EACH ROW EXECUTE FUNCTION muniment.check_release();
ALTER TABLE public.approvals_release ENABLE ALWAYS TRIGGER r_release;

CREATE OR REPLACE FUNCTION muniment.check_closure() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM public.approvals_release WHERE id = NEW.release_id) THEN
    PERFORM muniment.refuse('MU009', 'no-such-release', 'There is no such release.', 'Open one.');
  END IF;
  IF NEW.kind = 'promoted' THEN  -- inside the promotion, which holds the release already
    IF NOT EXISTS (SELECT 1 FROM public.approvals_promotion WHERE release_id = NEW.release_id) THEN
      PERFORM muniment.refuse('MU008', 'not-promoted', 'A release is closed as promoted by its promotion alone.',
        'Promote it, or close it as rejected or withdrawn.');
    END IF;
  ELSE
    PERFORM muniment.lock_release(NEW.release_id);
  END IF;
  IF EXISTS (SELECT 1 FROM public.approvals_releaseclosure WHERE release_id = NEW.release_id) THEN
    PERFORM muniment.refuse('MU008', 'release-closed', 'This release is closed.', 'Open a new one.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_closure ON public.approvals_releaseclosure;
CREATE TRIGGER r_closure BEFORE INSERT ON public.approvals_releaseclosure
  FOR EACH ROW EXECUTE FUNCTION muniment.check_closure();
ALTER TABLE public.approvals_releaseclosure ENABLE ALWAYS TRIGGER r_closure;
