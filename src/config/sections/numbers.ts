import * as z from 'zod';

export const positiveInt = z.int().min(1);
export const nonNegative = z.number().min(0);
export const probability = z.number().min(0).max(1);
