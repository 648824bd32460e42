import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { serviceName, telemetryWanted } from './sdk.js';

describe('whether traces are wanted', () => {
  test('follows the standard variables', () => {
    assert.equal(telemetryWanted({}), false);
    assert.equal(telemetryWanted({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' }), true);
    assert.equal(telemetryWanted({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://x' }), true);
    assert.equal(telemetryWanted({ OTEL_TRACES_EXPORTER: 'console' }), true);
    assert.equal(telemetryWanted({ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' }), false);
    assert.equal(telemetryWanted({ OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' }), false);
  });

  test('the service is named by OTEL_SERVICE_NAME, else by its folder', () => {
    assert.equal(serviceName({ OTEL_SERVICE_NAME: 'mine' }, '/x/services/rollout/dist/main.js'), 'mine');
    assert.equal(serviceName({}, '/x/services/rollout/dist/main.js'), 'gapo-rollout');
    assert.equal(serviceName({}, '/x/services/rollout/main.js'), 'gapo-rollout');
  });
});
