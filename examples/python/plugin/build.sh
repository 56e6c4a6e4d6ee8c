#!/bin/sh
# Builds language.wasm from app.py. The world is the plugin's own: it exports the hooks that app.py has.
set -eu
command -v componentize-py >/dev/null || {
    echo "componentize-py is missing. Get it with: pip install componentize-py==0.25.1" >&2
    exit 1
}
contract=../../../sdk/wit
# A world names what this plugin exports and imports; the contract's package comes from the SDK.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$contract"/*.wit world.wit "$work"/
componentize-py --wit-path "$work" --world language-plugin componentize app --output "$work/language.wasm" >&2
mv "$work/language.wasm" language.wasm
