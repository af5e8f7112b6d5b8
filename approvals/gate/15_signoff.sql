-- signoff: enough distinct persons of the role, none of whom had a hand in it, whose votes still stand on what they were
-- given on; no veto. One person fills one requirement.

-- The live votes on the requirements of a policy version, each with why it does not count (NULL: it counts). A vote on an
-- earlier policy version counts while the requirement has read the same ever since. `person` is the signer; a delegate and
-- the person they act for are one (`same`). What ended a vote ends it for good: a role given again is another grant, and
-- who was inactive once since signing stays without a vote.
CREATE OR REPLACE FUNCTION muniment.live_votes(c muniment.gate_context) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_now jsonb;
  v_publication text;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM public.approvals_signoff WHERE release_id = c.release_id) THEN
    RETURN '[]';
  END IF;
  v_now := muniment.release_aspects(c);
  v_publication := muniment.newest_publication(c.environment_id, c.namespace_id);
  RETURN (
    WITH given AS MATERIALIZED (
      SELECT x.*, coalesce(p.responsible_id, p.id) AS person, g.principal_id AS granted_to, g.role,
             coalesce(g.on_behalf_of_id, p.responsible_id, p.id) AS same,
             p.is_active AND p.kind = 'person' AND NOT EXISTS (
               SELECT 1 FROM public.governance_historicalprincipal h
               WHERE h.id = p.id AND NOT h.is_active AND h.history_date >= x.signed_at) AS active,
             q.id AS asked, q.params, q.binds, q.key, o.policy_version_id,
             -- Declared before or after the vote: one that was not over when it was given voids it for good.
             EXISTS (SELECT 1 FROM public.approvals_conflictofinterest k
                     WHERE k.model_id = c.model_id AND (k.until IS NULL OR k.until > x.signed_at)
                       AND k.recorded_by_id IN (p.id, g.on_behalf_of_id)) AS recused
      FROM public.approvals_signoff x
      JOIN public.approvals_requirement o ON o.id = x.requirement_id
      JOIN public.approvals_requirement q ON q.policy_version_id = c.policy_version_id AND q.key = o.key AND q.kind = 'signoff'
      JOIN public.governance_rolegrant g ON g.id = x.role_grant_id
      JOIN public.governance_principal p ON p.id = x.recorded_by_id
      WHERE x.release_id = c.release_id
        AND NOT EXISTS (SELECT 1 FROM public.approvals_signoffwithdrawal w WHERE w.sign_off_id = x.id)
    ), seen AS MATERIALIZED (  -- reviewers mostly looked at the same evidence: each set is digested once
      SELECT e.cited, muniment.evidence_digest(e.cited) AS digest FROM (SELECT DISTINCT evidence_seen AS cited FROM given) e
    )
    SELECT coalesce(jsonb_agg(jsonb_build_object('id', s.id, 'requirement', s.asked, 'key', s.key, 'vote', s.vote,
             'person', s.person, 'same', s.same, 'name', s.printed_name, 'aspects', to_jsonb(a.changed),
             'why', CASE
               WHEN NOT s.active THEN 'voter-inactive'
               WHEN s.granted_to <> s.recorded_by_id OR s.role IS DISTINCT FROM s.params ->> 'role'
                 OR NOT muniment.grant_in_force(s.role_grant_id, c.at) THEN 'grant-ended'
               WHEN ARRAY[s.person, s.same] && c.involved THEN 'voter-contributed'
               WHEN s.recused THEN 'voter-recused'
               -- What it was given on was written down otherwise then: nobody can tell whether that changed.
               WHEN cardinality(a.changed) > 0 AND NOT s.bound ? 'use_epoch' THEN 'vote-of-older-form'
               WHEN cardinality(a.changed) > 0 THEN 'vote-stale' END) ORDER BY s.id), '[]')
    FROM given s JOIN seen e ON e.cited = s.evidence_seen
    CROSS JOIN LATERAL (
      SELECT coalesce(array_agg(DISTINCT b.aspect), '{}') AS changed FROM unnest(muniment.aspects_bound(s.binds::text[])) AS b (aspect)
      WHERE CASE b.aspect
        -- Nothing published and the same use: the text cannot have changed. Else every text since is looked at.
        WHEN 'requirement' THEN
          (s.bound ->> 'publication' IS DISTINCT FROM v_publication OR s.bound ->> 'use_epoch' IS DISTINCT FROM c.use_epoch::text)
          AND muniment.asked_otherwise(c, s.requirement_id, s.bound)
        WHEN 'evidence' THEN s.bound ->> 'evidence' IS DISTINCT FROM e.digest
        WHEN 'role' THEN false  -- the grant itself is looked at above
        ELSE s.bound ->> b.aspect IS DISTINCT FROM v_now ->> b.aspect END
    ) a);
