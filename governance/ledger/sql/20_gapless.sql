-- Positions follow one another without a gap. Once per statement, not per row: the sealer inserts ten thousand at a time.
CREATE OR REPLACE FUNCTION muniment.positions_follow() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  low bigint;
  high bigint;
  many bigint;
BEGIN
  SELECT min(position), max(position), count(*) INTO low, high, many FROM added;
  IF many > 0 AND (many <> high - low + 1
      OR (low > 0 AND NOT EXISTS (SELECT 1 FROM public.governance_ledgerposition WHERE position = low - 1))) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', MESSAGE = 'The log''s positions follow one another without a gap.',
      DETAIL = 'ledger-gap', TABLE = TG_TABLE_NAME, HINT = 'Let the sealer assign them: manage.py seal_ledger.';
  END IF;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS b_positions_follow ON public.governance_ledgerposition;
CREATE TRIGGER b_positions_follow AFTER INSERT ON public.governance_ledgerposition
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION muniment.positions_follow();
ALTER TABLE public.governance_ledgerposition ENABLE ALWAYS TRIGGER b_positions_follow;
