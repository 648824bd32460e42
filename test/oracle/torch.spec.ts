/**
 * The reference values of models and adapters. Needs Python with the packages of
 * test/oracle/torch/requirements.txt.
 */
import { testScripts } from './scripts.js';

testScripts('torch', ['torch', 'transformers', 'peft', 'onnxruntime']);
