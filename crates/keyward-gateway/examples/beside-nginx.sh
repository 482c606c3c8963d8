#!/bin/bash
# The gateway with every feature on beside nginx with a map, a limit, a header and a log, in pairs:
#   beside-nginx.sh FOLDER [ROUNDS] [SECONDS]
# FOLDER gets nginx and wrk from Debian (`apt-get download`, `dpkg -x`). Both run on core 0, the upstream
# (examples/stub) and the load (wrk, 32 connections) on core 1. Build before:
#   cargo build --release -p keyward-gateway --examples
# Prints CPU microseconds a request (user and system, all threads), requests, p50, p99 and memory. `CHRT=`
# in the environment leaves real-time priority out, which keeps other work of the machine away.
set -euo pipefail
folder=$(realpath "$1") rounds=${2:-5} seconds=${3:-4}
bin=$(realpath "${CARGO_TARGET_DIR:-target}/release/examples")
run="${CHRT-chrt -f 10} taskset -c"
mkdir -p "$folder" && cd "$folder"
if [ ! -x root/usr/sbin/nginx ]; then
    apt-get download nginx wrk libluajit-5.1-2 libluajit-5.1-common
    for package in *.deb; do dpkg -x "$package" root; done
fi
export LD_LIBRARY_PATH=$folder/root/usr/lib/x86_64-linux-gnu
value=$(printf 'bench-'; printf '0123456789%.0s' $(seq 16))
for n in $(seq 0 999); do printf '"Bearer kwv_%042d000000" k%d;\n' "$n" "$n"; done > keys.map
cat > nginx.conf <<EOF
worker_processes 1; daemon off; pid $folder/nginx.pid; error_log $folder/error.log;
events { worker_connections 1024; }
http {
  client_body_temp_path $folder/b; proxy_temp_path $folder/p; fastcgi_temp_path $folder/f; uwsgi_temp_path $folder/u; scgi_temp_path $folder/s;
  log_format usage '\$msec \$key \$status \$request_time \$bytes_sent \$request_length \$uri';
  access_log /dev/null usage buffer=64k;
  map_hash_max_size 8192; map_hash_bucket_size 128;
  map \$http_authorization \$key { default ""; include $folder/keys.map; }
  limit_req_zone \$key zone=r:10m rate=1000000r/s;
  upstream stub { server 127.0.0.1:9301; keepalive 64; }
  server {
    listen 127.0.0.1:9302; keepalive_requests 1000000000; tcp_nodelay on;
    location /openai/ {
      if (\$key = "") { return 401; }
      limit_req zone=r burst=1000000 nodelay;
      proxy_pass http://stub/; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host api.openai.com;
      proxy_set_header Authorization "Bearer $value";
    }
  }
}
EOF
text=$(printf 'please tell me something about the weather %.0s' $(seq 20))
cat > post.lua <<EOF
wrk.method = "POST"
wrk.body = '{"model":"gpt-4o","messages":[{"role":"user","content":"$text"}],"max_tokens":150}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer $(printf 'kwv_%042d000000' 500)"
wrk.headers["Accept"] = "application/json"
wrk.headers["User-Agent"] = "OpenAI/Python"
EOF
$run 1 "$bin/stub" 9301 & stub=$!
$run 0 root/usr/sbin/nginx -c "$folder/nginx.conf" -p "$folder" 2> nginx.err & nginx=$!
$run 0 "$bin/serve" 9303 9301 > serve.out & gateway=$!
trap 'kill $stub $nginx $gateway' EXIT
sleep 1
worker=$(pgrep -P $nginx)
cpu() { cat /proc/"$1"/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f", sum / 1000 }'; }
measure() {
    local before after
    before=$(cpu "$2")
    $run 1 root/usr/bin/wrk -t1 -c32 -d"${seconds}s" --latency -s post.lua "http://127.0.0.1:$3/openai/v1/chat/completions" > wrk.out
    after=$(cpu "$2")
    awk -v name="$1" -v us=$((after - before)) -v rss="$(awk '/VmRSS/ { print $2 }' "/proc/$2/status")" '
        $1 == "50%" { p50 = $2 } $1 == "99%" { p99 = $2 } /requests in/ { n = $1 } /Non-2xx/ { bad = " " $0 }
        END { printf "%-8s %6.2f us/request  %7d requests  p50 %s  p99 %s  %d kB%s\n", name, us / n, n, p50, p99, rss, bad }' wrk.out
}
for _ in $(seq "$rounds"); do
    measure nginx "$worker" 9302
    measure keyward "$gateway" 9303
done
