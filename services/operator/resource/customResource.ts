/** The common parts of custom resource definitions: their frame, columns, conditions and field types. */
import { group, version, type ResourceNames } from './names.js';
import type { Rule, StructuralSchema } from './structuralSchema.js';

export const text = (description: string): StructuralSchema => ({ type: 'string', description });
export const integer = (description: string): StructuralSchema => ({ type: 'integer', format: 'int64', description });
export const number = (description: string): StructuralSchema => ({ type: 'number', description });
export const time = (description: string): StructuralSchema => ({ type: 'string', format: 'date-time', description });

/** A column of `kubectl get`. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  /** Above 0: shown only with `-o wide`. */
  readonly priority?: number;
}

/** Returns a string column unless `more` says otherwise. */
export function column(name: string, jsonPath: string, more: Partial<Column> = {}): Column {
  return { name, type: 'string', jsonPath, ...more };
}

/** Returns the schema of a status's conditions. @param types the condition types, for the description */
export function conditionsSchema(types: string): StructuralSchema {
  return {
    type: 'array',
    description: 'Conditions of the resource.',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
    items: {
      type: 'object',
      required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
      properties: {
        type: text(types),
        status: { ...text('Whether the condition is true.'), enum: ['True', 'False', 'Unknown'] },
        observedGeneration: integer('The generation of the resource that the condition was set for.'),
        lastTransitionTime: time('When its status changed.'),
        reason: text('The reason, as one word.'),
        message: text('The reason, for people.'),
      },
    },
  };
}

/** The parts specific to one custom resource. */
export interface CustomResource {
  readonly names: ResourceNames;
  readonly description: string;
  readonly columns: readonly Column[];
  readonly spec: StructuralSchema;
  readonly status: StructuralSchema;
  /** Rules that involve the metadata. @default none */
  readonly rules?: readonly Rule[];
  /** Where the number of replicas is, for `kubectl scale` and autoscalers. @default none */
  readonly scale?: object;
}

/** Returns a CustomResourceDefinition. */
export function customResourceDefinition(resource: CustomResource): object {
  const { names, description, columns, spec, status, rules, scale } = resource;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${names.plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { listKind: `${names.kind}List`, ...names, categories: ['gapo'] },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {}, ...(scale && { scale }) },
          additionalPrinterColumns: columns,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description,
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec,
                status,
              },
              ...(rules && { 'x-kubernetes-validations': rules }),
            },
          },
        },
      ],
    },
  };
}
