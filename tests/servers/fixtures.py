"""Every server as a fixture, one instance a session for all folders of tests that use them.

A plugin and not a conftest.py: ``pytest --floe-env=local`` in a checkout loads the latter, and must not need the SDKs.
"""

from tests.faults.certificates import certificates  # noqa: F401
from tests.servers.azurite import azurite  # noqa: F401
from tests.servers.bigquery import bigquery_server  # noqa: F401
from tests.servers.duckdb_files import newer_duckdb_file  # noqa: F401
from tests.servers.gcs import gcs_server, gcs_soft_delete  # noqa: F401
from tests.servers.iceberg_rest import iceberg_rest  # noqa: F401
from tests.servers.keycloak import keycloak  # noqa: F401
from tests.servers.lakehouse import lakehouse  # noqa: F401
from tests.servers.minio import minio, minio_tls  # noqa: F401
from tests.servers.moto_s3 import moto_s3, moto_s3_tls  # noqa: F401
from tests.servers.nessie import nessie  # noqa: F401
from tests.servers.polaris import polaris  # noqa: F401
from tests.servers.postgres import postgres, postgres_tls  # noqa: F401
from tests.servers.postgres_states import postgres_cold_standby, postgres_replica, postgres_strict  # noqa: F401
from tests.servers.snowflake import snowflake_server  # noqa: F401
from tests.servers.trino import trino_server, trino_without_workers  # noqa: F401
from tests.servers.trino_strict import trino_booting, trino_strict  # noqa: F401
