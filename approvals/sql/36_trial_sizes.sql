-- How many units a trial's design takes.

-- The z with P(Z >= z) = tail, to sixteen digits (Wichura 1988, algorithm AS 241, as Python's statistics has it).
CREATE OR REPLACE FUNCTION muniment.normal_point(tail double precision) RETURNS double precision LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  q double precision := 0.5 - tail;
  r double precision;
  above double precision[];  -- coefficients, those of the highest power first
  below double precision[];
  x double precision := 0;
  y double precision := 0;
BEGIN
  IF abs(q) <= 0.425 THEN
    r := 0.180625 - q * q;
    above := '{2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4, 4.5921953931549871457e+4,
      1.3731693765509461125e+4, 1.9715909503065514427e+3, 1.3314166789178437745e+2, 3.3871328727963666080e+0}';
    below := '{5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4, 2.1213794301586595867e+4,
      5.3941960214247511077e+3, 6.8718700749205790830e+2, 4.2313330701600911252e+1, 1}';
  ELSE
    r := sqrt(-ln(least(tail, 1 - tail)));
    IF r <= 5 THEN
      r := r - 1.6;
      above := '{7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e+0,
      3.64784832476320460504e+0, 5.76949722146069140550e+0, 4.63033784615654529590e+0, 1.42343711074968357734e+0}';
      below := '{1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
      6.89767334985100004550e-1, 1.67638483018380384940e+0, 2.05319162663775882187e+0, 1}';
    ELSE
      r := r - 5;
      above := '{2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
      2.96560571828504891230e-1, 1.78482653991729133580e+0, 5.46378491116411436990e+0, 6.65790464350110377720e+0}';
      below := '{2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
      1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1}';
    END IF;
  END IF;
  FOR n IN 1 .. 8 LOOP
    x := x * r + above[n];
    y := y * r + below[n];
  END LOOP;
  RETURN x / y * (CASE WHEN abs(q) <= 0.425 THEN q ELSE sign(q) END);
END $$;

-- The champion's units that the power of a design takes with one look, by the formulas of approvals/trials/statistics.py, not
-- rounded; what several looks take is muniment.power_of_looks.
CREATE OR REPLACE FUNCTION muniment.trial_exact_units(t public.approvals_trial) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  share double precision := t.challenger_share;
  ratio double precision := share / (1 - share);
  effect double precision := CASE t.better WHEN 'higher' THEN t.minimum_effect ELSE -t.minimum_effect END;
  za double precision := muniment.normal_point((t.alpha / (CASE t.sides WHEN 'one' THEN 1 ELSE 2 END))::double precision);
  zb double precision := muniment.normal_point((1 - t.power)::double precision);
  p double precision := t.baseline;
  q double precision := t.baseline + CASE t.better WHEN 'higher' THEN t.minimum_effect ELSE -t.minimum_effect END;
  pooled double precision := (p + ratio * q) / (1 + ratio);
BEGIN
  RETURN least(1e15, CASE t.metric_kind WHEN 'proportion' THEN
      ((za * sqrt(greatest(pooled * (1 - pooled), 0) * (1 + 1 / ratio))
        + zb * sqrt(greatest(p * (1 - p), 0) + greatest(q * (1 - q), 0) / ratio)) / effect) ^ 2
    ELSE
      greatest((za + zb) ^ 2 * t.baseline_sd::double precision ^ 2 * (1 + 1 / ratio) / effect ^ 2
                 + za ^ 2 / (2 * (1 + ratio)), 2) END) * (1 - 1e-12);  -- the last digits of two machines differ
END $$;

-- The whole units of each arm that a design takes at least, however many looks it has.
CREATE OR REPLACE FUNCTION muniment.trial_least_units(t public.approvals_trial, OUT champion numeric, OUT challenger numeric)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  share double precision := t.challenger_share;
BEGIN
  champion := greatest(ceil(muniment.trial_exact_units(t)), 2);
  challenger := greatest(ceil(muniment.trial_exact_units(t) * (share / (1 - share))), 2);
END $$;

