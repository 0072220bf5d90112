#!/bin/sh
# Install packages into an image's environment: install.sh tools|services, install.sh train TORCH,
# or the library itself, without its dependencies: install.sh --library FOLDER
set -eu
here=$(dirname "$0")
if [ -f "$here/ca.crt" ]; then
    export PIP_CERT="$here/ca.crt"
fi
export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_QUIET=1
if [ "$1" = --library ]; then
    python3 -m pip install --no-deps --no-compile --target /opt/pifpaf "$2"
else
    python3 "$here/requirements.py" "$@"
    python3 -m pip install --requirement "$here/requirements.txt" --constraint "$here/pins.txt"
fi
