-- Append-only for every login, the tables' owner included; a superuser who switches these off is what verify_ledger is for.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['governance_ledgerepoch', 'governance_ledgerentry', 'governance_ledgerposition',
                              'governance_ledgertile', 'governance_ledgercheckpoint'] LOOP
    EXECUTE format('DROP TRIGGER IF EXISTS a_born_final ON public.%I', name);
    EXECUTE format('CREATE TRIGGER a_born_final BEFORE UPDATE ON public.%I FOR EACH ROW'
                   ' EXECUTE FUNCTION muniment.refuse_update()', name);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER a_born_final', name);
    EXECUTE format('DROP TRIGGER IF EXISTS a_never_removed ON public.%I', name);
    EXECUTE format('CREATE TRIGGER a_never_removed BEFORE DELETE ON public.%I FOR EACH ROW'
                   ' EXECUTE FUNCTION muniment.refuse_removal()', name);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER a_never_removed', name);
    EXECUTE format('DROP TRIGGER IF EXISTS a_never_truncated ON public.%I', name);
    EXECUTE format('CREATE TRIGGER a_never_truncated BEFORE TRUNCATE ON public.%I FOR EACH STATEMENT'
                   ' EXECUTE FUNCTION muniment.refuse_removal()', name);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER a_never_truncated', name);
  END LOOP;
END $$;