-- The chance that a normal step of this spread leads from one of the places, each with its mass, to beyond a bound. The tail
-- is Chebyshev's fit of approvals/trials/sequential.py: PostgreSQL 15 has no erfc. Exponents stop at -300, since a double too
-- small to be written is an error here.
CREATE OR REPLACE FUNCTION muniment.chance_beyond(places double precision[], mass double precision[], bound double precision,
                                                  spread double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT sum(u.m * CASE WHEN u.z >= 0 THEN u.upper ELSE 1 - u.upper END) FROM (
    SELECT k.m, k.z, 0.5 * k.t * exp(greatest(-300, -k.z * k.z / 2 + (((((((((
      0.17087277 * k.t - 0.82215223) * k.t + 1.48851587) * k.t - 1.13520398) * k.t + 0.27886807) * k.t - 0.18628806) * k.t
      + 0.09678418) * k.t + 0.37409196) * k.t + 1.00002368) * k.t - 1.26551223))) AS upper
    FROM (SELECT x.m, y.z, 1 / (1 + 0.5 * abs(y.z) / sqrt(2::double precision)) AS t FROM unnest(places, mass) AS x (p, m)
          CROSS JOIN LATERAL (SELECT greatest(-1e6, least(1e6, (bound - x.p) / spread)) AS z) y) k) u
$$;

-- The chance to cross the boundary of Lan and DeMets at one of so many equal looks, where the statistic's mean at the end
-- would be `drift`: approvals/trials/sequential.py with Simpson's rule at 121 points, within 3e-6 of its 401. Only what goes
-- on under no difference is integrated; under a drift the same places have their mass times the ratio of likelihoods.
CREATE OR REPLACE FUNCTION muniment.power_of_looks(spending text, tail double precision, looks integer, drift double precision)
RETURNS double precision LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  places double precision[] := '{0}';
  mass double precision[] := '{1}';
  drifted double precision[];
  step double precision := 1 / looks::double precision;
  low double precision;
  high double precision;
  spent double precision;
  used double precision := 0;
  found double precision := 0;
BEGIN
  FOR n IN 1 .. looks LOOP
    spent := CASE spending
      WHEN 'pocock' THEN tail * ln(1 + (exp(1::double precision) - 1) * n * step)
      ELSE 2 * muniment.chance_beyond('{0}', '{1}', muniment.normal_point(tail / 2) / sqrt(n * step), 1) END;
    high := 'Infinity';
    IF spent - used > 1e-14 THEN
      low := -8;
      high := 10;
      FOR halving IN 1 .. 32 LOOP
        IF muniment.chance_beyond(places, mass, (low + high) / 2 * sqrt(n * step), sqrt(step)) > spent - used THEN
          low := (low + high) / 2;
        ELSE
          high := (low + high) / 2;
        END IF;
      END LOOP;
      drifted := ARRAY(SELECT x.m * exp(greatest(-300, drift * x.p - drift ^ 2 * (n - 1) * step / 2))
                       FROM unnest(places, mass) WITH ORDINALITY AS x (p, m, at) ORDER BY x.at);
      found := found + muniment.chance_beyond(places, drifted, high * sqrt(n * step) - drift * step, sqrt(step));
    END IF;
    used := spent;
    low := -8 * sqrt(n * step);
    high := least(high * sqrt(n * step), 8 * sqrt(n * step) + drift * n * step);
    SELECT array_agg(g.x ORDER BY i), array_agg(g.weight * d.density ORDER BY i) INTO places, mass
      FROM generate_series(0, 120) i
      CROSS JOIN LATERAL (SELECT low + i * (high - low) / 120 AS x,
        (high - low) / 360 * CASE WHEN i IN (0, 120) THEN 1 WHEN i % 2 = 1 THEN 4 ELSE 2 END AS weight) g
      CROSS JOIN LATERAL (SELECT sum(o.m * exp(greatest(-300, -((g.x - o.p) ^ 2) / (2 * step)))) / sqrt(2 * pi() * step) AS density
                          FROM unnest(places, mass) AS o (p, m)) d;
  END LOOP;
  RETURN found;
END $$;

-- The power that the units of a trial reach by its looks. What is beyond four times the units of one look reaches any.
CREATE OR REPLACE FUNCTION muniment.trial_power(t public.approvals_trial) RETURNS double precision LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tail double precision := t.alpha / (CASE t.sides WHEN 'one' THEN 1 ELSE 2 END);
  ratio double precision := t.challenger_share / (1 - t.challenger_share);
  units double precision := muniment.trial_exact_units(t);
  times double precision := least(t.champion_units / units, t.challenger_units / (units * ratio), 4);
BEGIN
  RETURN muniment.power_of_looks(t.spending, tail, t.looks,
    (muniment.normal_point(tail) + muniment.normal_point((1 - t.power)::double precision)) * sqrt(times));
END $$;
