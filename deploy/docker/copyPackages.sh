#!/bin/sh
# Copies the files of Debian packages to another root, with their entries in dpkg's database, which scanners read:
#
#   copyPackages.sh ROOT PACKAGE...
set -eu
root="$1"
shift
mkdir -p "${root}/var/lib/dpkg/status.d"
for package in "$@"; do
  dpkg-query --status "${package}" > "${root}/var/lib/dpkg/status.d/${package}"
  dpkg-query --listfiles "${package}" | while read -r path; do
    file="$(realpath "$(dirname "${path}")")/$(basename "${path}")"
    if [ -f "${file}" ] || [ -L "${file}" ]; then cp --archive --parents "${file}" "${root}"; fi
  done
done
for link in /lib /lib64; do if [ -L "${link}" ]; then cp --archive "${link}" "${root}"; fi; done
