"""Files to job specs: YAML documents, interpolation, models, local files, digests and the parse cache."""
