-- A profile is of the version whose digest its bytes have. Who measured it stands in it: only the product says "measured".
CREATE OR REPLACE FUNCTION muniment.data_profile_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_actor bigint := muniment.actor_id();
  v_version public.lineage_datasetversion%ROWTYPE;
  v_own text;
BEGIN
  SELECT v.* INTO v_version FROM public.lineage_datasetversion v WHERE v.id = NEW.dataset_version_id;
  v_own := v_version.digest_algorithm || ':' || v_version.digest_value;
  IF NEW.how = 'measured' AND NOT EXISTS (
      SELECT 1 FROM public.governance_principal p WHERE p.id = v_actor AND p.kind = 'system') THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'measured-by-another', TABLE = TG_TABLE_NAME, COLUMN = 'how',
      MESSAGE = 'Only the product says of a profile that it measured it.',
      HINT = 'Hand the profile in, or have the file profiled by a worker.';
  END IF;
  IF NEW.how = 'handed-in' AND NOT muniment.holds_role(v_actor,
      ARRAY['pipeline', 'model_owner', 'data_steward', 'validator'], NEW.namespace_id, clock_timestamp()) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU006', DETAIL = 'not-for-this-role', TABLE = TG_TABLE_NAME,
      MESSAGE = 'Pipelines, model owners, data stewards and validators hand in profiles.', HINT = 'Ask one of them.';
  END IF;
  -- Digests of other algorithms than SHA-256 cannot be held against what was handed in, only against what was measured.
  IF (NEW.how = 'measured' AND NEW.file_digest <> v_own)
     OR (v_version.digest_algorithm = 'sha256' AND NEW.file_digest <> v_own) THEN
    RAISE EXCEPTION USING ERRCODE = 'MU009', DETAIL = 'profile-of-other-bytes', TABLE = TG_TABLE_NAME,
      COLUMN = 'file_digest', MESSAGE = 'The profile is of other bytes than the version: their digests differ.',
      HINT = 'Profile the file that the version was registered with, or register this one as a version of its own.';
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_rules_of_profiles ON public.lineage_dataprofile;
CREATE TRIGGER r_rules_of_profiles BEFORE INSERT ON public.lineage_dataprofile
  FOR EACH ROW WHEN (NEW.how <> 'reported') EXECUTE FUNCTION muniment.data_profile_rules();
ALTER TABLE public.lineage_dataprofile ENABLE ALWAYS TRIGGER r_rules_of_profiles;
