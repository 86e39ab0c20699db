import type { NetworkNode } from '../../gradcam/index.ts';

/** A network as lines of text, in the order of execution: name, kind, shape, weights, and what it reads but the line above. */
export function networkText(nodes: readonly NetworkNode[]): string {
  const rows = nodes.map((node, i) => {
    const { name, op, shape, parameters, window, strides, activation, inputs } = node;
    const kind =
      `${op}${window ? ` ${window.join('x')}` : ''}${strides ? ` /${[...new Set(strides)].join('x')}` : ''}` +
      `${activation ? `, ${activation}` : ''}`;
    const before = nodes[i - 1]?.name;
    const reads =
      inputs.length === 1 && inputs[0] === before
        ? ''
        : inputs.length > 0
          ? `reads ${inputs.join(', ')}`
          : '';
    const size = shape
      .slice(1)
      .map((extent) => extent ?? 'any')
      .join('x');
    return [name, kind, size, parameters === 0 ? '' : parameters.toLocaleString('en'), reads];
  });
  const head = ['layer', 'kind', 'answers', 'weights', ''];
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 3 ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  const total = nodes.reduce((sum, { parameters }) => sum + parameters, 0);
  return `${[line(head), ...rows.map(line)].join('\n')}\n${total.toLocaleString('en')} weights\n`;
}