END $$;

-- From when on the head of the role may lift a veto.
CREATE OR REPLACE FUNCTION muniment.veto_lift_from(signed_at timestamptz, params jsonb) RETURNS timestamptz
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT signed_at + make_interval(hours => coalesce((params ->> 'veto_lift_hours')::integer, 72))
$$;

-- Persons filling places, one person one place, as many places as possible (augmenting paths, breadth first): a greedy
-- count falls short in one case of seven. Arguments: per place the requirement it belongs to, and edges requirement-person.
-- Result: per place the person who fills it, or NULL.
CREATE OR REPLACE FUNCTION muniment.fill_places(places bigint[], edge_place bigint[], edge_person bigint[])
RETURNS bigint[] LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_persons bigint[] := ARRAY(SELECT DISTINCT p FROM unnest(edge_person) p ORDER BY p);
  v_filled bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(places)]);   -- place -> person
  v_holds integer[] := array_fill(0, ARRAY[cardinality(v_persons)]);           -- person -> place
  v_via integer[];                                                             -- person -> place they were reached from
  v_queue integer[];
  v_place integer;
  v_person integer;
  v_next integer;
BEGIN
  FOR v_start IN 1 .. cardinality(places) LOOP
    v_via := array_fill(0, ARRAY[cardinality(v_persons)]);
    v_queue := ARRAY[v_start];
    <<search>>
    WHILE cardinality(v_queue) > 0 LOOP
      v_place := v_queue[1];
      v_queue := v_queue[2:];
      FOR v_person IN
        SELECT DISTINCT array_position(v_persons, e.person) FROM unnest(edge_place, edge_person) AS e (place, person)
        WHERE e.place = places[v_place] ORDER BY 1
      LOOP
        CONTINUE WHEN v_via[v_person] <> 0;
        v_via[v_person] := v_place;
        IF v_holds[v_person] <> 0 THEN
          v_queue := v_queue || v_holds[v_person];
          CONTINUE;
        END IF;
        WHILE v_person IS NOT NULL LOOP  -- walk the path back, giving each place its new person
          v_place := v_via[v_person];
          v_next := array_position(v_persons, v_filled[v_place]);
          v_filled[v_place] := v_persons[v_person];
          v_holds[v_person] := v_place;
          v_person := v_next;
        END LOOP;
        EXIT search;
      END LOOP;
    END LOOP;
  END LOOP;
  RETURN v_filled;
END $$;

