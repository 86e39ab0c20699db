/** What the methods of explanation use of `node:timers/promises`: a pause in which a page can draw. */
export function setImmediate(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}
