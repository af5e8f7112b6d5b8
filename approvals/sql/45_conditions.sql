-- Approvals with conditions. The conditions stand in the signed statement word for word, and each opens a finding in the
-- same transaction, written by trigger: no condition without its finding, no finding that claims to be one.

CREATE OR REPLACE FUNCTION muniment.most_conditions() RETURNS integer LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$ SELECT 20 $$;

-- Queue at a release and lock its row; with the version's queue where findings on it will follow, in one order.
CREATE OR REPLACE FUNCTION muniment.lock_signing(release bigint, conditional boolean) RETURNS void LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF conditional THEN
    PERFORM muniment.queue(ARRAY[muniment.stripe('release', r.id), muniment.stripe('model_version', r.model_version_id)],
                           false)
      FROM public.approvals_release r WHERE r.id = release;
  END IF;
  PERFORM muniment.lock_release(release);
END $$;

-- What is wrong with one condition {text, owner, due, when_overdue}; NULL: nothing. `due` carries its offset, so that no
-- session setting moves it.
CREATE OR REPLACE FUNCTION muniment.condition_fault(condition jsonb, at timestamptz) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' AS $$
BEGIN
  IF jsonb_typeof(condition) <> 'object' OR condition - ARRAY['text', 'owner', 'due', 'when_overdue'] <> '{}'
     OR NOT condition ?& ARRAY['text', 'owner', 'due', 'when_overdue'] THEN
    RETURN 'A condition has a text, an owner, a due moment and what overdue does.';
  ELSIF jsonb_typeof(condition -> 'text') <> 'string' OR condition ->> 'text' !~ '[^[:space:]]'
        OR length(condition ->> 'text') > 1000 OR condition ->> 'text' ~ '[[:cntrl:]]' THEN
    RETURN 'A condition''s text is one paragraph of 1 to 1,000 characters.';
  ELSIF jsonb_typeof(condition -> 'owner') <> 'number' OR NOT muniment.is_person((condition ->> 'owner')::bigint) THEN
    RETURN 'A condition is answered by a person.';
  ELSIF jsonb_typeof(condition -> 'due') <> 'string'
        OR condition ->> 'due' !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})$' THEN
    RETURN 'A condition''s due moment is written 2027-01-31T12:00:00Z.';
  ELSIF (condition ->> 'due')::timestamptz <= at OR (condition ->> 'due')::timestamptz > at + interval '10 years' THEN
    RETURN 'A condition is due in the future, within ten years.';
  ELSIF condition ->> 'when_overdue' IS NULL OR condition ->> 'when_overdue' NOT IN ('nothing', 'block', 'suspend') THEN
    RETURN 'When overdue: nothing, block or suspend.';
  END IF;
  RETURN NULL;
END $$;

-- Conditions as they stand in a statement, a line each; '' for none. Raises MU009 'conditions' where one is wrong.
CREATE OR REPLACE FUNCTION muniment.condition_lines(conditions jsonb) RETURNS text LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' AS $$
DECLARE
  v_fault text;
BEGIN
  IF jsonb_typeof(conditions) IS DISTINCT FROM 'array' OR jsonb_array_length(conditions) > muniment.most_conditions() THEN
    v_fault := format('Conditions are a list of at most %s.', muniment.most_conditions());
  ELSE
    SELECT f.fault INTO v_fault FROM jsonb_array_elements(conditions) WITH ORDINALITY AS e (one, n)
      CROSS JOIN LATERAL muniment.condition_fault(e.one, clock_timestamp()) AS f (fault)
      WHERE f.fault IS NOT NULL ORDER BY e.n LIMIT 1;
    IF v_fault IS NULL AND (SELECT count(*) <> count(DISTINCT one ->> 'text') FROM jsonb_array_elements(conditions) one) THEN
      v_fault := 'Each condition is given once.';
    END IF;
  END IF;
  IF v_fault IS NOT NULL THEN
    PERFORM muniment.refuse('MU009', 'conditions', v_fault, 'Correct the conditions.');
  END IF;
  RETURN (SELECT coalesce(string_agg(format('Condition %s: %s (answered by %s, due %s, when overdue: %s)', e.n, e.one ->> 'text',
                   p.display_name, to_char((e.one ->> 'due')::timestamptz, 'YYYY-MM-DD HH24:MI "UTC"'), e.one ->> 'when_overdue'),
                   E'\n' ORDER BY e.n), '')
          FROM jsonb_array_elements(conditions) WITH ORDINALITY AS e (one, n)
          JOIN public.governance_principal p ON p.id = (e.one ->> 'owner')::bigint);
