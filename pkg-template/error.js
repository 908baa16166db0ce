// The one error class of all parts of the package.

/** Why a call was refused or failed; `code` is stable. */
export class ShardwireError extends Error {
  /** `details` are further properties, such as `retryAfterMs`. */
  constructor(code, message, { cause, ...details } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "ShardwireError";
    this.code = code;
    Object.assign(this, details);
  }
}
