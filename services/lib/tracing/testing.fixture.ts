export { recordedSpans } from './recordedSpans.fixture.js';
export { recordedMetrics, type RecordedSeries } from './recordedMetrics.fixture.js';