END $$;

CREATE OR REPLACE FUNCTION muniment.check_conditions() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NEW.conditions = '[]' THEN
    RETURN NEW;
  ELSIF NEW.vote <> 'approve' THEN
    PERFORM muniment.refuse('MU009', 'conditions', 'Only an approval carries conditions.', 'Say in the comment why you reject it.');
  ELSIF position(E'\n' || muniment.condition_lines(NEW.conditions) IN NEW.statement) = 0 THEN
    PERFORM muniment.refuse('MU009', 'conditions', 'The conditions stand in the statement word for word.',
      'Sign a statement that names them.');
  END IF;
  RETURN NEW;
END $$;

DROP TRIGGER IF EXISTS q_conditions ON public.approvals_signoff;
CREATE TRIGGER q_conditions BEFORE INSERT ON public.approvals_signoff
  FOR EACH ROW EXECUTE FUNCTION muniment.check_conditions();
ALTER TABLE public.approvals_signoff ENABLE ALWAYS TRIGGER q_conditions;

CREATE OR REPLACE FUNCTION muniment.open_conditions() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' AS $$
BEGIN
  INSERT INTO public.approvals_finding (namespace_id, kind, model_version_id, text, severity, owner_id, due, when_overdue,
                                        blocks, sign_off_id)
    SELECT m.namespace_id, 'condition', v.id, e.one ->> 'text',
           CASE e.one ->> 'when_overdue' WHEN 'suspend' THEN 'high' WHEN 'block' THEN 'medium' ELSE 'low' END,
           (e.one ->> 'owner')::bigint, (e.one ->> 'due')::timestamptz, e.one ->> 'when_overdue', false, NEW.id
    FROM public.approvals_release r JOIN public.lineage_modelversion v ON v.id = r.model_version_id
    JOIN public.lineage_model m ON m.id = v.model_id,
    jsonb_array_elements(NEW.conditions) WITH ORDINALITY AS e (one, n)
    WHERE r.id = NEW.release_id ORDER BY e.n;
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS r_conditions ON public.approvals_signoff;
CREATE TRIGGER r_conditions AFTER INSERT ON public.approvals_signoff
  FOR EACH ROW EXECUTE FUNCTION muniment.open_conditions();
ALTER TABLE public.approvals_signoff ENABLE ALWAYS TRIGGER r_conditions;

-- A finding that claims to be a condition is one of its vote's, by the voter, and there once. The trigger above writes
-- them all, so any other is one too many.
CREATE OR REPLACE FUNCTION muniment.require_condition_of(f public.approvals_finding) RETURNS void LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' AS $$
BEGIN
  IF f.kind <> 'condition' OR f.blocks OR NOT EXISTS (
       SELECT 1 FROM public.approvals_signoff s JOIN public.approvals_release r ON r.id = s.release_id,
         jsonb_array_elements(s.conditions) AS e (one)
       WHERE s.id = f.sign_off_id AND s.recorded_by_id = muniment.actor_id() AND r.model_version_id = f.model_version_id
         AND e.one ->> 'text' = f.text AND (e.one ->> 'owner')::bigint = f.owner_id
         AND (e.one ->> 'due')::timestamptz = f.due AND e.one ->> 'when_overdue' = f.when_overdue)
     OR EXISTS (SELECT 1 FROM public.approvals_finding x WHERE x.sign_off_id = f.sign_off_id AND x.text = f.text) THEN
    PERFORM muniment.refuse('MU006', 'condition-without-vote', 'A condition is part of a signed approval, and comes with it.',
      'Sign with conditions, or raise a finding of another kind.');
  END IF;
END $$;
