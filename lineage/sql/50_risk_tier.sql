-- A model's risk tier follows from its answers, whoever writes the row: the tier chooses the policy, so it is no one's to
-- pick. The same rule as lineage/risk.py (a property test compares them). A question left open, or answered with anything
-- but false, counts as yes.
CREATE OR REPLACE FUNCTION muniment.risk_tier_of(answers jsonb) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE
    WHEN answers -> 'legal_or_similar_effect' IS DISTINCT FROM 'false'::jsonb
      OR answers -> 'safety_component' IS DISTINCT FROM 'false'::jsonb
      OR answers -> 'special_category_data' IS DISTINCT FROM 'false'::jsonb THEN 'high'
    WHEN answers -> 'personal_data' IS DISTINCT FROM 'false'::jsonb
      OR answers -> 'no_human_review' IS DISTINCT FROM 'false'::jsonb THEN 'medium'
    ELSE 'low' END
$$;

CREATE OR REPLACE FUNCTION muniment.derive_risk_tier() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.risk_tier := muniment.risk_tier_of(NEW.risk_answers);
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_derive_risk_tier ON public.lineage_model;
CREATE TRIGGER r_derive_risk_tier BEFORE INSERT OR UPDATE ON public.lineage_model
  FOR EACH ROW EXECUTE FUNCTION muniment.derive_risk_tier();
ALTER TABLE public.lineage_model ENABLE ALWAYS TRIGGER r_derive_risk_tier;
