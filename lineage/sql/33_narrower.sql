-- Terms against the terms before them.

-- Whether every place of the one list lies within some place of the other.
CREATE OR REPLACE FUNCTION muniment.lie_within(places text[], others text[]) RETURNS boolean LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(bool_and(muniment.codes_over(p) && others), true) FROM unnest(places) p
$$;

-- Whether terms permit less than the ones before them in anything. A partial order: what cannot be compared (another
-- licence, legal basis, condition or controller) counts as less. Documents, wording and where evidence lies count for
-- nothing, and neither does the moment from which terms hold.
CREATE OR REPLACE FUNCTION muniment.terms_narrow(old public.lineage_collectionterms, new public.lineage_collectionterms)
RETURNS boolean LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
SET "TimeZone" = 'UTC'  -- a session's own zone may lengthen days of retention
AS $$
BEGIN
  RETURN NOT (
    old.permitted_purposes <@ new.permitted_purposes AND new.forbidden_purposes <@ old.forbidden_purposes
    AND (new.permits_narrower OR NOT old.permits_narrower)
    AND (cardinality(new.permitted_geographies) = 0
         OR cardinality(old.permitted_geographies) > 0
            AND muniment.lie_within(old.permitted_geographies, new.permitted_geographies))
    AND muniment.lie_within(new.forbidden_geographies, old.forbidden_geographies)
    AND (cardinality(new.permitted_storage_geographies) = 0
         OR cardinality(old.permitted_storage_geographies) > 0
            AND muniment.lie_within(old.permitted_storage_geographies, new.permitted_storage_geographies))
    AND muniment.lie_within(new.forbidden_storage_geographies, old.forbidden_storage_geographies)
    AND (muniment.kept_until(new.effective_from, new.storage_duration_days) IS NULL
         OR muniment.kept_until(new.effective_from, new.storage_duration_days)
            >= muniment.kept_until(old.effective_from, old.storage_duration_days)) IS TRUE
    AND coalesce(new.effective_to, 'infinity') >= coalesce(old.effective_to, 'infinity')
    AND new.licence = old.licence AND new.controller = old.controller
    AND new.legal_basis = old.legal_basis AND new.special_condition = old.special_condition
    AND (new.consent_status = old.consent_status
         OR new.consent_status IN ('dpv:ConsentGiven', 'dpv:RenewedConsentGiven')));
END $$;
