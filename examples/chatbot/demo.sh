#!/bin/sh
# From three .env files to a vault, and from there to the running application. Works in this
# folder, so call it in a copy of the example: `cargo xtask demo` does, with a vault of its own.
set -eu

say() { printf '\n$ %s\n' "$*"; }
run() { say "$@"; "$@"; }

run python3 make_env.py .
# The recovery code lies outside the project, as a copy in a safe would.
recovery=${KEYWARD_RECOVERY_FILE:-$(dirname "$PWD")/chatbot-recovery-code.txt}
run keyward init --project chatbot --yes --remove-plaintext --recovery-file "$recovery"
run keyward list -e production

for stage in development staging production; do
  if [ -e ".env.$stage" ]; then
    echo "plaintext is left in .env.$stage" >&2
    exit 1
  fi
  run keyward run -e "$stage" -- python3 backend/app.py --self-test
done

run keyward audit verify
