#!/bin/sh
# Puts the chatbot's OpenAI key behind keyward's gateway, once for an environment, and starts the
# application with it: the page then asks the model by itself, with a key of minutes.
#
#     keyward up &          the vault's server and its gateway
#     sh gateway.sh         [ENVIRONMENT]
set -eu

stage=${1:-development}
api=${GATEWAY_API:-http://127.0.0.1:8200}
setting() { keyward get "$1" -e "$stage"; }
# Values come in by a pipe, never by argument.
keep() { keyward set "$1" -e "$stage" --kind "$2"; }
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)["virtual_key"][sys.argv[1]])' "$1"; }

# The server may just be starting.
tries=0
answers='import sys, urllib.request as u; u.build_opener(u.ProxyHandler({})).open(sys.argv[1], timeout=5)'
until python3 -c "$answers" "$api/healthz" 2>/dev/null; do
  tries=$((tries + 1))
  if [ "$tries" -ge 60 ]; then
    echo "no keyward answers at $api: start it by \`keyward up\`" >&2
    exit 1
  fi
  sleep 0.5
done

if ! keyward list -e "$stage" --json | grep -q '"GATEWAY_KEY"'; then
  # The application's own account: it may have the key used, and see no value.
  if ! keyward service-account list | grep -q chatbot; then
    keyward service-account add chatbot --name "the chatbot's backend"
  fi
  keyward role grant operator chatbot -p chatbot -e "$stage"

  # What all visitors together may do.
  set -- --secret OPENAI_API_KEY --for chatbot --origin "http://127.0.0.1:$(setting PORT)"
  set -- "$@" --allow 'POST /v1/chat/completions' --model 'gpt-4o*' --max-field max_tokens=300
  set -- "$@" --rpm 60 --parallel 8 --budget 5usd/day
  if [ "$(setting PROVIDER_MODE)" = double ]; then
    # OpenAI's stand-in, which the application starts.
    set -- "$@" --upstream "${GATEWAY_UPSTREAM:-http://127.0.0.1:8010/openai}"
  fi
  made=$(keyward virtual-key create "page-$stage" -e "$stage" --json "$@")

  # What the backend needs to make narrower ones for each visit; its token does nothing else.
  printf %s "$made" | field id | keep GATEWAY_KEY config
  printf %s "$made" | field base_url | keep GATEWAY_URL config
  echo "$api" | keep GATEWAY_API config
  keyward token create --for chatbot --ttl 90d --scope "use:chatbot/$stage/OPENAI_API_KEY" --name "backend, $stage" |
    keep GATEWAY_TOKEN bearer-token
fi

exec keyward run -e "$stage" -- python3 backend/app.py
