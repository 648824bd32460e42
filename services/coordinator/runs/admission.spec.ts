/** The number and rate of new runs are limited. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Admission, type RunCounts } from './admission.js';

const none: RunCounts = { all: 0, active: 0 };

/** Returns an admission and its clock. */
function admissionAt(limits: { mostRuns?: number; mostActive?: number; perMinute?: number }) {
  const clock = { ms: 0 };
  const admission = new Admission({ mostRuns: 100, mostActive: 10, perMinute: 60, ...limits }, () => clock.ms);
  return { clock, admit: (counts = none): void => admission.admit(counts), check: (): void => admission.check(none) };
}

test('the runs of a third of a minute are admitted at once, then one at a time at the configured rate', () => {
  const { clock, admit, check } = admissionAt({ perMinute: 60 });
  for (let i = 0; i < 20; i++) admit();
  const refusal = {
    code: 'RESOURCE_EXHAUSTED',
    details: /^60 new runs a minute .* CREATE_RUNS_PER_MINUTE: try again in 1 s$/,
  };
  assert.throws(() => admit(), refusal);
  clock.ms += 999;
  assert.throws(check, refusal);
  clock.ms += 1;
  check(); // takes nothing
  admit();
  assert.throws(() => admit(), refusal);
  clock.ms += 3_600_000;
  for (let i = 0; i < 20; i++) admit();
  assert.throws(() => admit(), refusal);
});

test('a rate below one a minute admits one run, and says how long to wait for the next', () => {
  const { clock, admit } = admissionAt({ perMinute: 0.5 });
  admit();
  assert.throws(() => admit(), { details: /try again in 120 s$/, retryAfterMs: 120_000 });
  clock.ms += 120_000;
  admit();
});

test('runs beyond MAX_RUNS and MAX_ACTIVE_RUNS are refused, and the error says what to do', () => {
  const { admit } = admissionAt({ mostRuns: 3, mostActive: 2 });
  admit({ all: 2, active: 1 });
  assert.throws(() => admit({ all: 2, active: 2 }), {
    code: 'RESOURCE_EXHAUSTED',
    details: /^2 runs are active, .*MAX_ACTIVE_RUNS.*cancel one/,
  });
  assert.throws(() => admit({ all: 3, active: 0 }), {
    code: 'RESOURCE_EXHAUSTED',
    details: /^DATA_DIR has 3 runs, .*MAX_RUNS.*remove/,
  });
});
