// What the parser makes of shell text: plain data, so that functions and running commands can be snapshotted and forked.

export type ParameterOperator = '' | '-' | '=' | '?' | '+' | '#' | '##' | '%' | '%%' | 'length';

export type WordPart =
  | { readonly kind: 'text'; readonly text: string; readonly quoted: boolean }
  | {
      readonly kind: 'parameter';
      readonly name: string;
      readonly operator: ParameterOperator;
      /** `:-` rather than `-`: null counts as unset. */
      readonly colon: boolean;
      readonly word: Word;
      readonly quoted: boolean;
    }
  | { readonly kind: 'command'; readonly body: List; readonly quoted: boolean }
  | { readonly kind: 'arithmetic'; readonly word: Word; readonly quoted: boolean };

export type Word = readonly WordPart[];

export type RedirectionOperator = '<' | '>' | '>>' | '<&' | '>&' | '<>' | '>|' | '<<';

export interface Redirection {
  readonly descriptor: number;
  readonly operator: RedirectionOperator;
  /** The file, the descriptor to copy, or the text of a here-document. */
  target: Word;
}

export interface Assignment {
  readonly name: string;
  readonly value: Word;
}

export type Command =
  | {
      readonly kind: 'simple';
      readonly assignments: readonly Assignment[];
      readonly words: readonly Word[];
      readonly redirections: readonly Redirection[];
      readonly line: number;
    }
  | { readonly kind: 'subshell'; readonly body: List; readonly redirections: readonly Redirection[] }
  | { readonly kind: 'group'; readonly body: List; readonly redirections: readonly Redirection[] }
  | {
      readonly kind: 'if';
      readonly branches: readonly { readonly condition: List; readonly body: List }[];
      readonly otherwise: List | null;
      readonly redirections: readonly Redirection[];
    }
  | {
      readonly kind: 'while';
      readonly until: boolean;
      readonly condition: List;
      readonly body: List;
      readonly redirections: readonly Redirection[];
    }
  | {
      readonly kind: 'for';
      readonly name: string;
      /** null: over "$@". */
      readonly words: readonly Word[] | null;
      readonly body: List;
      readonly redirections: readonly Redirection[];
    }
  | {
      readonly kind: 'case';
      readonly word: Word;
      readonly items: readonly { readonly patterns: readonly Word[]; readonly body: List }[];
      readonly redirections: readonly Redirection[];
    }
  | {
      readonly kind: 'function';
      readonly name: string;
      readonly body: Command;
      readonly redirections: readonly Redirection[];
    };

export interface Pipeline {
  readonly negated: boolean;
  readonly commands: readonly Command[];
  /** The text it was made from, for `jobs`. */
  readonly source: string;
}

export interface AndOr {
  readonly pipelines: readonly Pipeline[];
  /** operators[i] stands between pipelines i and i + 1. */
  readonly operators: readonly ('&&' | '||')[];
}

export interface List {
  readonly items: readonly { readonly chain: AndOr; readonly background: boolean }[];
}
