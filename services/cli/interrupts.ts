/** Ctrl-C and the equivalent signals: the first requests a graceful stop, the second forces it. */

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Signals of a requested stop. */
export interface Interrupts {
  /** Aborted at the second signal: stop immediately. */
  readonly forced: AbortSignal;
  /** Aborted at the first signal. */
  readonly stopRequested: AbortSignal;
  /** Stops listening. */
  release(): void;
}

/** Listens for stop signals until released. */
export function listenForInterrupts(): Interrupts {
  const stopRequested = new AbortController();
  const forced = new AbortController();
  const onSignal = (): void => {
    if (stopRequested.signal.aborted) forced.abort();
    else stopRequested.abort();
  };
  for (const name of stopSignals) process.on(name, onSignal);
  return {
    stopRequested: stopRequested.signal,
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
