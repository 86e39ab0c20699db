#!/bin/sh
# Every fuzz target at once, in processes of their own with different seeds:
#
#   test/fuzz/all.sh OUTDIR [JOBS] [MINUTES] [SEED]
#
# JOBS processes (8) share the targets, MINUTES (5) is the time of the whole. Each process writes OUTDIR/TARGET-SEED.json:
# tried, typed, right, bad, and the faults with their inputs. OUTDIR/summary.txt adds them up. Exit code 1: there are faults.
# Compiled (npm run build:checks) it needs nothing but node and the packages of this one.
set -eu
if [ $# -lt 1 ]; then
  sed -n '2,8p' "$0"
  exit 2
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
jobs=${2:-8}
minutes=${3:-5}
seed=${4:-1000}
cd "$(dirname "$0")/../.."

if [ -f .cache/checks/test/fuzz/fuzz.js ]; then
  set -- node .cache/checks/test/fuzz/fuzz.js
else
  set -- node --import=./.ci/typescript.mjs test/fuzz/fuzz.ts
fi
exec_fuzz() {
  target=$1 own_seed=$2 time=$3
  shift 3
  status=0
  "$@" "$target" --minutes "$time" --seed "$own_seed" --json \
    >"$out/$target-$own_seed.json" 2>"$out/$target-$own_seed.log" || status=$?
  [ "$status" -le 1 ] || echo "$target, seed $own_seed: ended with $status, see $out/$target-$own_seed.log"
}

# Slow targets get a process each before fast ones get a second.
targets='gradients models checkpoints results importers engine images shards yaml'
count=$(echo $targets | wc -w)
# Fewer jobs than targets: each job works through several, one after the other.
rounds=$(((count + jobs - 1) / jobs))
time=$(awk "BEGIN { print $minutes / $rounds }")
job=0
while [ "$job" -lt "$jobs" ]; do
  (
    n=$job
    while [ "$n" -lt $((rounds * jobs)) ]; do
      target=$(echo $targets | cut -d ' ' -f $((n % count + 1)))
      exec_fuzz "$target" $((seed + n)) "$time" "$@"
      n=$((n + jobs))
    done
  ) &
  job=$((job + 1))
done
wait

node -e '
  const fs = require("node:fs");
  const [out] = process.argv.slice(1);
  const totals = new Map();
  const lost = [];
  for (const name of fs.readdirSync(out).filter((file) => file.endsWith(".json")).sort()) {
    let results;
    try { results = JSON.parse(fs.readFileSync(`${out}/${name}`, "utf8")); } catch { lost.push(name); continue; }
    for (const { target, seed, faults, seconds, ...counts } of results) {
      const sum = totals.get(target) ?? { tried: 0, typed: 0, right: 0, bad: 0 };
      for (const key of Object.keys(sum)) sum[key] += counts[key];
      totals.set(target, sum);
    }
  }
  const rows = [...totals];
  const all = { tried: 0, typed: 0, right: 0, bad: 0 };
  for (const [, sum] of rows) for (const key of Object.keys(all)) all[key] += sum[key];
  const line = (name, { tried, typed, right, bad }) =>
    [name.padEnd(12), ...[tried, typed, right, bad].map((value) => String(value).padStart(9))].join("");
  const text = [line("target", { tried: "tried", typed: "typed", right: "right", bad: "bad" }),
    ...rows.map(([name, sum]) => line(name, sum)), line("all", all),
    ...lost.map((name) => `${name} is not whole: its process was ended`)].join("\n");
  fs.writeFileSync(`${out}/summary.txt`, `${text}\n`);
  console.log(text);
  process.exitCode = all.bad > 0 || lost.length > 0 ? 1 : 0;
' "$out"
