export function halfScores(batch: { shape: number[]; data: string }): number[][];
