#!/bin/bash
# nginx on loopback: https, HTTP/1.1 and HTTP/2, before any http server.
#   UPSTREAM=127.0.0.1:19020 ./start-tls-front.sh
#   https://localhost:19443   a good certificate        https://localhost:19444   an expired one
#   https://localhost:19445   one for another host      http://127.0.0.1:19446    answers 503 SlowDown, Retry-After 1
# PORT sets the first of the four ports; each has a front of its own, for another upstream say. A second call with a live
# front and the same upstream only prints the environment to export. Stop: ./stop-tls-front.sh, with the same PORT
set -euo pipefail
. "$(dirname "$0")/state.sh"
upstream=${UPSTREAM:-127.0.0.1:19020}
port=${PORT:-19443}
dir=$SERVERS_DIR/tls-front-$port
if alive "$dir" nginx && [ "$(cat "$dir/upstream")" != "$upstream" ]; then
  echo "the front on port $port stands before $(cat "$dir/upstream"): stop it first" >&2
  exit 1
fi
if ! alive "$dir" nginx; then
  must_be_free "http://127.0.0.1:$((port + 3))/"
  "$HERE/make-root.sh" bookworm nginx-light openssl
  rm -rf "$dir"
  mkdir -p "$dir/temp"
  echo "$upstream" >"$dir/upstream"
  in_root=("$HERE/in-root.sh" bookworm)

  # `openssl ca` because it alone, in this version, can date a certificate into the past.
  cat >"$dir/make-certificates.sh" <<'CERTIFICATES'
set -eu
cd "$1"
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj '/CN=test CA'
mkdir issued
: >index
echo 01 >serial
certificate() { # name, subjectAltName, first day, last day
  openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$1"
  cat >ca.cnf <<CONF
[ca]
default_ca = test
[test]
new_certs_dir = issued
database = index
serial = serial
default_md = sha256
policy = policy
x509_extensions = extensions
[policy]
commonName = supplied
[extensions]
subjectAltName = $2
CONF
  openssl ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key -in "$1.csr" -out "$1.pem" -startdate "$3" -enddate "$4"
}
today=$(date -u +%Y%m%d000000Z)
later=$(date -u -d '+20 days' +%Y%m%d000000Z)
certificate good DNS:localhost,IP:127.0.0.1 "$today" "$later"
certificate expired DNS:localhost,IP:127.0.0.1 20200101000000Z 20200201000000Z
certificate other DNS:other.test "$today" "$later"
CERTIFICATES
  "${in_root[@]}" bash "$dir/make-certificates.sh" "$dir" >"$dir/certificates.log" 2>&1 || {
    tail -n 20 "$dir/certificates.log" >&2
    exit 1
  }

  forward='proxy_pass http://upstream; proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header Connection ""; proxy_request_buffering off;'
  cat >"$dir/nginx.conf" <<CONF
worker_processes 1;
daemon off;
user root;
pid $dir/nginx-own.pid;
error_log $dir/error.log;
events { worker_connections 512; }
http {
  access_log off;
  client_max_body_size 0;
  client_body_temp_path $dir/temp/body;
  proxy_temp_path $dir/temp/proxy;
  fastcgi_temp_path $dir/temp/fastcgi;
  uwsgi_temp_path $dir/temp/uwsgi;
  scgi_temp_path $dir/temp/scgi;
  upstream upstream { server $upstream; keepalive 16; }
  server { listen 127.0.0.1:$port ssl http2; ssl_certificate $dir/good.pem; ssl_certificate_key $dir/good.key; location / { $forward } }
  server { listen 127.0.0.1:$((port + 1)) ssl; ssl_certificate $dir/expired.pem; ssl_certificate_key $dir/expired.key; location / { $forward } }
  server { listen 127.0.0.1:$((port + 2)) ssl; ssl_certificate $dir/other.pem; ssl_certificate_key $dir/other.key; location / { $forward } }
  server {
    listen 127.0.0.1:$((port + 3));
    default_type application/xml;
    add_header Retry-After 1 always;
    location / { return 503 '<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'; }
  }
}
CONF
  spawn "$dir" nginx "${in_root[@]}" nginx -c "$dir/nginx.conf" -e "$dir/error.log"
  until_answers "http://127.0.0.1:$((port + 3))/" "$dir" nginx
fi
cat <<ENV
export S3_ENDPOINT=https://localhost:$port
export S3_ENDPOINT_EXPIRED=https://localhost:$((port + 1))
export S3_ENDPOINT_OTHER_HOST=https://localhost:$((port + 2))
export S3_ENDPOINT_SLOW_DOWN=http://127.0.0.1:$((port + 3))
export NODE_EXTRA_CA_CERTS=$dir/ca.pem
ENV
