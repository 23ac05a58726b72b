#!/bin/sh
# Makes Temporal's two databases, or brings them to the schema of this server's version. Harmless twice.
# Runs in temporalio/admin-tools; SQL_PASSWORD is read by the tool itself.
set -eu

schemas=${TEMPORAL_SCHEMAS:-/etc/temporal/schema/postgresql/v12}

sql() {
  database=$1
  shift
  temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" -p "${DB_PORT:-5432}" -u "$POSTGRES_USER" --db "$database" "$@"
}

for database in temporal temporal_visibility; do
  case $database in
    temporal) versions=$schemas/temporal/versioned ;;
    *) versions=$schemas/visibility/versioned ;;
  esac
  sql "$database" create
  sql "$database" setup-schema -v 0.0
  sql "$database" update-schema -d "$versions"
done
