/** Scores of a batch as docs/explanations.md describes it: [mean of the left half, 1 - it] of each image. */
export function halfScores({ shape, data }) {
  const [count, height, width, channels] = shape;
  const bytes = Buffer.from(data, 'base64');
  return Array.from({ length: count }, (_, image) => {
    let sum = 0;
    for (let y = 0; y < height; y++) {
      for (let at = 0; at < (width / 2) * channels; at++) {
        sum += bytes.readFloatLE(4 * ((image * height + y) * width * channels + at));
      }
    }
    const mean = sum / ((height * width * channels) / 2);
    return [mean, 1 - mean];
  });
}
