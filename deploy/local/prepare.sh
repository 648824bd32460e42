#!/bin/sh
# Makes sure that the named programs are there: on Debian as root it installs them, elsewhere it says what is missing.
# Nothing is an error here: what needs a program says what it does without.
#
# Usage: deploy/local/prepare.sh nats-server [chromium]
set -u
missing=
for program in "$@"; do
  if ! command -v "$program" >/dev/null 2>&1 && [ ! -x "/usr/sbin/$program" ]; then missing="$missing $program"; fi
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing$missing with apt-get" >&2
  # shellcheck disable=SC2086 # one word for each program
  if apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2; then
    # Debian starts these on installation; gapo runs its own.
    if command -v systemctl >/dev/null 2>&1; then systemctl stop nats-server prometheus >/dev/null 2>&1 || true; fi
    exit 0
  fi
fi
echo "not found:$missing (put them on PATH to use them)" >&2
exit 0
