-- The guards' own schema. Nothing of the app's lives here; the app may use its functions and create nothing.
-- SQLSTATEs: MU001 no actor, MU002 deleted or truncated, MU003 born final, MU004 guards left behind, MU005 primary key,
-- MU006 separation of duties, MU007 gate closed, MU008 state conflict, MU009 other rule. DETAIL carries a stable code.
CREATE SCHEMA IF NOT EXISTS muniment;

-- The principal whose action this transaction carries. The stamp holds the transaction's id: a setting left by another
-- transaction on the same connection, or set for the session, does not count.
CREATE OR REPLACE FUNCTION muniment.actor_id() RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  stamp text := current_setting('muniment.xid', true);
BEGIN
  IF coalesce(stamp, '') = '' OR stamp IS DISTINCT FROM pg_current_xact_id_if_assigned()::text
     OR coalesce(current_setting('muniment.actor', true), '') = ''
     OR coalesce(current_setting('muniment.reason', true), '') = ''
     OR coalesce(current_setting('muniment.action', true), '') = '' THEN
    RAISE EXCEPTION USING ERRCODE = 'MU001', MESSAGE = 'No actor, no write.', DETAIL = 'no-actor',
      HINT = 'Governed records are written inside an action that names who acts and why.';
  END IF;
  RETURN current_setting('muniment.actor', true)::bigint;
END $$;

-- BEFORE INSERT OR UPDATE on every governed table: who and when are the database's to say; the id never changes.
CREATE OR REPLACE FUNCTION muniment.stamp_row() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.recorded_by_id := muniment.actor_id();
    NEW.recorded_at := clock_timestamp();
  ELSE
    IF NEW.id IS DISTINCT FROM OLD.id THEN
      RAISE EXCEPTION USING ERRCODE = 'MU005', MESSAGE = 'The id of a governed record never changes.',
        DETAIL = 'primary-key', TABLE = TG_TABLE_NAME, HINT = 'Record a new one instead.';
    END IF;
    NEW.recorded_by_id := OLD.recorded_by_id;
    NEW.recorded_at := OLD.recorded_at;
  END IF;
  RETURN NEW;
END $$;

-- A refusal in one line: the error's state, its stable code, what is wrong, what to do.
CREATE OR REPLACE FUNCTION muniment.refuse(state text, code text, sentence text, hint text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = state, DETAIL = code, MESSAGE = sentence, HINT = hint;
END $$;

CREATE OR REPLACE FUNCTION muniment.refuse_update() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'MU003', MESSAGE = format('Rows of %s are final once recorded.', TG_TABLE_NAME),
    DETAIL = 'born-final', TABLE = TG_TABLE_NAME, HINT = 'Record a new one that supersedes, withdraws or ends it.';
END $$;

CREATE OR REPLACE FUNCTION muniment.refuse_removal() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'MU002', MESSAGE = format('Rows of %s are never removed.', TG_TABLE_NAME),
    DETAIL = 'never-removed', TABLE = TG_TABLE_NAME, HINT = 'Withdraw, end or supersede the record instead.';
END $$;

-- A table's columns and their types as one number: a recorder built for another shape refuses (MU004).
CREATE OR REPLACE FUNCTION muniment.shape_of(relation regclass) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT coalesce(sum(attnum * (atttypid::bigint * 65537 + atttypmod + 2)), 0)::bigint
          FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped);
END $$;
