/** Ctrl-C, and the signals that mean the same: the first asks, the second insists. */

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What to do when a person wants to stop. */
export interface Interrupts {
  /** Aborted at the second signal: stop at once. */
  readonly forced: AbortSignal;
  /** Aborted at the first signal. */
  readonly asked: AbortSignal;
  /** Stops listening. */
  release(): void;
}

/** Listens until released. */
export function listenForInterrupts(): Interrupts {
  const asked = new AbortController();
  const forced = new AbortController();
  const onSignal = (): void => {
    if (asked.signal.aborted) forced.abort();
    else asked.abort();
  };
  for (const name of stopSignals) process.on(name, onSignal);
  return {
    asked: asked.signal,
    forced: forced.signal,
    release: () => stopSignals.forEach((name) => process.removeListener(name, onSignal)),
  };
}

/** Resolves when a signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
