#!/bin/sh
# Makes the namespace and registers weaver's search attributes in it. Harmless twice.
# Runs in temporalio/admin-tools; TEMPORAL_ADDRESS is read by the CLI itself.
set -eu

namespace=${TEMPORAL_NAMESPACE:-default}

# How long a finished task stays visible in the Web UI; weaver's own records stay in its home.
retention=${TEMPORAL_RETENTION:-720h}

if ! temporal operator namespace describe --namespace "$namespace" >/dev/null 2>&1; then
  temporal operator namespace create --namespace "$namespace" --retention "$retention"
fi

# As src/workflows/messages.ts has them; a test compares.
register() {
  temporal operator search-attribute create --namespace "$namespace" \
    --name WeaverPhase --type Keyword \
    --name WeaverOutcome --type Keyword \
    --name WeaverWaitingOn --type Keyword \
    --name WeaverRepo --type Keyword \
    --name WeaverBranch --type Keyword \
    --name WeaverRequester --type Keyword \
    --name WeaverModel --type Keyword \
    --name WeaverHandler --type Keyword \
    --name WeaverDecider --type Keyword \
    --name WeaverAttempt --type Int \
    --name WeaverTokens --type Int \
    --name WeaverCostUsd --type Double \
    --name WeaverDeadline --type Datetime \
    --name WeaverTags --type KeywordList
}

# The server hears of a new namespace up to ten seconds later.
tries=30
until register; do
  tries=$((tries - 1))
  if [ "$tries" -eq 0 ]; then
    echo "The search attributes could not be registered in $namespace." >&2
    exit 1
  fi
  sleep 1
done
