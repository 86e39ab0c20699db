#!/bin/sh
# Compiles the fuzzers and the kills to .cache/checks (npm run build:checks): they then start faster, and need neither
# tsx nor TypeScript, so that the folder can be taken to another machine.
set -eu
cd "$(dirname "$0")/../.."
out=.cache/checks
rm -rf "$out"
npx tsc -p test/tsconfig.checks.json
cp package.json "$out/"
cp -R configs "$out/"
for folder in keras-files onnx-files torch-files; do
  mkdir -p "$out/test/fixtures"
  cp -R "test/fixtures/$folder" "$out/test/fixtures/"
done
mkdir -p "$out/test/reference"
cp test/reference/fuzz_gradients.py "$out/test/reference/"
