-- Transaction ids compare within one cluster only. A restore by pg_dump into another cluster starts them anew, so the
-- log counts the clusters it has lived in: install_guards adds a row whenever the cluster is not the newest row's.
CREATE OR REPLACE FUNCTION muniment.ledger_epoch() RETURNS integer LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT max(epoch) FROM public.governance_ledgerepoch
$$;

INSERT INTO public.governance_ledgerepoch (epoch, system_identifier, started)
SELECT coalesce(newest.epoch + 1, 0), cluster.system_identifier, pg_catalog.clock_timestamp()
FROM pg_catalog.pg_control_system() AS cluster
LEFT JOIN LATERAL (
  SELECT epoch, system_identifier FROM public.governance_ledgerepoch ORDER BY epoch DESC LIMIT 1
) AS newest ON true
WHERE newest.system_identifier IS DISTINCT FROM cluster.system_identifier;
