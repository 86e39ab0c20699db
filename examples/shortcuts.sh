#!/bin/sh
# Two more shortcuts beside the boats: tanks (a cue without a place) and letterbox (a cue whose place is never the
# object's), plain and cured, seed by seed.
#
#     sh examples/shortcuts.sh [OUT [JOBS [SEEDS]]]        # runs/shortcuts, 2 at a time, seeds "1 2 3"
#
# First the plain trainings, then, each from the plain network of its seed: for tanks colours alone, composites alone, and
# both; for letterbox composites; for both the last layer refitted on 80 images in which object and cue come apart. Every
# run has one thread and takes below four minutes. What is finished is not done again. Prints the answers at the end.
set -eu
OUT=${1:-runs/shortcuts}
JOBS=${2:-2}
SEEDS=${3:-1 2 3}

train() { # NAME CONFIG [--set ...]
  NAME=$1 CONFIG=$2
  shift 2
  [ -f "$OUT/$NAME/summary.json" ] || npm run -s train -- --config "configs/$CONFIG.yaml" --run "$OUT/$NAME" \
    --resume=auto --set seed="$SEED" --set engine.threads=1 "$@" > "$OUT/$NAME.log" 2>&1
}

one() { # SET KIND SEED
  SET=$1 KIND=$2 SEED=$3
  NAME=$SET-$KIND-$SEED
  FROM=model.weights=$OUT/$SET-plain-$SEED/model
  NO_MASKS='--set data.composites=null --set data.masks.predicted=null --set data.masks.count=0'
  case $SET in tanks) OBJECT=tank ;; *) OBJECT=car ;; esac
  case $SET-$KIND in
    *-plain) train "$NAME" "$SET" ;;
    tanks-colours) train "$NAME" tanks-cure --set "$FROM" $NO_MASKS ;;
    tanks-composites) train "$NAME" tanks-cure --set "$FROM" --set data.augment.color=null ;;
    tanks-both) train "$NAME" tanks-cure --set "$FROM" ;;
    letterbox-composites) train "$NAME" letterbox-cure --set "$FROM" ;;
    *-refit)
      npm run -s refit -- --run "$OUT/$SET-plain-$SEED" --on groups --split counterexamples --class $OBJECT \
        --out "$OUT/$NAME" > "$OUT/$NAME.log" 2>&1
      ;;
  esac
}

all() { # KIND: its runs, as many at a time as JOBS says
  for KIND in "$@"; do
    for SEED in $SEEDS; do echo "$KIND $SEED"; done
  done | xargs -P "$JOBS" -I '{}' env ONE='{}' sh "$0" "$OUT" "$JOBS" "$SEEDS"
}

if [ -n "${ONE:-}" ]; then
  one $ONE
  exit
fi
mkdir -p "$OUT"
for SET in tanks letterbox; do
  npm run -s import -- $SET --out data/$SET
done
all 'tanks plain' 'letterbox plain'
all 'tanks both' 'tanks composites' 'letterbox composites' 'tanks colours' 'tanks refit' 'letterbox refit'
for LOG in "$OUT"/*.log; do
  echo
  echo "$LOG"
  grep -E '^(test|tank-in-sun|cloud-without-tank|car-without-bars|bars-without-car) ' "$LOG" || tail -3 "$LOG"
done
