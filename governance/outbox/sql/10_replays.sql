-- A message that was given up comes back by a recorded act of an administrator, and by nothing else.

CREATE OR REPLACE FUNCTION muniment.check_replay() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_message public.governance_outboxmessage%ROWTYPE;
BEGIN
  IF NOT muniment.is_operator()
     AND NOT muniment.holds_role(muniment.actor_id(), ARRAY['administrator'], NULL, clock_timestamp()) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU001', MESSAGE = 'Only an administrator of everything replays messages.',
      DETAIL = 'not-an-administrator', HINT = 'Ask an administrator of everything.';
  END IF;
  SELECT * INTO v_message FROM public.governance_outboxmessage WHERE id = NEW.message_id FOR UPDATE;
  IF v_message.dead_at IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'MU008', MESSAGE = 'This message was not given up.', DETAIL = 'message-not-dead',
      HINT = 'It is delivered, or still tried by itself.';
  END IF;
  -- What it was given up with is written down here: the message itself forgets it.
  NEW.topic := v_message.topic;
  NEW.subject := v_message.subject;
  NEW.attempts := v_message.attempts;
  NEW.last_error := v_message.last_error;
  NEW.given_up_at := v_message.dead_at;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_check_replay ON public.governance_outboxreplay;
CREATE TRIGGER r_check_replay BEFORE INSERT ON public.governance_outboxreplay
  FOR EACH ROW EXECUTE FUNCTION muniment.check_replay();
ALTER TABLE public.governance_outboxreplay ENABLE ALWAYS TRIGGER r_check_replay;

CREATE OR REPLACE FUNCTION muniment.carry_out_replay() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE public.governance_outboxmessage SET dead_at = NULL, attempts = 0, available_at = clock_timestamp()
  WHERE id = NEW.message_id;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS s_carry_out_replay ON public.governance_outboxreplay;
CREATE TRIGGER s_carry_out_replay AFTER INSERT ON public.governance_outboxreplay
  FOR EACH ROW EXECUTE FUNCTION muniment.carry_out_replay();
ALTER TABLE public.governance_outboxreplay ENABLE ALWAYS TRIGGER s_carry_out_replay;

CREATE OR REPLACE FUNCTION muniment.refuse_silent_revival() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- The app makes no triggers: deeper than one level is the replay's own.
  IF pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION USING ERRCODE = 'MU005', MESSAGE = 'A message that was given up comes back by a recorded replay.',
      DETAIL = 'replay-not-recorded', HINT = 'Record an OutboxReplay.';
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_no_silent_revival ON public.governance_outboxmessage;
CREATE TRIGGER r_no_silent_revival BEFORE UPDATE ON public.governance_outboxmessage
  FOR EACH ROW WHEN (OLD.dead_at IS NOT NULL AND NEW.dead_at IS NULL)
  EXECUTE FUNCTION muniment.refuse_silent_revival();
ALTER TABLE public.governance_outboxmessage ENABLE ALWAYS TRIGGER r_no_silent_revival;
