/** A problem, as stated in conditions. */
export interface Problem {
  /** A single word. */
  readonly reason: string;
  readonly message: string;
}
