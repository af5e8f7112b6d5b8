-- What a policy version says is done when a fact changes under a live model (the rules of approvals/responses.py).

CREATE OR REPLACE FUNCTION muniment.causes() RETURNS text[] LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ARRAY['terms_withdrawn', 'terms_narrowed', 'flag_raised', 'source_recalled', 'evidence_failed',
               'finding_raised', 'review_overdue', 'digest_contradicted', 'lineage_corrected', 'use_changed']
$$;

-- The first cause whose response is wrong; NULL where none is.
CREATE OR REPLACE FUNCTION muniment.wrong_response(responses jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r record;
  v_hours numeric;
BEGIN
  IF jsonb_typeof(responses) IS DISTINCT FROM 'object' THEN
    RETURN 'responses';
  END IF;
  FOR r IN SELECT e.key, e.value FROM jsonb_each(responses) e ORDER BY e.key LOOP
    IF NOT r.key = ANY (muniment.causes()) OR jsonb_typeof(r.value) <> 'object'
       OR (SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(r.value) k) IS DISTINCT FROM '{confirm,fallback,notice_hours}'
       OR jsonb_typeof(r.value -> 'notice_hours') <> 'number'
       OR r.value ->> 'notice_hours' !~ '^[0-9]+$'  -- 24.0 is no integer to who answers by it, and would stop the fact
       OR NOT jsonb_typeof(r.value -> 'confirm') IN ('null', 'string')
       OR coalesce(r.value ->> 'fallback', '') NOT IN ('last_good', 'keep', 'stop') THEN
      RETURN r.key;
    END IF;
    v_hours := (r.value ->> 'notice_hours')::numeric;
    IF v_hours < 0 OR v_hours > 8760
       OR (r.value ->> 'confirm' IS NOT NULL AND (v_hours = 0 OR r.value ->> 'confirm' NOT IN (
             'data_steward', 'validator', 'risk_manager', 'compliance_officer', 'business_owner'))) THEN
      RETURN r.key;
    END IF;
  END LOOP;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION muniment.check_responses() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_wrong text;
BEGIN
  NEW.responses := coalesce(NEW.responses, '{}');
  v_wrong := muniment.wrong_response(NEW.responses);
  IF v_wrong IS NOT NULL THEN
    PERFORM muniment.refuse('MU009', 'response', format('The response to %s is wrong.', v_wrong),
      'Cause -> {notice_hours: 0 to 8760, confirm: a role that signs or null, fallback: last_good, keep or stop}.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_responses ON public.approvals_policyversion;
CREATE TRIGGER r_responses BEFORE INSERT ON public.approvals_policyversion
  FOR EACH ROW EXECUTE FUNCTION muniment.check_responses();
ALTER TABLE public.approvals_policyversion ENABLE ALWAYS TRIGGER r_responses;
