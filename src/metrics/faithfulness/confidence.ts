/**
 * What an image loses when only what the map shows is left of it: max(0, Y − O) / Y, Y the score on the image, O on
 * the map times the image. Its mean, in per cent, is Average Drop % (Chattopadhay et al., Grad-CAM++, WACV 2018,
 * section 4.1.1).
 */
export function confidenceDrop(whole: number, shown: number): number {
  return whole > 0 ? Math.max(0, whole - shown) / whole : 0;
}

/** Whether it gains: Y < O. Its share, in per cent, is % Increase in Confidence (section 4.1.2). */
export function confidenceIncreases(whole: number, shown: number): boolean {
  return whole < shown;
}
