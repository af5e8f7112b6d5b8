-- Tracking servers: named by administrators of the namespace, one after another.
CREATE OR REPLACE FUNCTION muniment.check_tracking_server() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_standing text;
BEGIN
  PERFORM 1 FROM public.governance_namespace n WHERE n.id = NEW.namespace_id FOR NO KEY UPDATE;
  NEW.recorded_at := clock_timestamp();
  IF NOT (muniment.is_person(muniment.actor_id())
          AND muniment.holds_role(muniment.actor_id(), ARRAY['administrator'], NEW.namespace_id, clock_timestamp())) THEN
    PERFORM muniment.refuse('MU006', 'server-by-administrator', 'An administrator of the namespace names its tracking server.',
      'Ask one.');
  END IF;
  SELECT s.uri INTO v_standing FROM public.lineage_trackingserver s
    WHERE s.namespace_id = NEW.namespace_id ORDER BY s.id DESC LIMIT 1;
  IF NEW.uri = coalesce(v_standing, '') THEN
    PERFORM muniment.refuse('MU008', 'server-in-force', 'That is what is named already.', 'Nothing is left to do.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_rules ON public.lineage_trackingserver;
CREATE TRIGGER r_rules BEFORE INSERT ON public.lineage_trackingserver
  FOR EACH ROW EXECUTE FUNCTION muniment.check_tracking_server();
ALTER TABLE public.lineage_trackingserver ENABLE ALWAYS TRIGGER r_rules;
