-- artifact: the digest is on record and nothing else was found where it lies; a commit or an attestation where the policy asks; the bytes were never recalled.
CREATE OR REPLACE FUNCTION muniment.gate_artifact(c muniment.gate_context, p_params jsonb) RETURNS muniment.gate_answer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v public.lineage_modelversion%ROWTYPE;
  v_recall record;
  v_found jsonb;
  v_problems jsonb := '[]';
BEGIN
  SELECT * INTO STRICT v FROM public.lineage_modelversion WHERE id = c.model_version_id;
  IF c.digest = '' THEN
    v_problems := v_problems || muniment.problem('digest-missing', jsonb_build_object('version', v.number));
  ELSE
    SELECT r.id, r.reason INTO v_recall FROM public.lineage_recall r
      WHERE r.digest_value = v.digest_value AND r.digest_algorithm = v.digest_algorithm;
    IF FOUND THEN
      v_problems := v_problems || muniment.problem('digest-recalled',
        jsonb_build_object('digest', c.digest, 'recall', v_recall.id, 'why', left(v_recall.reason, 200)));
    END IF;
    v_found := muniment.digest_contradiction(v.id);
    IF v_found IS NOT NULL THEN
      v_problems := v_problems || muniment.problem('digest-contradicted', v_found || jsonb_build_object('digest', c.digest));
    END IF;
  END IF;
  IF (p_params ->> 'code_commit')::boolean AND v.code_commit = '' THEN
    v_problems := v_problems || muniment.problem('code-commit-missing', jsonb_build_object('version', v.number));
  END IF;
  IF (p_params ->> 'attestation')::boolean AND NOT EXISTS (
       SELECT 1 FROM public.approvals_evidence e, jsonb_array_elements(e.attachments) a
       WHERE e.model_version_id = v.id AND a ->> 'type' = 'attestation' AND e.subject_digest = c.digest) THEN
    v_problems := v_problems || muniment.problem('attestation-missing', jsonb_build_object('version', v.number));
  END IF;
  RETURN muniment.answered('artifact-met', jsonb_build_object('digest', c.digest), v_problems,
    jsonb_build_array(jsonb_build_object('kind', 'model_version', 'id', v.id, 'digest', c.digest)));
END $$;
