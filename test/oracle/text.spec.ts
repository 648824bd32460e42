/**
 * The reference values of transformers' tokenizers and templates. Needs Python with the packages of
 * test/oracle/text/requirements.txt.
 */
import { testScripts } from './scripts.js';

testScripts('text', ['transformers', 'tokenizers', 'jinja2', 'pyarrow']);
