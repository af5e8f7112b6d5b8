-- What the comparison of a release reads.

-- The dataset versions a model version was made from, at any distance, and whether that is all of them: with more upstream
-- than is walked (muniment.closure_of_model_version), those it was trained on.
CREATE OR REPLACE FUNCTION muniment.data_above(model_version bigint, OUT dataset_versions bigint[], OUT whole boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  dataset_versions := (SELECT coalesce(array_agg(x.id), '{}') FROM muniment.closure_of_model_version(model_version) x
                       WHERE x.kind = 'dataset_version');
  whole := true;
EXCEPTION WHEN SQLSTATE 'MU009' THEN
  dataset_versions := muniment.training_of(model_version);
  whole := false;
END $$;
