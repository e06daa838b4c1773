"""Where batches go: files, object stores, DuckDB, Iceberg. A batch arrives whole or not at all."""
