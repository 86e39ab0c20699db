export { lineGrammar, networkOfLine } from './network-line.ts';
export { networkSvg } from './network-svg.ts';
export { networkText } from './network-text.ts';
export { networkTikz } from './network-tikz.ts';
export type { DrawOptions } from './placed-network.ts';
export { networkOfPrototxt, type PrototxtNetwork } from './prototxt.ts';
