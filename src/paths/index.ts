export { checkedName, nameFault } from './checked-name.ts';
export { pathUnder } from './path-under.ts';
