/** The syntax tree of a template. */
import type { Value } from './values.js';

/** Where a node begins. */
interface Placed {
  /** From 1. */
  readonly line: number;
}

export type BinaryOperator = '+' | '-' | '*' | '/' | '//' | '%' | '**' | 'and' | 'or';
export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in';

/** The arguments as written. */
export interface CallArguments {
  readonly positional: readonly Expression[];
  readonly named: readonly (readonly [string, Expression])[];
  readonly rest: Expression | undefined;
  readonly namedRest: Expression | undefined;
}

export type Expression = Placed &
  (
    | { readonly kind: 'constant'; readonly value: Value }
    | { readonly kind: 'name'; readonly name: string }
    | { readonly kind: 'list' | 'tuple'; readonly items: readonly Expression[] }
    | { readonly kind: 'dict'; readonly entries: readonly (readonly [Expression, Expression])[] }
    | { readonly kind: 'unary'; readonly operator: '+' | '-' | 'not'; readonly operand: Expression }
    | {
        readonly kind: 'binary';
        readonly operator: BinaryOperator;
        readonly left: Expression;
        readonly right: Expression;
      }
    | { readonly kind: 'join'; readonly parts: readonly Expression[] }
    | {
        readonly kind: 'compare';
        readonly first: Expression;
        readonly others: readonly (readonly [Comparison, Expression])[];
      }
    | {
        readonly kind: 'condition';
        readonly test: Expression;
        readonly then: Expression;
        readonly otherwise: Expression | undefined;
      }
    | { readonly kind: 'attribute'; readonly object: Expression; readonly name: string }
    | { readonly kind: 'item'; readonly object: Expression; readonly index: Expression }
    | {
        readonly kind: 'slice';
        readonly object: Expression;
        readonly bounds: readonly [Expression | undefined, Expression | undefined, Expression | undefined];
      }
    | { readonly kind: 'call'; readonly callee: Expression; readonly given: CallArguments }
    | {
        readonly kind: 'filter';
        /** Undefined in the tag of a block, which has no value of its own. */
        readonly value: Expression | undefined;
        readonly name: string;
        readonly given: CallArguments;
      }
    | { readonly kind: 'test'; readonly value: Expression; readonly name: string; readonly given: CallArguments }
  );

/** What a value is assigned to. */
export type Target = Placed &
  (
    | { readonly kind: 'name'; readonly name: string }
    | { readonly kind: 'field'; readonly namespace: string; readonly name: string }
    | { readonly kind: 'targets'; readonly targets: readonly Target[] }
  );

/** The parameters and the body of a macro or a call block. */
export interface MacroDefinition {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly default: Expression | undefined }[];
  readonly body: readonly Statement[];
  /** Names that the body reads, which may be `varargs`, `kwargs` and `caller`. */
  readonly reads: ReadonlySet<string>;
}

export type Statement = Placed &
  (
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'print'; readonly value: Expression }
    | {
        readonly kind: 'if';
        readonly branches: readonly (readonly [Expression, readonly Statement[]])[];
        readonly otherwise: readonly Statement[];
      }
    | {
        readonly kind: 'for';
        readonly target: Target;
        readonly over: Expression;
        readonly test: Expression | undefined;
        readonly recursive: boolean;
        readonly body: readonly Statement[];
        readonly otherwise: readonly Statement[];
      }
    | { readonly kind: 'set'; readonly target: Target; readonly value: Expression }
    | {
        readonly kind: 'setBlock';
        readonly target: Target;
        readonly filter: Expression | undefined;
        readonly body: readonly Statement[];
      }
    | {
        readonly kind: 'with';
        readonly bindings: readonly (readonly [Target, Expression])[];
        readonly body: readonly Statement[];
      }
    | { readonly kind: 'macro'; readonly macro: MacroDefinition }
    | { readonly kind: 'callBlock'; readonly call: Expression; readonly caller: MacroDefinition }
    | { readonly kind: 'filterBlock'; readonly filter: Expression; readonly body: readonly Statement[] }
    | { readonly kind: 'scope'; readonly body: readonly Statement[] }
    | { readonly kind: 'break' | 'continue' }
  );
