-- What the rules of judgements have in common.

CREATE OR REPLACE FUNCTION muniment.this_transaction() RETURNS bigint LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$ SELECT pg_current_xact_id()::text::bigint $$;

-- Whether a row was written by this very transaction. Transaction ids begin anew in another cluster: after a restore one
-- could be waited for, so the row must also be no older than the transaction.
CREATE OR REPLACE FUNCTION muniment.written_here(written_in bigint, recorded_at timestamptz) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT written_in = muniment.this_transaction() AND recorded_at >= transaction_timestamp()
$$;

-- Queue at a release and lock its row, as everyone does who records something about it.
CREATE OR REPLACE FUNCTION muniment.lock_release(release bigint) RETURNS void LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.require_read_committed();
  PERFORM muniment.queue(ARRAY[muniment.stripe('release', release)], false);
  PERFORM 1 FROM public.approvals_release r WHERE r.id = release FOR NO KEY UPDATE;
END $$;

CREATE OR REPLACE FUNCTION muniment.lock_promotion(promotion bigint) RETURNS void LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.require_read_committed();
  PERFORM muniment.queue(ARRAY[muniment.stripe('promotion', promotion)], false);
  PERFORM 1 FROM public.approvals_promotion p WHERE p.id = promotion FOR NO KEY UPDATE;
END $$;

-- The environment is the slot that policies are published under: whoever publishes, or makes it observe-only, locks it.
CREATE OR REPLACE FUNCTION muniment.lock_environment(environment bigint) RETURNS void LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM muniment.require_read_committed();
  PERFORM muniment.queue(ARRAY[muniment.stripe('environment', environment)], false);
  PERFORM 1 FROM public.approvals_environment e WHERE e.id = environment FOR NO KEY UPDATE;
END $$;

-- Evidence and findings lock what they are about; the dataset of a dataset version.
CREATE OR REPLACE FUNCTION muniment.lock_subject(model bigint, model_version bigint, dataset bigint, promotion bigint)
RETURNS void LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF promotion IS NOT NULL THEN
    PERFORM muniment.lock_promotion(promotion);
  ELSE
    PERFORM muniment.lock_roots(ARRAY['model', 'model_version', 'dataset'], ARRAY[model, model_version, dataset], true);
  END IF;
END $$;
