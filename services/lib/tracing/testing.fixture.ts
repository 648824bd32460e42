export { recordedSpans } from './recordedSpans.fixture.js';
