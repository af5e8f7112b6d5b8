-- The persons behind a principal, ever: a person is itself; a service account stands for everyone who answered for it at
-- any time. Handing an account over must not launder what it did, nor lend its work to whoever takes it over.
CREATE OR REPLACE FUNCTION muniment.persons_behind(principal bigint) RETURNS bigint[] LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (SELECT p.kind FROM public.governance_principal p WHERE p.id = principal) IS DISTINCT FROM 'service' THEN
    RETURN ARRAY[principal];
  END IF;
  RETURN (SELECT coalesce(array_agg(DISTINCT h.responsible_id ORDER BY h.responsible_id), '{}')
          FROM public.governance_historicalprincipal h WHERE h.id = principal AND h.responsible_id IS NOT NULL);
END $$;
