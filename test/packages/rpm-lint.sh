#!/usr/bin/env bash
# Runs rpmlint in a booted root and nowhere else: it unpacks with cpio, nfpm's archives carry absolute names, and so the
# files would land in the root of whoever looks.
set -euo pipefail
printf '#!/bin/sh\nexec /usr/bin/cpio --no-absolute-filenames "$@"\n' >/usr/local/bin/cpio
chmod 755 /usr/local/bin/cpio
rpmlint --rpmlintrc /packages/rpmlintrc "/packages/nakama-warden-1.0.0-1.x86_64.rpm"
[[ ! -e /usr/bin/nakama-warden ]] || { echo "rpmlint unpacked into the root"; exit 1; }