-- Which person stands for whom: everyone joined by a delegation among the counting votes gets one number.
CREATE OR REPLACE FUNCTION muniment.one_person(votes jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_one jsonb := '{}';
  v_pair record;
  v_low bigint;
  v_changed boolean := true;
BEGIN
  WHILE v_changed LOOP
    v_changed := false;
    FOR v_pair IN SELECT v ->> 'person' AS a, v ->> 'same' AS b FROM jsonb_array_elements(votes) v LOOP
      v_low := least(coalesce((v_one ->> v_pair.a)::bigint, v_pair.a::bigint),
                     coalesce((v_one ->> v_pair.b)::bigint, v_pair.b::bigint));
      IF (v_one ->> v_pair.a)::bigint IS DISTINCT FROM v_low OR (v_one ->> v_pair.b)::bigint IS DISTINCT FROM v_low THEN
        v_one := v_one || jsonb_build_object(v_pair.a, v_low) || jsonb_build_object(v_pair.b, v_low);
        v_changed := true;
      END IF;
    END LOOP;
  END LOOP;
  RETURN v_one;
END $$;

-- Requirement id -> ids of the votes that fill it, over all sign-off requirements of the policy version at once.
CREATE OR REPLACE FUNCTION muniment.filled_requirements(c muniment.gate_context) RETURNS jsonb LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_counting jsonb := (SELECT coalesce(jsonb_agg(v), '[]') FROM jsonb_array_elements(c.votes) v
                       WHERE v ->> 'why' IS NULL AND v ->> 'vote' = 'approve');
  v_one jsonb := muniment.one_person(v_counting);
  v_places bigint[];
  v_filled bigint[];
BEGIN
  IF jsonb_array_length(v_counting) = 0 THEN
    RETURN '{}';
  END IF;
  -- Mostly everyone votes once, for themselves, and nobody too much: then each vote fills a place, and nothing is to match.
  IF (SELECT count(*) = count(DISTINCT v ->> 'person') AND bool_and(v ->> 'person' = v ->> 'same')
      FROM jsonb_array_elements(v_counting) v)
     AND NOT EXISTS (
       SELECT 1 FROM jsonb_array_elements(v_counting) v
       JOIN public.approvals_requirement q ON q.id = (v ->> 'requirement')::bigint
       GROUP BY q.id HAVING count(*) > coalesce((q.params ->> 'count')::integer, 1)) THEN
    RETURN (SELECT jsonb_object_agg(x.requirement, x.votes) FROM (
      SELECT v ->> 'requirement' AS requirement, jsonb_agg((v ->> 'id')::bigint ORDER BY (v ->> 'id')::bigint) AS votes
      FROM jsonb_array_elements(v_counting) v GROUP BY 1) x);
  END IF;
  SELECT coalesce(array_agg(q.id ORDER BY q.position), '{}') INTO v_places
    FROM public.approvals_requirement q, generate_series(1, coalesce((q.params ->> 'count')::integer, 1))
    WHERE q.policy_version_id = c.policy_version_id AND q.kind = 'signoff';
  SELECT muniment.fill_places(v_places, array_agg((v ->> 'requirement')::bigint),
                              array_agg((v_one ->> (v ->> 'person'))::bigint))
    INTO v_filled FROM jsonb_array_elements(v_counting) v;
  RETURN (
    SELECT coalesce(jsonb_object_agg(x.requirement, x.votes), '{}') FROM (
      SELECT f.requirement, jsonb_agg(DISTINCT (v ->> 'id')::bigint) AS votes
      FROM unnest(v_places, v_filled) AS f (requirement, person), jsonb_array_elements(v_counting) v
      WHERE (v ->> 'requirement')::bigint = f.requirement AND (v_one ->> (v ->> 'person'))::bigint = f.person
      GROUP BY f.requirement) x);
END $$;

CREATE OR REPLACE FUNCTION muniment.gate_signoff(c muniment.gate_context, p_requirement bigint, p_params jsonb)
RETURNS muniment.gate_answer LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_need integer := coalesce((p_params ->> 'count')::integer, 1);
  v_mine jsonb;
  v_filled jsonb;
  v_have integer;
  v_own integer;
  v_ignored jsonb;
  v_problems jsonb := '[]';
  v_base jsonb;
BEGIN
  IF v_need IS NULL OR v_need < 1 OR p_params ->> 'role' IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT coalesce(jsonb_agg(v ORDER BY v ->> 'id'), '[]') INTO v_mine FROM jsonb_array_elements(c.votes) v
    WHERE (v ->> 'requirement')::bigint = p_requirement;
  v_filled := coalesce(c.filled -> p_requirement::text, '[]');
  v_have := jsonb_array_length(v_filled);
  SELECT count(DISTINCT v ->> 'person') INTO v_own FROM jsonb_array_elements(v_mine) v
    WHERE v ->> 'why' IS NULL AND v ->> 'vote' = 'approve';
  -- A veto stands until its author takes it back, whatever has changed since, their role included; or until the head of
  -- the role lifts it, which the policy allows from a moment on.
  IF (p_params ->> 'veto')::boolean THEN
    SELECT coalesce(jsonb_agg(muniment.problem('vetoed', jsonb_build_object(
             'sign_off', s.id, 'name', v -> 'name', 'role', p_params ->> 'role', 'lift_from',
             to_char(muniment.veto_lift_from(s.signed_at, p_params), 'YYYY-MM-DD HH24:MI "UTC"'))) ORDER BY s.id), '[]')
      INTO v_problems FROM jsonb_array_elements(v_mine) v
      JOIN public.approvals_signoff s ON s.id = (v ->> 'id')::bigint
      WHERE v ->> 'vote' = 'reject' AND NOT EXISTS (SELECT 1 FROM public.approvals_vetolift l WHERE l.sign_off_id = s.id);
  END IF;
  SELECT coalesce(jsonb_agg(jsonb_build_object('sign_off', v -> 'id', 'name', v -> 'name', 'why',
           coalesce(v ->> 'why', 'vote-rejected'), 'aspects', v -> 'aspects')), '[]')
    INTO v_ignored FROM jsonb_array_elements(v_mine) v WHERE v ->> 'why' IS NOT NULL OR v ->> 'vote' = 'reject';
  v_base := jsonb_build_object('role', p_params ->> 'role', 'needed', v_need, 'have', v_have, 'ignored', v_ignored);
  IF v_have < v_need THEN
    v_problems := v_problems || CASE WHEN v_own >= v_need THEN muniment.problem('person-counts-once', v_base)
                                     ELSE muniment.problem('approvals-missing', v_base) END;
  END IF;
  RETURN muniment.answered('signoff-met', v_base, v_problems, (
    SELECT coalesce(jsonb_agg(jsonb_build_object('kind', 'sign_off', 'id', s.id, 'digest', s.statement_digest)
                              ORDER BY s.id), '[]')
    FROM public.approvals_signoff s WHERE s.id IN (SELECT x::bigint FROM jsonb_array_elements_text(v_filled) x)));
END $$;
