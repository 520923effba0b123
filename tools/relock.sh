#!/usr/bin/env bash
# Makes the locks again from requirements/*.in and tools/package.json. Needs uv 0.13, node and npm. See requirements/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."

lock() { # lock INPUT OUTPUT PYTHON
    { echo "# Made by tools/relock.sh from $(basename "$1"). Do not edit."
      uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
          --python-version "$3" "$1"; } > "$2.new"
    mv "$2.new" "$2"
}
lock requirements/build.in requirements/build.txt 3.11
lock requirements/node.in requirements/node.txt 3.11
lock requirements/dev.in requirements/3.11.txt 3.11
lock requirements/dev.in requirements/3.12.txt 3.12
lock requirements/learning.in requirements/learning.txt 3.11

lock requirements/prove.in requirements/prove.txt 3.11

empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
for folder in tools proofs; do
    rm -rf "${empty:?}"/*
    cp "$folder/package.json" "$empty/"
    npm install --prefix "$empty" --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund >/dev/null
    # whom to thank, with an address: nothing an installation reads
    sed -z 's/,\n *"funding": {[^}]*}//g' "$empty/package-lock.json" > "$folder/package-lock.json"
done

if grep -nE 'https?://' requirements/*.txt tools/package-lock.json proofs/package-lock.json; then
    echo "a lock names a download address: take it out before committing" >&2
    exit 1
fi
