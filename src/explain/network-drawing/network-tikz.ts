import type { NetworkNode } from '../../gradcam/index.ts';
import { boxSize, type DrawOptions, placeNetwork, shortened } from './placed-network.ts';

/** Pixels of the drawing in a centimetre of TikZ. */
const perCentimetre = 50;

/** A network as TikZ: a document of its own that needs `standalone` and `tikz`, to be edited and compiled. */
export function networkTikz(nodes: readonly NetworkNode[], options: DrawOptions = {}): string {
  const { boxes, edges, title } = placeNetwork(nodes, options);
  const at = (x: number, y: number) => `(${cm(x)},${cm(-y)})`;
  const lines = [
    '\\documentclass[tikz,border=4pt]{standalone}',
    '\\begin{document}',
    '\\begin{tikzpicture}[',
    `  layer/.style={draw, rounded corners=2pt, minimum width=${cm(boxSize.width)}cm, minimum height=${cm(boxSize.height)}cm,`,
    `    text width=${cm(boxSize.width - 20)}cm, align=left, inner sep=2pt, font=\\sffamily\\scriptsize},`,
    '  input/.style={layer}, convolution/.style={layer, fill=blue!8, draw=blue!60!black},',
    '  pooling/.style={layer, fill=orange!12, draw=orange!60!black}, dense/.style={layer, fill=green!10, draw=green!45!black},',
    '  joining/.style={layer, fill=magenta!8, draw=magenta!50!black}, other/.style={layer, fill=black!4},',
    '  flow/.style={->, >=stealth, draw=black!65}, onwards/.style={flow, dashed}]',
    ...(title === undefined
      ? []
      : [`\\node[anchor=west, font=\\sffamily\\bfseries] at ${at(20, 22)} {${escaped(title)}};`]),
  ];
  for (const [i, { lines: text, left, top, kind }] of boxes.entries()) {
    const [name, kinds, shape] = text.map((line) => escaped(shortened(line)));
    const center = at(left + boxSize.width / 2, top + boxSize.height / 2);
    lines.push(
      `\\node[${kind}] (n${i}) at ${center} {\\textbf{${name}}\\\\ ${kinds}\\\\ \\textcolor{black!60}{${shape}}};`,
    );
  }
  for (const { points, between } of edges) {
    lines.push(`\\draw[${between ? 'onwards' : 'flow'}] ${points.map(([x, y]) => at(x, y)).join(' -- ')};`);
  }
  lines.push('\\end{tikzpicture}', '\\end{document}', '');
  return lines.join('\n');
}

function cm(pixels: number): string {
  return (pixels / perCentimetre).toFixed(2);
}

/** What TeX reads as a command, as text. */
function escaped(text: string): string {
  const commands: Readonly<Record<string, string>> = {
    '\\': '\\textbackslash{}',
    '~': '\\textasciitilde{}',
    '^': '\\textasciicircum{}',
    '×': '$\\times$',
    '·': '$\\cdot$',
    '…': '\\dots{}',
    // The default encoding, whose fonts every TeX has, holds other signs in their places.
    '<': '\\textless{}',
    '>': '\\textgreater{}',
    '|': '\\textbar{}',
  };
  return text.replace(/[\\~^×·…<>|]|[&%$#_{}]/g, (character) => commands[character] ?? `\\${character}`);
}
