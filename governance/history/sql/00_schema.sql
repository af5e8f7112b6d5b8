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

-- The stamp of this transaction, from an act that is sent in one message: who acts, why, and in which act. With the rights of
-- whoever calls; refused unless the actor holds one of the roles in the namespace.
CREATE OR REPLACE FUNCTION muniment.begin_act(
  actor bigint, reason text, action uuid, act text, door text, roles text[], namespace bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT muniment.holds_role(actor, roles, namespace, clock_timestamp()) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU001', DETAIL = 'no-role', MESSAGE = 'The actor holds none of the roles that this takes.',
      HINT = 'Ask for one of them.';
  END IF;
  PERFORM set_config('muniment.actor', actor::text, true), set_config('muniment.reason', reason, true),
    set_config('muniment.action', action::text, true), set_config('muniment.act', act, true),
    set_config('muniment.door', door, true), set_config('muniment.xid', pg_current_xact_id()::text, true);
END $$;

-- Only the newest committed state may be decided on. REPEATABLE READ would go on seeing an older one after a lock, and who had
-- which role when the transaction began.
CREATE OR REPLACE FUNCTION muniment.require_read_committed() RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'isolation',
      MESSAGE = format('Governed records are written under READ COMMITTED, not %s.',
                       upper(current_setting('transaction_isolation'))),
      HINT = 'Leave the isolation level at its default.';
  END IF;
END $$;

-- BEFORE INSERT OR UPDATE on every governed table: who and when are the database's to say; the id never changes.
CREATE OR REPLACE FUNCTION muniment.stamp_row() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN  -- asked here already: a call for each row costs
    PERFORM muniment.require_read_committed();
  END IF;
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
