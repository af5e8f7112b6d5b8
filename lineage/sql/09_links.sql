-- The links of runs that stand: recorded, and not voided by a correction. Whatever follows links reads these; whatever asks
-- who had a hand in something, or how often votes were voided, reads the tables.
--
-- NOT IN, because that is hashed once for a whole walk: a look into the index for each link made a walk over a million
-- edges more than twice as slow. Corrections are few.
--
-- With the rights of whoever asks. A migration that retypes one of these columns drops the views first: they are made again
-- when the guards are installed.
DROP VIEW IF EXISTS muniment.column_links;
DROP VIEW IF EXISTS muniment.run_inputs;
DROP VIEW IF EXISTS muniment.run_outputs;

CREATE VIEW muniment.run_inputs WITH (security_invoker = true) AS
  SELECT i.id, i.run_id, i.dataset_version_id, i.model_version_id, i.role FROM public.lineage_runinput i
  WHERE i.id NOT IN (
    SELECT c.run_input_id FROM public.lineage_linkcorrection c
    WHERE c.run_input_id IS NOT NULL AND c.kind = 'void' AND NOT EXISTS (
      SELECT 1 FROM public.lineage_linkcorrection n WHERE n.run_input_id = c.run_input_id AND n.id > c.id));

CREATE VIEW muniment.run_outputs WITH (security_invoker = true) AS
  SELECT o.id, o.run_id, o.dataset_version_id, o.model_version_id, o.role FROM public.lineage_runoutput o
  WHERE o.id NOT IN (
    SELECT c.run_output_id FROM public.lineage_linkcorrection c
    WHERE c.run_output_id IS NOT NULL AND c.kind = 'void' AND NOT EXISTS (
      SELECT 1 FROM public.lineage_linkcorrection n WHERE n.run_output_id = c.run_output_id AND n.id > c.id));

-- A link of columns stands while the run's own links to both versions do.
CREATE VIEW muniment.column_links WITH (security_invoker = true) AS
  SELECT e.id, e.run_id, e.source_id, e.source_column, e.target_id, e.target_column, e.transformation, e.masking
  FROM public.lineage_columnlineage e
  WHERE NOT EXISTS (
      SELECT 1 FROM public.lineage_linkcorrection c WHERE c.column_lineage_id = e.id AND c.kind = 'void' AND NOT EXISTS (
        SELECT 1 FROM public.lineage_linkcorrection n WHERE n.column_lineage_id = e.id AND n.id > c.id))
    AND EXISTS (SELECT 1 FROM muniment.run_inputs i WHERE i.run_id = e.run_id AND i.dataset_version_id = e.source_id)
    AND EXISTS (SELECT 1 FROM muniment.run_outputs o WHERE o.run_id = e.run_id AND o.dataset_version_id = e.target_id);

GRANT SELECT ON muniment.run_inputs, muniment.run_outputs, muniment.column_links TO PUBLIC;
