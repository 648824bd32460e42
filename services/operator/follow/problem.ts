/** Something that does not work, as conditions say it. */
export interface Problem {
  /** As one word. */
  readonly reason: string;
  readonly message: string;
}
