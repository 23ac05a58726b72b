#!/bin/sh
# The task without weaver: clone, check, ask, apply, check, commit, push. The rival that the benchmark measures against,
# so it does nothing that it need not do: no retry, no record, no sandbox, no limit on anything.
# script.sh REPOSITORY BRANCH TITLE CHECK ENDPOINT
set -eu
repository=$1 branch=$2 title=$3 check=$4 endpoint=$5

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git clone --quiet "$repository" "$work/repository"
cd "$work/repository"
sh -c "$check" >"$work/before.log" 2>&1 || true

curl --silent --show-error --fail --header 'content-type: application/json' \
  --header "authorization: Bearer $OPENAI_API_KEY" \
  --data "{\"model\":\"scripted-1\",\"messages\":[{\"role\":\"user\",\"content\":\"$title\"}]}" \
  "$endpoint/chat/completions" >"$work/response.json"

# Every edit of the task is a whole file.
node -e '
  const { readFileSync, writeFileSync } = require("node:fs");
  const [response, message] = process.argv.slice(1);
  const answer = JSON.parse(JSON.parse(readFileSync(response, "utf8")).choices[0].message.content);
  for (const { path, content } of answer.edits) writeFileSync(path, content);
  writeFileSync(message, answer.commitMessage);
' "$work/response.json" "$work/message"

sh -c "$check" >"$work/after.log" 2>&1
git add --all
git -c user.name=weaver -c user.email=weaver@localhost commit --quiet --file "$work/message"
git push --quiet origin "HEAD:refs/heads/$branch"
