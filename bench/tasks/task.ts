/** What one side of a comparison does, again and again. */
export interface Task<Settings extends object> {
  /** Writes to `folder` what all sides share: weights, images. Runs once, in the main process. */
  prepare(settings: Settings, folder: string): Promise<void>;
  /**
   * Sets up on the active engine.
   *
   * @returns one repetition; it gives a number that must be the same on all sides, a loss say. It ends when the
   *   result is on the host
   */
  start(settings: Settings, folder: string): Promise<() => number | Promise<number>>;
}
