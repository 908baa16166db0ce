/**
 * Types of the host, by whatever declares them in the program: `lib.dom`, `@types/node`, a runtime's own. Where nothing does,
 * what shardwire itself uses of them.
 */

type Global = typeof globalThis;

/** The host's `AbortSignal`. */
export type Signal = Global extends { AbortSignal: { prototype: infer Own } } ? Own : SignalParts;

interface SignalParts {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** The host's `fetch`. */
export type Fetch = Global extends { fetch: infer Own } ? Own : (url: string, init: any) => Promise<any>;

/** The host's `URL`. */
export type Address = Global extends { URL: { prototype: infer Own } } ? Own : { readonly href: string };

/** The host's `WebAssembly.Module`. */
export type CompiledModule = Global extends { WebAssembly: { Module: { prototype: infer Own } } } ? Own : object;
