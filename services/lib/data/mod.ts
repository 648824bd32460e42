/** Data sets: files of JSON Lines, JSON arrays and Parquet, in the forms that the tools of the field write. */
export { readRecords, type DataFile, type DataFormat, type ReadOptions } from './readRecords.js';
export { Columns, kindOf, type ColumnMap } from './forms/columns.js';
export { comparisonForm, type Compared, type Comparison, type LabelSources } from './forms/comparisonForm.js';
export { learnedForm, type Learned } from './forms/learnedForm.js';
export { preferenceForm, type Preference } from './forms/preferenceForm.js';
export { promptForm } from './forms/promptForm.js';
