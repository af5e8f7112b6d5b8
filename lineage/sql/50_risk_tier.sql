-- A model's risk tier follows from its answers, whoever writes the row: the tier chooses the policy, so it is no one's to
-- pick. The same rule as lineage/risk.py (a property test compares them). A question left open, or answered with anything
-- but false, counts as yes. Another tier takes a risk manager's signature (TierOverride), which is applied here and nowhere
-- else.
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

CREATE OR REPLACE FUNCTION muniment.tier_rank(tier text) RETURNS integer LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$ SELECT array_position(ARRAY['low', 'medium', 'high'], tier) $$;

-- The tier in effect: what follows from the answers, unless the newest override says otherwise. One that raised it is a
-- floor; one that lowered it was signed upon certain answers and lapses with them.
CREATE OR REPLACE FUNCTION muniment.effective_tier(model bigint, answers jsonb) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_follows text := muniment.risk_tier_of(answers);
  o public.lineage_tieroverride%ROWTYPE;
BEGIN
  SELECT t.* INTO o FROM public.lineage_tieroverride t WHERE t.model_id = effective_tier.model ORDER BY t.id DESC LIMIT 1;
  IF NOT FOUND OR o.tier = '' THEN
    RETURN v_follows;
  ELSIF muniment.tier_rank(o.tier) > muniment.tier_rank(o.derived_tier) THEN
    RETURN CASE WHEN muniment.tier_rank(o.tier) > muniment.tier_rank(v_follows) THEN o.tier ELSE v_follows END;
  END IF;
  RETURN CASE WHEN o.answers = effective_tier.answers THEN o.tier ELSE v_follows END;
END $$;

CREATE OR REPLACE FUNCTION muniment.derive_risk_tier() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.risk_tier := CASE TG_OP WHEN 'INSERT' THEN muniment.risk_tier_of(NEW.risk_answers)
                              ELSE muniment.effective_tier(NEW.id, NEW.risk_answers) END;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS r_derive_risk_tier ON public.lineage_model;
CREATE TRIGGER r_derive_risk_tier BEFORE INSERT OR UPDATE ON public.lineage_model
  FOR EACH ROW EXECUTE FUNCTION muniment.derive_risk_tier();
ALTER TABLE public.lineage_model ENABLE ALWAYS TRIGGER r_derive_risk_tier;
