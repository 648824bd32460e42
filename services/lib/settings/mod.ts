/** What a person configures: YAML files and environment variables, checked whole, with errors that say what to mend. */
export { parseYaml, type YamlSource } from './yamlFile.js';
export { parseValue } from './problems.js';
export { readSettings, describeSettings, type SettingRow } from './environment.js';
export { settingsHelp, type HelpOptions } from './help.js';
export { ConfigError, type ConfigProblem } from './configError.js';
export { canonicalJson, configSha256 } from './canonicalJson.js';
export { nearestKey } from './editDistance.js';
export * from './schemas.js';
export { z } from 'zod';
