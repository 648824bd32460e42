/** The page's style: light and dark by the system's setting. Kept as modules, since only compiled files are shipped. */
import { baseStyle } from './base.js';
import { planeStyle } from './plane.js';
import { runStyle } from './run.js';
import { samplesStyle } from './samples.js';
import { steerStyle } from './steer.js';

/** All of it, in the order in which it applies. */
export const style = [baseStyle, runStyle, samplesStyle, steerStyle, planeStyle].join('');
