#!/bin/sh
# Make a base image from Debian packages, for machines that reach no container registry: docker/base-image.sh [SUITE [SOURCES]]
#
# SUITE is a Debian release with Python 3.11 or newer, SOURCES a mirror's address or a sources.list file; this machine's
# own by default. The image is called pifpaf-base:SUITE. Needs root, mmdebstrap and a Docker daemon.
set -eu
suite=${1:-bookworm}
sources=${2:-}
for program in mmdebstrap docker; do
    if ! command -v "$program" >/dev/null; then
        echo "docker/base-image.sh: $program is missing. Install it, e.g. apt-get install mmdebstrap docker.io" >&2
        exit 1
    fi
done
if [ -z "$sources" ]; then
    for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
        if [ -s "$file" ]; then
            sources=$file
            break
        fi
    done
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# python3-venv brings the whole of Python's library, and pip
mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates \
    "$suite" "$scratch/base.tar" ${sources:+"$sources"}
docker import --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin' "$scratch/base.tar" "pifpaf-base:$suite"
