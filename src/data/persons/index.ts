export { drawPersons, identityBatches, type Person, type PersonOptions } from './draw-persons.ts';
