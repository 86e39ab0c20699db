import type { LayerGraph, Step } from './layer-graph.ts';

/** A run of steps, with the values that nobody asks for after each of them. */
export interface Schedule {
  readonly steps: readonly Step[];
  /** Per step: the slots that may be let go of once it is done. */
  readonly spent: readonly (readonly number[])[];
}

/** A graph cut at a value: what comes before it, and what depends on it. */
export interface Cut {
  readonly slot: number;
  /** Computes the value and whatever else the head asks for (connections that bypass the cut). */
  readonly body: Schedule;
  /** Computes the wanted values that depend on the cut. */
  readonly head: Schedule;
  /** Whether a value depends on the cut. */
  dependsOnCut(slot: number): boolean;
}

/** What was worked out for a graph stays with it: a training step asks for the same plan each time. */
function remembered<T>(make: (graph: LayerGraph, wanted: readonly number[], slot: number) => T) {
  const plans = new WeakMap<LayerGraph, Map<string, T>>();
  return (graph: LayerGraph, wanted: readonly number[], slot = -1): T => {
    const known = plans.get(graph) ?? new Map<string, T>();
    plans.set(graph, known);
    const key = [slot, ...wanted].join();
    const plan = known.get(key) ?? make(graph, wanted, slot);
    known.set(key, plan);
    return plan;
  };
}

/** Everything that the wanted values need, in one run. */
export const scheduleAll = remembered<Schedule>((graph, wanted) =>
  schedule(needed(graph.steps, new Set(wanted)), new Set(wanted)),
);

/** Cuts the graph at a slot; steps that serve no wanted value are left out. */
export const cutAt = remembered<Cut>((graph, wanted, slot) => {
  const dependent = new Set([slot]);
  const after = new Set<Step>();
  for (const step of graph.steps) {
    if (step.inputs.some((input) => dependent.has(input))) {
      after.add(step);
      for (const output of step.outputs) dependent.add(output);
    }
  }
  const head = needed(
    graph.steps.filter((step) => after.has(step)),
    new Set(wanted),
  );
  const asked = new Set([slot, ...wanted, ...head.flatMap(({ inputs }) => inputs)]);
  const body = needed(
    graph.steps.filter((step) => !after.has(step)),
    asked,
  );
  return {
    slot,
    body: schedule(body, asked),
    head: schedule(head, new Set([...wanted, ...asked])),
    dependsOnCut: (value) => dependent.has(value),
  };
});

function needed(steps: readonly Step[], wanted: ReadonlySet<number>): Step[] {
  const asked = new Set(wanted);
  const kept = new Set<Step>();
  for (const step of steps.toReversed()) {
    if (step.outputs.some((output) => asked.has(output))) {
      kept.add(step);
      for (const input of step.inputs) asked.add(input);
    }
  }
  return steps.filter((step) => kept.has(step));
}

function schedule(steps: readonly Step[], lasting: ReadonlySet<number>): Schedule {
  const made = new Set(steps.flatMap(({ outputs }) => outputs));
  const seen = new Set(lasting);
  const spent = steps.map(() => [] as number[]);
  for (let i = steps.length - 1; i >= 0; i--) {
    for (const slot of [...steps[i]!.inputs, ...steps[i]!.outputs]) {
      if (made.has(slot) && !seen.has(slot)) {
        seen.add(slot);
        spent[i]!.push(slot);
      }
    }
  }
  return { steps, spent };
}
