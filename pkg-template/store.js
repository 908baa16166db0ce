// Keeps an identify ledger in what the user calls a store. Knows no shard.

/**
 * Has `ledger` take up what `store` has, and gives a function that keeps records of it there. `report` is told what the store
 * throws, by the name of its method.
 */
export async function openStore(ledger, store, report) {
  const attempt = async (method, act) => {
    try {
      return await act();
    } catch (error) {
      report(method, error);
    }
  };
  const text = await attempt("load", () => store.load());
  const { remaining, resetsAt, busy } = parse(text);
  if ([remaining, resetsAt].every(Number.isFinite)) ledger.restore([remaining, resetsAt, ...toNumbers(busy)]);
  // One after the other, so that an old record never replaces a new one.
  let saving = Promise.resolve();
  return (record) => {
    const text = JSON.stringify(record);
    saving = saving.then(() => attempt("save", () => store.save(text)));
  };
}

/** A text that is no record counts as none, as a file does natively. */
function parse(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

/** The pairs of a record, flat. */
function toNumbers(busy) {
  const numbers = Array.isArray(busy) ? busy.flat().filter(Number.isFinite) : [];
  // A half of a pair is none.
  return numbers.slice(0, numbers.length & ~1);
}
