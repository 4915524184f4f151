-- Who registered a deployment; of earlier ones it is not known.
ALTER TABLE deployments ADD COLUMN account TEXT NOT NULL DEFAULT '';
