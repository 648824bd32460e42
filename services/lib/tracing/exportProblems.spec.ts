import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { diagnosticsOf, ExportProblems, watched, type TelemetryProblem } from './exportProblems.js';

function collected(): { problems: ExportProblems; reported: TelemetryProblem[]; clock: { ms: number } } {
  const clock = { ms: 0 };
  const problems = new ExportProblems('traces', 'http://c', () => clock.ms);
  const reported: TelemetryProblem[] = [];
  problems.listen((problem) => reported.push(problem));
  return { problems, reported, clock };
}

describe('problems with traces', () => {
  test('failed exports are reported at once, then once a minute with their number, the rest at the end', () => {
    const { problems, reported, clock } = collected();
    for (let second = 0; second <= 150; second += 5) {
      clock.ms = second * 1000;
      problems.exportFailed('HTTP 401');
    }
    assert.deepEqual(
      reported.map(({ failures }) => failures),
      [1, 12, 12],
    );
    problems.reportFailures();
    problems.reportFailures();
    assert.deepEqual(reported.at(-1), {
      signal: 'traces',
      reason: 'HTTP 401',
      endpoint: 'http://c',
      failures: 6,
    });
    assert.equal(reported.length, 4);
  });

  test('what happens before anybody listens is kept', () => {
    const problems = new ExportProblems('traces', undefined);
    problems.once('early');
    const reported: string[] = [];
    problems.listen(({ reason }) => reported.push(reason));
    assert.deepEqual(reported, ['early']);
  });

  test("the SDK's messages are distinguished: failed exports, rejected spans, anything else once", () => {
    const { problems, reported, clock } = collected();
    const others = { metrics: new ExportProblems('metrics', undefined), logs: new ExportProblems('logs', undefined) };
    const diagnostics = diagnosticsOf({ traces: problems, ...others });
    const later = (): void => void (clock.ms += 100_000);
    diagnostics.error('{"message":"Unauthorized","code":"401","stack":"x"}');
    later();
    diagnostics.error('{"message":"connect ECONNREFUSED 127.0.0.1:9","code":"ECONNREFUSED"}');
    later();
    diagnostics.error('{"code":"ECONNREFUSED","stack":"AggregateError"}');
    later();
    diagnostics.warn(
      'OTLPExportDelegate',
      'Received Partial Success response: {"rejectedSpans":"3","errorMessage":""}',
    );
    diagnostics.warn('Received Partial Success response: {"rejectedSpans":0,"errorMessage":""}');
    diagnostics.warn('Dropped 12 spans', { some: 'object' });
    diagnostics.warn('Dropped 13 spans');
    assert.deepEqual(
      reported.map(({ reason, failures }) => [reason, failures]),
      [
        ['HTTP 401 Unauthorized', 1],
        ['connect ECONNREFUSED 127.0.0.1:9', 1],
        ['ECONNREFUSED', 1],
        ['3 spans were rejected', 1],
        ['Dropped 12 spans', 0],
      ],
    );
  });

  test('a receiver that rejects data points or log records is a problem of their signal', () => {
    const signals = ['traces', 'metrics', 'logs'] as const;
    const reported: [string, string][] = [];
    const [traces, metrics, logs] = signals.map((signal) => {
      const problems = new ExportProblems(signal, undefined);
      problems.listen(({ reason }) => reported.push([signal, reason]));
      return problems;
    });
    assert.ok(traces && metrics && logs);
    const diagnostics = diagnosticsOf({ traces, metrics, logs });
    diagnostics.warn('Received Partial Success response: {"rejectedDataPoints":"7","errorMessage":"too old"}');
    diagnostics.warn('Received Partial Success response: {"rejectedLogRecords":2,"errorMessage":""}');
    assert.deepEqual(reported, [
      ['metrics', '7 data points were rejected: too old'],
      ['logs', '2 log records were rejected'],
    ]);
  });

  test('the failure of a watched exporter is reported, and its processor sees a success', () => {
    const { problems, reported } = collected();
    type Done = (result: { code: number; error?: Error }) => void;
    const exporter = {
      export: (items: string[], done: Done) =>
        done(
          items.length > 0 ? { code: 0 } : { code: 1, error: Object.assign(new Error('Unauthorized'), { code: 401 }) },
        ),
    };
    const codes: number[] = [];
    const one = watched<string[], typeof exporter>(exporter, problems);
    one.export(['a'], ({ code }) => codes.push(code));
    one.export([], ({ code }) => codes.push(code));
    assert.deepEqual(codes, [0, 0]);
    assert.deepEqual(
      reported.map(({ reason }) => reason),
      ['HTTP 401 Unauthorized'],
    );
  });
});
