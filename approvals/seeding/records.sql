-- One batch of seeded records: units %(first)s to %(last)s, each a dataset version, a run and a model version with what
-- belongs to them: ten rows of history in four acts. Row by row and act by act as the product writes them, through
-- every trigger. Run as the app, in a transaction of its own.
DO $seed$
DECLARE
  v_spaces bigint[] := ARRAY[%(spaces)s]::bigint[];
  v_pipelines bigint[] := ARRAY[%(pipelines)s]::bigint[];
  v_owners bigint[] := ARRAY[%(owners)s]::bigint[];
  v_production bigint := (SELECT id FROM public.approvals_environment WHERE name = 'production');
  v_sources text[] := ARRAY['loan-applications', 'card-transactions', 'call-centre-notes', 'branch-visits',
    'claims-files', 'payroll-runs', 'credit-bureau-extract', 'web-sessions', 'invoice-lines', 'sanction-hits',
    'property-valuations', 'customer-complaints', 'overdraft-events', 'merchant-master', 'collateral-register'];
  v_places text[] := ARRAY['north', 'south', 'east', 'west', 'central', 'online', 'nordics', 'iberia', 'alps'];
  v_tasks text[] := ARRAY['default-scoring', 'fraud-alerts', 'churn', 'next-best-offer', 'claims-triage',
    'early-warning', 'price-elasticity', 'document-routing', 'limit-setting', 'recovery-rate', 'cash-demand'];
  v_why text[] := ARRAY['Monthly extract', 'Quarterly refresh after the freeze', 'Backfill asked for by validation',
    'Correction of a wrong join', 'Nightly extract', 'Extract for the annual review', 'Reload after the outage'];
  v_train text[] := ARRAY['Scheduled retraining', 'Retraining after drift was seen', 'Challenger with fewer features',
    'Recalibration to the new portfolio', 'Hyperparameters searched again', 'Retraining on corrected data'];
  v_flags text[] := ARRAY['pd:Income', 'pd:Age', 'pd:Gender', 'pd:Location', 'pd:MaritalStatus', 'pd:Name'];
  v_n integer; v_dataset bigint; v_version bigint; v_before bigint; v_model bigint; v_run bigint; v_made bigint;
  v_month date; v_source text; v_place text; v_task text;
