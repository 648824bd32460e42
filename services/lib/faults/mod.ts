/** Fault points: places in the code where tests inject failures, by name. Off unless GAPO_FAULTS is set. */
export {
  faultPoint,
  faultPointAsync,
  faultsActive,
  injectFaults,
  observeFaultPoints,
  type FaultObserver,
} from './faultPoint.js';
export { faultPoints, type FaultPointName } from './points.js';
export { FaultSyntaxError, type Fault, type FaultRule } from './rules.js';