BEGIN
  PERFORM set_config('muniment.xid', pg_current_xact_id()::text, true);
  FOR i IN %(first)s..%(last)s LOOP
    -- Skewed: the first namespaces hold most. Units of one dataset (five) and one model (ten) stay in one namespace.
    v_n := 1 + floor(array_length(v_spaces, 1) * power(((i / 10) * 7919 %% 1000) / 1000.0, 2))::integer;
    v_month := date '2015-01-01' + make_interval(months => i %% 120);
    v_source := v_sources[1 + (i / 10) %% 15];
    v_place := v_places[1 + (i / 5) %% 9];
    v_task := v_tasks[1 + (i / 10) %% 11];
    PERFORM set_config('muniment.actor', v_pipelines[v_n]::text, true);

    IF i %% 5 = 0 THEN
      PERFORM set_config('muniment.action', gen_random_uuid()::text, true),
              set_config('muniment.reason', format('Catalogue: %%s of branch region %%s', v_source, v_place), true);
      INSERT INTO public.lineage_dataset (namespace_id, name, title, description, owner_id, is_live)
        VALUES (v_spaces[v_n], format('%%s-%%s-%%s', v_source, v_place, i), '',
          format('Table %%s as the %%s branches keep it; one row a case.', v_source, v_place), v_owners[v_n], false)
        RETURNING id INTO v_dataset;
      INSERT INTO public.lineage_collectionterms (dataset_id, licence, document_digest, consent_status, consent_evidence,
          legal_basis, special_condition, original_purpose, permitted_purposes, forbidden_purposes,
          permitted_geographies, forbidden_geographies, permitted_storage_geographies, forbidden_storage_geographies,
          controller, effective_from)
        VALUES (v_dataset, 'LicenseRef-internal', 'sha256:' || encode(sha256(convert_to('terms ' || i, 'UTF8')), 'hex'), '', '',
          'eu-gdpr:A6-1-b', '', 'dpv:ServiceProvision', '{dpv:CreditChecking,dpv:FraudPreventionAndDetection}', '{}',
          '{EU}', '{}', '{}', '{}', 'The bank', clock_timestamp());
    END IF;

    PERFORM set_config('muniment.action', gen_random_uuid()::text, true),
            set_config('muniment.reason', format('%%s, %%s', v_why[1 + i %% 7], to_char(v_month, 'YYYY-MM')), true);
    INSERT INTO public.lineage_datasetversion (dataset_id, label, digest_algorithm, digest_value, location, format, bytes,
        rows, schema, source, origin, origin_geography, date, generation_period_start, generation_period_end,
        generation_method, data_collection_process, known_bias, dataset_noise, update_mechanism, missing_data,
        imputation, preprocessing, annotation_protocol)
      VALUES (coalesce(v_dataset, (SELECT max(id) FROM public.lineage_dataset WHERE namespace_id = v_spaces[v_n])),
        format('%%s.%%s', to_char(v_month, 'YYYY-MM'), i), 'sha256', encode(sha256(convert_to('data ' || i, 'UTF8')), 'hex'),
        format('s3://lake/%%s/%%s/%%s.parquet', v_source, v_place, i), 'application/vnd.apache.parquet',
        1000000 + i * 977, 10000 + i * 13,
        '[{"name": "income", "type": "float"}, {"name": "age", "type": "int"}, {"name": "region", "type": "text"}]',
        'Core banking', 'Cases at our branches', 'DE', v_month + 32, v_month, v_month + 30, 'Entered by clerks', '',
        '', '', '', '', '', '', '')
      RETURNING id, dataset_id INTO v_version, v_dataset;
    FOR f IN 0..2 LOOP
      INSERT INTO public.lineage_sensitivityflag (dataset_version_id, "column", category, regulation_sets, present,
          special_category, collected_as, data_subjects, treatment, treatment_tool, treatment_parameters,
          excluded_from_training, assessment)
        VALUES (v_version, (ARRAY['income', 'age', 'region'])[f + 1], v_flags[1 + (i + f) %% 6], '{PI}', 'yes', false,
          'collected', '{dpv:Customer}', 'none', '', '{}', false, 'declared');
    END LOOP;

    IF i %% 10 = 0 THEN
      PERFORM set_config('muniment.action', gen_random_uuid()::text, true),
              set_config('muniment.reason', format('New model for %%s in %%s', v_task, v_place), true);
      INSERT INTO public.lineage_model (namespace_id, name, title, description, owner_id, intended_purpose,
          out_of_scope_uses, risk_tier, risk_answers, deployment_geography)
        VALUES (v_spaces[v_n], format('%%s-%%s-%%s', v_task, v_place, i), '', format('Scores %%s for %%s.', v_source, v_task),
          v_owners[v_n], 'dpv:CreditChecking', '', 'high', '{}', '{DE}')
        RETURNING id INTO v_model;
    END IF;
    v_model := coalesce(v_model, (SELECT max(id) FROM public.lineage_model WHERE namespace_id = v_spaces[v_n]));

    PERFORM set_config('muniment.action', gen_random_uuid()::text, true),
            set_config('muniment.reason', v_train[1 + i %% 6], true);
    INSERT INTO public.lineage_run (namespace_id, job_name, run_key, source_commit, started_at, state)
      VALUES (v_spaces[v_n], format('train-%%s', v_task), format('%%s-%%s', to_char(v_month, 'YYYYMM'),
        substr(encode(sha256(convert_to('run ' || i, 'UTF8')), 'hex'), 1, 20)), NULL, clock_timestamp(), 'running')
      RETURNING id INTO v_run;
    INSERT INTO public.lineage_runinput (run_id, dataset_version_id, role, link_method)
      VALUES (v_run, v_version, 'training', 'declared'),
             (v_run, CASE WHEN i %% 5 = 0 THEN v_version ELSE v_before END, 'validation', 'declared');

    PERFORM set_config('muniment.action', gen_random_uuid()::text, true),
            set_config('muniment.reason', v_train[1 + i %% 6] || ': done', true);
    UPDATE public.lineage_run SET state = 'complete', ended_at = clock_timestamp() WHERE id = v_run;
    INSERT INTO public.lineage_modelversion (model_id, artifact_uri, digest_algorithm, digest_value, source_run_id,
        code_commit, supplier, metrics, parameters, features_used, model_card)
      VALUES (v_model, format('s3://models/%%s/%%s.onnx', v_task, i), 'sha256',
        encode(sha256(convert_to('model ' || i, 'UTF8')), 'hex'), v_run,
        substr(encode(sha256(convert_to('commit ' || i / 3, 'UTF8')), 'hex'), 1, 40), '',
        jsonb_build_object('auc', round((0.6 + (i %% 350) / 1000.0)::numeric, 3)), '{"depth": 6}', '{income,age}', '{}')
      RETURNING id INTO v_made;

    IF i %% 20 = 7 AND v_production IS NOT NULL THEN
      PERFORM set_config('muniment.action', gen_random_uuid()::text, true),
              set_config('muniment.actor', v_owners[v_n]::text, true),
              set_config('muniment.reason', 'Asked for by the business', true);
      INSERT INTO public.approvals_release (model_version_id, environment_id, slot, purpose)
        VALUES (v_made, v_production, 'champion', '');
    END IF;
    IF i %% 2 = 0 THEN
      PERFORM set_config('muniment.action', gen_random_uuid()::text, true),
              set_config('muniment.actor', v_owners[v_n]::text, true),
              set_config('muniment.reason', format('Title for the catalogue, revision %%s', i %% 37), true);
      IF i %% 4 = 0 THEN
        UPDATE public.lineage_dataset SET title = format('%%s, %%s, revision %%s', initcap(replace(v_source, '-', ' ')),
          initcap(v_place), i) WHERE id = v_dataset;
      ELSE
        UPDATE public.lineage_model SET title = format('%%s %%s, revision %%s', initcap(replace(v_task, '-', ' ')),
          initcap(v_place), i) WHERE id = v_model;
      END IF;
    END IF;
    v_before := v_version;
    IF i %% 5 = 4 THEN
      v_dataset := NULL;
      v_model := CASE WHEN i %% 10 = 9 THEN NULL ELSE v_model END;
    END IF;
  END LOOP;
END $seed$
